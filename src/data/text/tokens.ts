/** Token ids as a model reads them: one long sequence, of which windows are drawn. */
import { AtelierError, UsageError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import type { TextDocument } from "./text-set.ts";

/** A sequence of token ids, in memory or in a file. */
export interface TokenSource {
  /** Tokens. */
  readonly length: number;
  /** Ids are below this. */
  readonly vocabularySize: number;
  /** Copy the tokens from `start` on into the target. @throws AtelierError when they are not all there. */
  read(start: number, target: Int32Array): Promise<void>;
  /** The same at once: what a training step's batch is filled by. */
  readSync(start: number, target: Int32Array): void;
}

/** A sequence in memory. */
export function tokensInMemory(ids: Int32Array | Uint16Array | Uint32Array, vocabularySize: number): TokenSource {
  const readSync = (start: number, target: Int32Array): void => {
    checkRange(start, target.length, ids.length);
    target.set(ids.subarray(start, start + target.length));
  };
  return { length: ids.length, vocabularySize, readSync, read: async (start, target) => readSync(start, target) };
}

/** @throws AtelierError unless `count` tokens from `start` on are there */
export function checkRange(start: number, count: number, length: number): void {
  if (Number.isSafeInteger(start) && start >= 0 && start + count <= length) return;
  throw new AtelierError({ what: "The tokens asked for are not there.", got: `${count} from ${start}`, expected: `within 0 to ${length}` });
}

/** The ids of documents one after the other, each followed by `separator` where one is given. */
export function* documentTokens(
  documents: Iterable<TextDocument>,
  encode: (text: string) => Int32Array,
  separator?: number | undefined,
): Generator<Int32Array, void, undefined> {
  for (const { text, target } of documents) {
    yield encode(target === undefined ? text : `${text}\t${target}\n`);
    if (separator !== undefined) yield Int32Array.of(separator);
  }
}

export interface WindowOptions {
  /** B, windows a batch. */
  batch: number;
  /** T, tokens a window: the model's context. */
  length: number;
  /** All draws follow from this and the step's number. */
  seed: number | bigint | string;
}

/** Where a sampler of windows stands: all that must be saved to go on exactly. */
export interface WindowPosition {
  /** Batches drawn. */
  step: number;
}

/** Batches of windows at random places of a sequence; targets are the inputs moved on by one token. */
export class TokenWindows {
  readonly source: TokenSource;
  readonly batch: number;
  readonly length: number;
  readonly seed: string;
  readonly #window: Int32Array;
  #step = 0;

  /** @throws UsageError when the text is shorter than a window and one token, or a size is not a positive integer */
  constructor(source: TokenSource, { batch, length, seed }: WindowOptions) {
    if (!Number.isInteger(batch) || batch < 1 || !Number.isInteger(length) || length < 1) {
      throw new UsageError({ what: "Batch size and context must be positive integers.", got: `${batch} x ${length}` });
    }
    if (source.length < length + 1) {
      throw new UsageError({
        what: "The text is shorter than the context.",
        got: `${source.length} tokens`,
        expected: `at least ${length + 1}: a context of ${length}, and the token after it`,
        hint: "choose a shorter context, or give more text",
      });
    }
    this.source = source;
    this.batch = batch;
    this.length = length;
    this.seed = String(seed);
    this.#window = new Int32Array(length + 1);
  }

  /** What the next batch follows from. */
  get position(): WindowPosition {
    return { step: this.#step };
  }

  /** Go to a saved position. @throws AtelierError when it is none. */
  seek({ step }: WindowPosition): void {
    if (!Number.isSafeInteger(step) || step < 0) throw new AtelierError({ what: "The saved position is not valid.", got: String(step) });
    this.#step = step;
  }

  /** Fill `inputs` and `targets` [B, T] with the next batch. */
  async next(inputs: Int32Array, targets: Int32Array): Promise<void> {
    const stream = new RandomStream(this.seed, `windows/${this.#step}`);
    for (let b = 0; b < this.batch; b++) await this.#fill(stream.below(this.source.length - this.length), b, inputs, targets);
    this.#step++;
  }

  /** Windows one after the other without overlap, whatever the position: what a held-out text is measured on. The last may be cut off. */
  async *inOrder(inputs: Int32Array, targets: Int32Array): AsyncGenerator<{ valid: number }, void, undefined> {
    const windows = Math.floor((this.source.length - 1) / this.length);
    for (let first = 0; first < windows; first += this.batch) {
      const valid = Math.min(this.batch, windows - first);
      for (let b = 0; b < this.batch; b++) await this.#fill((first + (b % valid)) * this.length, b, inputs, targets);
      yield { valid };
    }
  }

  async #fill(start: number, b: number, inputs: Int32Array, targets: Int32Array): Promise<void> {
    await this.source.read(start, this.#window);
    inputs.set(this.#window.subarray(0, this.length), b * this.length);
    targets.set(this.#window.subarray(1), b * this.length);
  }
}
