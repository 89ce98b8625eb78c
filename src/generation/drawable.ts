import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/**
 * Which of a network's logits are of tokens at all. Vocabularies are padded to round sizes, and some tokenizers leave numbers out: nobody trained those
 * rows, and no text stands for them.
 */
export class DrawableIds {
  /** All ids from here on have no token. */
  readonly size: number;
  /** Ids below `size` that have none. */
  readonly holes: readonly number[];
  #row: Float32Array | undefined;

  /** @param vocabulary logits of a token */
  constructor(tokenizer: Pick<Tokenizer, "tokenOf" | "vocabularySize">, vocabulary: number) {
    const most = Math.min(vocabulary, tokenizer.vocabularySize);
    const missing = Array.from({ length: most }, (_, id) => id).filter((id) => tokenizer.tokenOf(id) === undefined);
    let size = most;
    while (missing.at(-1) === size - 1) {
      missing.pop();
      size--;
    }
    this.size = size;
    this.holes = missing;
  }

  /** Every id below `vocabulary` without a token. */
  unused(vocabulary: number): number[] {
    return [...this.holes, ...Array.from({ length: Math.max(0, vocabulary - this.size) }, (_, i) => this.size + i)];
  }

  /** Whether an id has a token. */
  has(id: number): boolean {
    return id >= 0 && id < this.size && !this.holes.includes(id);
  }

  /** A row of logits [V] as one [size] of tokens alone, holes at -Infinity: the row's own memory where there are none, else good until the next call. */
  of(logits: Float32Array): Float32Array {
    const row = logits.subarray(0, this.size);
    if (this.holes.length === 0) return row;
    this.#row ??= new Float32Array(this.size);
    this.#row.set(row);
    this.close(this.#row);
    return this.#row;
  }

  /** Put -Infinity where there is no token, in place: a row [V]. */
  close(logits: Float32Array): void {
    for (const id of this.holes) logits[id] = Number.NEGATIVE_INFINITY;
    logits.fill(Number.NEGATIVE_INFINITY, this.size);
  }
}
