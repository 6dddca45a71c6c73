// The phases of a task as the rules name them; they are data of the court, not texts.

export const PHASES = [
  "待外呼",
  "外呼中",
  "查找中",
  "待核实",
  "已约定渠道",
  "待转渠道",
  "挂起",
  "待出报告",
  "送达完成",
] as const;
