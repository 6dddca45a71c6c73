// The phases of a task as the rules name them; they are data of the court, not texts.

export const PHASES = [
  "待核实",
  "待外呼",
  "电话告知",
  "已约定渠道",
  "待转渠道",
  "待出报告",
  "挂起",
] as const;
