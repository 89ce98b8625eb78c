import { appendFileSync } from "node:fs";

/** How far one comparison with PyTorch was off: what `npm run parity` collects from the tests. */
export interface ParityRecord {
  /** What the comparison was told as: `Conv2d {"in":3} #0, gradient 1, runtime`. */
  what: string;
  /** Largest difference relative to the largest stored entry. */
  error: number;
}

/** Keep a comparison's error in the file named by PARITY_RECORD, where that is set. */
export function recordError(what: string, error: number): void {
  const file = process.env.PARITY_RECORD;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ what, error } satisfies ParityRecord)}\n`);
}
