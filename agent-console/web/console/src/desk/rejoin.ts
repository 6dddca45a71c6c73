// When a page asks for the sound of its call again. The server says what it misses, the leg
// says whether it broke; who asks too often gets in his own way.

/** A leg that breaks at once is not made anew faster than this. */
const PAUSE_MS = 1_000;
/** So long an offer of ours may be on its way. */
const ANSWER_MS = 4_000;
/** The server misses us although our connection stands: it may still hear us again. */
const GRACE_MS = 1_500;

export interface Standing {
  /** A call is on the line, and the server knows this page. */
  live: boolean;
  /** The server has no sound of this page. */
  resumable: boolean;
  /** There is no leg, or it broke for good. */
  broken: boolean;
  /** For how long the server has heard nothing of us; null while it does. */
  awayMs: number | null;
  /** Since the last offer. */
  sinceMs: number;
}

export function mustRejoin(standing: Standing): boolean {
  const { live, resumable, broken, awayMs, sinceMs } = standing;
  if (!live || sinceMs < PAUSE_MS) return false;
  if (broken) return true;
  if (sinceMs < ANSWER_MS) return false;
  return resumable || (awayMs !== null && awayMs >= GRACE_MS);
}
