import { conditionNames } from "./dataset.ts";
import type { BatchTarget, Loader, LoaderPosition } from "./loader.ts";

/** A batch in the prefetcher's own arrays, of which those asked for are there. */
export interface StagedBatch extends BatchTarget {
  /** How many examples are not repeats. */
  valid: number;
}

/** Which parts of a batch are wanted. Default only the examples themselves: pictures, points, tokens, or sources and targets. */
export type PrefetchOptions = { readonly [part in keyof BatchTarget]?: boolean };

/**
 * Prepares the next batch while the current step runs on the runtime's threads and this one is idle. Use instead of the loader's `fill`:
 * the batches and their order are the same.
 *
 *     const batch = await prefetcher.next();   // staged during the last step; copied into the bound arrays by the caller
 *     images.set(batch.images);
 *     await binding.run();                     // the following batch is staged meanwhile
 */
export class Prefetcher {
  readonly loader: Loader;
  readonly #buffers: [StagedBatch, StagedBatch];
  #turn = 0;
  /** Where the batch begins that `next` will give; the loader itself is one batch ahead once it is staged. */
  #position: LoaderPosition;
  #staged: StagedBatch | undefined;

  /** @throws AtelierError when labels or conditions are wanted of a set without. */
  constructor(loader: Loader, wanted: PrefetchOptions = {}) {
    const { batch, set } = loader;
    const { kind } = set;
    const { images = kind === "images", points = kind === "points", labels = false, conditions = false } = wanted;
    const { tokens = kind === "tokens", source = kind === "pairs", target = kind === "pairs" } = wanted;
    const ids = (size: number) => new Int32Array(batch * size);
    this.loader = loader;
    const examples = () => new Float32Array(batch * loader.exampleSize);
    const buffer = (): StagedBatch => ({
      images: images ? examples() : undefined,
      points: points ? examples() : undefined,
      labels: labels ? new Int32Array(batch) : undefined,
      conditions: conditions ? new Float32Array(batch * conditionNames(set).length) : undefined,
      tokens: tokens ? ids(loader.exampleSize) : undefined,
      source: source && kind === "pairs" ? ids(set.shape.source) : undefined,
      target: target && kind === "pairs" ? ids(set.shape.target) : undefined,
      valid: 0,
    });
    this.#buffers = [buffer(), buffer()];
    this.#position = loader.position;
    this.#stage();
  }

  /** Where the next batch begins that has not been taken yet: what a checkpoint saves. */
  get position(): LoaderPosition {
    return this.#position;
  }

  /** Go to a saved position; a batch staged before is dropped. @throws AtelierError as the loader. */
  seek(position: LoaderPosition): void {
    this.loader.seek(position);
    this.#position = this.loader.position;
    if (this.#staged === undefined) return;
    // The dropped batch's buffer is the free one; the other may still be the caller's.
    this.#turn = 1 - this.#turn;
    this.#staged = undefined;
  }

  /** The next batch. Its arrays are the prefetcher's and stay as they are until `next` is called again. */
  async next(): Promise<StagedBatch> {
    const batch = this.#staged ?? this.#stage();
    this.#staged = undefined;
    this.#position = this.loader.position;
    // Not now but when the caller has started its step and waits for it.
    later(() => {
      if (this.#staged === undefined) this.#stage();
    });
    return batch;
  }

  /** Fill the buffer that the caller does not hold. */
  #stage(): StagedBatch {
    this.#turn = 1 - this.#turn;
    const buffer = this.#buffers[this.#turn];
    const target: BatchTarget = buffer;
    buffer.valid = this.loader.fill(target);
    this.#staged = buffer;
    return buffer;
  }
}

/** Run once the current task's promises have settled. Browsers have no setImmediate. */
function later(task: () => void): void {
  if (typeof setImmediate === "function") setImmediate(task);
  else setTimeout(task, 0);
}
