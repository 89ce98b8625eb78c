import { UsageError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";

/** A text as a classifier reads it. */
export interface LabelledTokens {
  /** [T], special tokens included. */
  ids: Int32Array;
  /** In [0, K). */
  label: number;
}

export interface LabelledBatchOptions {
  /** B, texts a batch. */
  batch: number;
  /** L, tokens a text; none may be longer. */
  length: number;
  seed: number | bigint | string;
  /** What short texts are filled up with; the mask hides it. Default 0. */
  pad?: number | undefined;
}

export interface LabelledBatch {
  /** [B, L] */
  tokens: Int32Array;
  /** [B, L], 1 where a token stands. */
  mask: Uint8Array;
  /** [B] */
  labels: Int32Array;
}

/** Batches of texts with labels, in an order that is new for each pass. */
export class LabelledBatches {
  readonly #texts: readonly LabelledTokens[];
  readonly #options: LabelledBatchOptions;
  #order: number[] = [];

  /** @throws UsageError where there are fewer texts than a batch takes */
  constructor(texts: readonly LabelledTokens[], options: LabelledBatchOptions) {
    this.#texts = texts;
    this.#options = options;
    if (texts.length >= options.batch) return;
    throw new UsageError({
      what: "There are fewer texts than a batch takes.",
      got: String(texts.length),
      expected: `at least ${options.batch}`,
    });
  }

  /** Batches in a pass; what is left over waits for the next. */
  get stepsPerEpoch(): number {
    return Math.floor(this.#texts.length / this.#options.batch);
  }

  /** The batch of a step, which follows from the seed and the step's number alone. */
  at(step: number): LabelledBatch {
    const { batch } = this.#options;
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (this.#order[0] !== epoch) this.#order = [epoch, ...this.#shuffled(epoch)];
    const first = 1 + (step % this.stepsPerEpoch) * batch;
    return filledBatch(
      this.#order.slice(first, first + batch).map((row) => this.#texts[row]),
      this.#options,
    );
  }

  #shuffled(epoch: number): number[] {
    const stream = new RandomStream(this.#options.seed, `texts/${epoch}`);
    const order = Array.from(this.#texts, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = stream.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}

/** Texts side by side, filled up at their ends; rows without a text repeat the last one. */
export function filledBatch(
  rows: readonly LabelledTokens[],
  { batch, length, pad = 0 }: Omit<LabelledBatchOptions, "seed">,
): LabelledBatch {
  const tokens = new Int32Array(batch * length).fill(pad);
  const mask = new Uint8Array(batch * length);
  const labels = new Int32Array(batch);
  for (let b = 0; b < batch; b++) {
    const { ids, label } = rows[Math.min(b, rows.length - 1)];
    tokens.set(ids, b * length);
    mask.fill(1, b * length, b * length + ids.length);
    labels[b] = label;
  }
  return { tokens, mask, labels };
}
