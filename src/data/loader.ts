/** Batches out of a data set: shuffled by seed, exactly resumable, written into the caller's arrays. */
import { AtelierError, ShapeError, UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { type Augmentation, augmentPicture, augments } from "./augment.ts";
import { conditionNames, type ExampleSet, examplesNoun, type ImageSet, type ImageShape } from "./dataset.ts";
import type { PointSet } from "./points.ts";
import { startOf, type TokenSet, type WindowSet, writeWindow } from "./token-set.ts";

export interface LoaderOptions {
  /** Examples a batch. */
  batch: number;
  /** The order of every epoch follows from this and the epoch's number alone. Default 0. */
  seed?: number | bigint | string | undefined;
  /** Default true. */
  shuffle?: boolean | undefined;
  /** Leave out the last, incomplete batch of an epoch (default); else it is filled up by repeating its pictures. */
  dropLast?: boolean | undefined;
  /** How `fill` changes pictures: as follows from the seed, the epoch and the picture alone. Evaluation never does. */
  augment?: Augmentation | undefined;
  /**
   * How `fill` takes windows of a long text: each at a random place (default; what it takes for an epoch is as many as the text holds side by side), or as
   * `blocks` that the text is cut into, each once an epoch.
   */
  windows?: WindowOrder | undefined;
}

/** How windows of a long text are taken. */
export type WindowOrder = "random" | "blocks";

/** Where a loader stands: all that must be saved to go on exactly. */
export interface LoaderPosition {
  /** Epochs finished. */
  epoch: number;
  /** Pictures of this epoch already given out. */
  index: number;
}

/** Arrays a batch is written into; what is absent is not written. */
export interface BatchTarget {
  /** [B, C, H, W], filled with intensities in [0, 1]: byte / 255. */
  images?: Float32Array | undefined;
  /** [B, D], filled with points as they are. */
  points?: Float32Array | undefined;
  /** [B], filled with class indices. */
  labels?: Int32Array | undefined;
  /** [B, K], filled with the attributes as 0 and 1, or with the class as one-hot where the set has no attributes. */
  conditions?: Float32Array | undefined;
  /** [B, T + 1], filled with the ids of windows of a text. */
  tokens?: Int32Array | undefined;
  /** [B, S], filled with the ids of pairs' sources. */
  source?: Int32Array | undefined;
  /** [B, T], filled with the ids of pairs' targets. */
  target?: Int32Array | undefined;
}

/** byte / 255, rounded to float32 once. */
const INTENSITY = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Batches of a set, in an order that follows from the seed, with a position that a checkpoint can hold. */
export class Loader {
  readonly set: ExampleSet;
  readonly batch: number;
  readonly seed: string;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  /** Batches an epoch. */
  readonly stepsPerEpoch: number;
  /** Values in one example: C · H · W of a picture, D of a point, T + 1 of a window, S + T of a pair. */
  readonly exampleSize: number;
  /** Undefined where pictures are given as they are. */
  readonly augment: Augmentation | undefined;
  /** Whether windows are taken at random places. */
  readonly #random: boolean;

  #epoch = 0;
  #index = 0;
  /** The order of the epoch `#orderEpoch`. */
  readonly #order: Uint32Array;
  #orderEpoch = -1;

  /** @throws UsageError when the batch is not a positive integer, or larger than the set while incomplete batches are dropped; when pictures cannot be augmented so. */
  constructor(set: ExampleSet, options: LoaderOptions) {
    const { batch, seed = 0, shuffle = true, dropLast = true, augment = {}, windows = "random" } = options;
    if (!Number.isInteger(batch) || batch < 1) {
      throw new UsageError({ what: "The batch size must be a positive integer.", got: String(batch) });
    }
    const random = set.kind === "tokens" && set.starts === undefined && shuffle && windows === "random";
    if (set.count < 1 || (dropLast && !random && batch > set.count)) {
      throw new UsageError({
        what: "The batch is larger than the data set.",
        where: `${set.card.name}, ${set.split} split`,
        got: `a batch of ${batch} out of ${set.count} ${examplesNoun(set)}`,
        hint: `choose a batch of at most ${Math.max(1, set.count)}, or more data`,
      });
    }
    this.set = set;
    this.batch = batch;
    this.seed = String(seed);
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.stepsPerEpoch = Math.max(1, dropLast ? Math.floor(set.count / batch) : Math.ceil(set.count / batch));
    this.exampleSize = valuesOf(set);
    this.augment = augments(augment, set.shape) ? augment : undefined;
    this.#random = random;
    this.#order = new Uint32Array(random ? 0 : set.count);
  }

  /** Where the next batch begins. */
  get position(): LoaderPosition {
    return { epoch: this.#epoch, index: this.#index };
  }

  /** Go to a saved position. @throws AtelierError when this loader can never stand there. */
  seek({ epoch, index }: LoaderPosition): void {
    const end = this.stepsPerEpoch * this.batch;
    if (
      !Number.isSafeInteger(epoch) ||
      epoch < 0 ||
      !Number.isSafeInteger(index) ||
      index < 0 ||
      index >= end ||
      index % this.batch !== 0
    ) {
      throw new AtelierError({
        what: "The saved position does not fit this data set and batch size.",
        got: `epoch ${epoch}, index ${index}`,
        expected: `an epoch from 0 on, and an index that is a multiple of ${this.batch} below ${end}`,
        hint: "resume with the data, limit and batch size of the run",
      });
    }
    this.#epoch = epoch;
    this.#index = index;
  }

  /**
   * Write the next batch into the target's arrays and advance.
   * @returns how many pictures are not repeats: the batch size, less in the last batch of an epoch when incomplete batches are kept.
   * @throws ShapeError when an array's length is not the batch's; AtelierError when labels are wanted of a set without.
   */
  fill(target: BatchTarget): number {
    this.#checkTarget(target);
    if (this.#orderEpoch !== this.#epoch) this.#makeOrder();
    const valid = this.#random ? this.#writeRandom(target) : this.#write(target, this.#order, this.#index);
    this.#index += this.batch;
    if (this.#index >= this.stepsPerEpoch * this.batch) {
      this.#index = 0;
      this.#epoch++;
    }
    return valid;
  }

  /**
   * Go once through the whole set in its own order, whatever `shuffle` and `dropLast` say, without moving the position. Each turn fills the
   * target; the last batch repeats its pictures where it is incomplete.
   * @yields the index of the batch's first picture, and how many pictures are not repeats.
   * @throws as `fill`.
   */
  *evaluationBatches(target: BatchTarget): Generator<{ start: number; valid: number }, void, undefined> {
    this.#checkTarget(target);
    for (let start = 0; start < this.set.count; start += this.batch) yield { start, valid: this.#write(target, undefined, start) };
  }

  /** Fisher-Yates from the identity, by a stream of its own for each epoch, so that no earlier epoch has to be replayed. */
  #makeOrder(): void {
    const order = this.#order;
    for (let i = 0; i < order.length; i++) order[i] = i;
    if (this.shuffle) new RandomStream(this.seed, `data order, epoch ${this.#epoch}`).shuffle(order);
    this.#orderEpoch = this.#epoch;
  }

  #checkTarget(target: BatchTarget): void {
    const { batch, set } = this;
    const { labels, conditions } = target;
    if (conditions !== undefined) this.#checkConditions(conditions);
    for (const [part, size] of Object.entries(examplePartsOf(set))) {
      const array = target[part as ExamplePart];
      if (size === undefined && array !== undefined) {
        throw new AtelierError({ what: `These data are ${wordFor(set)}, not ${partWords[part as ExamplePart]}.`, where: set.card.name });
      }
      if (size !== undefined && array !== undefined && array.length !== batch * size) {
        throw new ShapeError({
          what: `The array for the ${partWords[part as ExamplePart]} has a wrong length.`,
          got: String(array.length),
          expected: `${batch * size}: ${batch} of ${size}`,
        });
      }
    }
    if (labels === undefined) return;
    if (set.labels === undefined) {
      throw new AtelierError({
        what: "The pictures of this data set have no classes.",
        where: set.card.name,
        hint: "put the pictures of each class into a sub-folder of its own, or choose a model that needs none",
      });
    }
    if (labels.length !== batch) {
      throw new ShapeError({ what: "The array for the labels has a wrong length.", got: String(labels.length), expected: String(batch) });
    }
  }

  #checkConditions(conditions: Float32Array): void {
    const { batch, set } = this;
    const names = conditionNames(set);
    if (names.length === 0 || (set.attributes === undefined && set.labels === undefined)) {
      throw new AtelierError({
        what: "The pictures of this data set have neither attributes nor classes.",
        where: set.card.name,
        hint: "add a labels.csv, put the pictures of each class into a sub-folder of its own, or choose a model that needs none",
      });
    }
    if (conditions.length !== batch * names.length) {
      throw new ShapeError({
        what: "The array for the conditions has a wrong length.",
        where: set.card.name,
        got: String(conditions.length),
        expected: `${batch * names.length} for [${batch}, ${names.length}]`,
      });
    }
  }

  /** What is known of the picture `index`, into row `row`. */
  #writeConditions(conditions: Float32Array, row: number, index: number): void {
    const { attributes, labels } = this.set;
    const width = conditions.length / this.batch;
    if (attributes === undefined) {
      conditions.fill(0, row * width, (row + 1) * width);
      conditions[row * width + labels![index]] = 1;
      return;
    }
    for (let k = 0; k < width; k++) conditions[row * width + k] = attributes.values[index * width + k];
  }

  /** A batch of windows at random places: all follow from the seed and the batch's number. */
  #writeRandom({ tokens }: BatchTarget): number {
    const set = this.set as WindowSet;
    const stream = new RandomStream(this.seed, `windows/${this.#epoch * this.stepsPerEpoch + this.#index / this.batch}`);
    for (let row = 0; row < this.batch; row++) {
      const start = stream.below(set.source.length - set.shape.tokens);
      if (tokens !== undefined) writeWindow(set, start, tokens, row);
    }
    return this.batch;
  }

  /** Write the batch that begins at `start` of the order (the set's own where undefined); returns the count of examples that are not repeats. */
  #write(target: BatchTarget, order: Uint32Array | undefined, start: number): number {
    const { batch, set } = this;
    const valid = Math.min(batch, set.count - start);
    for (let row = 0; row < batch; row++) {
      const place = start + (row % valid);
      const index = order === undefined ? place : order[place];
      if (set.kind === "tokens" || set.kind === "pairs") {
        writeTokens(set, target, index, row);
        continue;
      }
      if (target.labels !== undefined && set.labels !== undefined) target.labels[row] = set.labels[index];
      if (target.conditions !== undefined) this.#writeConditions(target.conditions, row, index);
      this.#writeNumbers(set, target, { index, row, change: order !== undefined });
    }
    return valid;
  }

  #writeNumbers(
    set: ImageSet | PointSet,
    { images, points }: BatchTarget,
    { index, row, change }: { index: number; row: number; change: boolean },
  ): void {
    const { exampleSize } = this;
    const [from, to] = [index * exampleSize, row * exampleSize];
    if (set.kind === "points") {
      points?.set(set.points.subarray(from, from + exampleSize), to);
      return;
    }
    if (images === undefined) return;
    const picture = images.subarray(to, to + exampleSize);
    for (let i = 0; i < exampleSize; i++) picture[i] = INTENSITY[set.images[from + i]];
    if (change && this.augment !== undefined) this.#change(picture, set.shape, index);
  }

  /** A stream of its own for each epoch and picture, so that going on from any position is exact. */
  #change(picture: Float32Array, shape: ImageShape, index: number): void {
    const random = new RandomStream(this.seed, `augmentation, epoch ${this.#epoch}, picture ${index}`);
    augmentPicture(picture, shape, this.augment!, random);
  }
}

