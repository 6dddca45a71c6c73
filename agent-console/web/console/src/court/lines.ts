// Which line is heard now.

import type { TranscriptLine } from "../lib/types.ts";

/** The number of the line at `ms`: the last one that began and has not ended, else none. */
export function currentLine(
  lines: Pick<TranscriptLine, "no" | "from_ms" | "to_ms">[],
  ms: number,
): number | null {
  let found: number | null = null;
  for (const line of lines) {
    if (line.from_ms <= ms && ms < line.to_ms) found = line.no;
  }
  return found;
}
