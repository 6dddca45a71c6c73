// What the rules name as the result of a task; it is data of the court, not text.

/** No rule has said anything yet. */
const OPEN = "未定";

/** The result that a rule has found, or nothing. */
export function found(result: string): string {
  return result === OPEN ? "" : result;
}