type ExamplePart = "images" | "points" | "tokens" | "source" | "target";

const partWords: Readonly<Record<ExamplePart, string>> = {
  images: "pictures",
  points: "points",
  tokens: "tokens",
  source: "sources",
  target: "targets",
};

function wordFor({ kind }: ExampleSet): string {
  return { images: "pictures", points: "points", tokens: "one long text", pairs: "pairs of texts" }[kind];
}

/** Values of an example by the part of a batch that they are written to; undefined for parts that a set does not have. */
function examplePartsOf(set: ExampleSet): Record<ExamplePart, number | undefined> {
  const of = { images: undefined, points: undefined, tokens: undefined, source: undefined, target: undefined };
  switch (set.kind) {
    case "images":
      return { ...of, images: set.shape.reduce((a, b) => a * b, 1) };
    case "points":
      return { ...of, points: set.shape[0] };
    case "tokens":
      return { ...of, tokens: set.shape.tokens + 1 };
    case "pairs":
      return { ...of, source: set.shape.source, target: set.shape.target };
  }
}

function valuesOf(set: ExampleSet): number {
  return Object.values(examplePartsOf(set)).reduce<number>((total, size) => total + (size ?? 0), 0);
}

/** The example `index` of a text, into row `row`. */
function writeTokens(set: TokenSet, { tokens, source, target }: BatchTarget, index: number, row: number): void {
  if (set.kind === "tokens") {
    if (tokens !== undefined) writeWindow(set, startOf(set, index), tokens, row);
    return;
  }
  const { source: S, target: T } = set.shape;
  source?.set(set.sources.subarray(index * S, (index + 1) * S), row * S);
  target?.set(set.targets.subarray(index * T, (index + 1) * T), row * T);
}
