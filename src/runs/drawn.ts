/** Many samples of a model as a set of pictures, drawn in batches, each class asked for equally often. */
import { conditionNames, type ImageSet } from "../data/dataset.ts";
import type { Pictures } from "../models/index.ts";
import { drawSamples, type SampleWishes, type ViewContext } from "./sampling.ts";

/** Pictures drawn at once; what a sampler of 64 x 64 pixels needs for them fits easily. */
const BATCH = 250;

/** Samples as stored pictures are: 256 levels. */
export interface DrawnPictures {
  set: ImageSet;
  /** [N, K], what they were asked to show; absent for models that take no conditions. */
  conditions: Float32Array | undefined;
}

export interface DrawOptions {
  seed: number | string;
  /** What of the model's sampling options is not the default. */
  sampling?: Readonly<Record<string, unknown>> | undefined;
  onProgress?: ((message: string, seconds?: number) => void) | undefined;
}

/** One batch of many samples. */
export interface DrawnBatch {
  /** Bytes [n, C, H, W]. */
  images: Uint8Array;
  /** Drawing them, without the time in which programs were made. */
  seconds: number;
  /** Making the programs. */
  compileSeconds: number;
}

/** How many batches `count` pictures are drawn in. */
export function batchesOf(count: number): number {
  return Math.ceil(count / BATCH);
}

/**
 * Fresh pictures as {@link drawSamples} makes them, with memory for 250 at once only: of more, part b has the random streams of the seed `SEED/b`. Frames are
 * of the first part.
 * @throws UsageError as {@link drawSamples}
 */
export async function drawMany(model: ViewContext, count: number, seed: number | string, wishes: SampleWishes = {}): Promise<Pictures> {
  if (count <= BATCH) return await drawSamples(model, count, seed, wishes);
  const parts: Pictures[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const many = Math.min(BATCH, count - start);
    const wanted = { ...partOf(wishes, count, start, many), onFrame: start === 0 ? wishes.onFrame : undefined };
    parts.push(await drawSamples(model, many, `${seed}/${parts.length}`, wanted));
  }
  const [{ data, shape }] = parts;
  const all = new Float32Array((data.length / BATCH) * count);
  for (const [batch, part] of parts.entries()) all.set(part.data, batch * data.length);
  return { data: all, shape: [count, shape[1], shape[2], shape[3]] };
}

/** What is wished for `many` of `count` pictures, from number `start` on. */
function partOf({ conditions, given, from, ...others }: SampleWishes, count: number, start: number, many: number): SampleWishes {
  const rows = <T extends Float32Array | Uint8Array>(values: T): T => {
    const width = values.length / count;
    return values.slice(start * width, (start + many) * width) as T;
  };
  const pictures = ({ data, shape }: Pictures): Pictures => ({ data: rows(data), shape: [many, shape[1], shape[2], shape[3]] });
  return {
    ...others,
    conditions: conditions && rows(conditions),
    given: given && { ...pictures(given), known: rows(given.known) },
    from: from && pictures(from),
  };
}

/**
 * Draw `count` pictures. Batch b has the random streams of seed `SEED/b`, so that a full batch is the same however many follow, as long as the same is asked for.
 * @param held pictures of the same data: their card goes with the samples, and their attributes are what a conditional model is asked for
 */
export async function drawPictures(
  model: ViewContext,
  held: ImageSet,
  count: number,
  { seed, sampling, onProgress }: DrawOptions,
): Promise<DrawnPictures> {
  const size = held.images.length / held.count;
  const images = new Uint8Array(count * size);
  const started = performance.now();
  for (let batch = 0; batch < batchesOf(count); batch++) {
    onProgress?.(`drawing ${count} samples`, (performance.now() - started) / 1000);
    images.set((await drawBatch(model, held, count, batch, { seed, sampling })).images, batch * BATCH * size);
  }
  return { set: asSet(images, held), conditions: conditionsOf(model, held, count) };
}

/** Batch number `batch` of {@link drawPictures}: the same pictures, one part at a time. */
export async function drawBatch(
  model: ViewContext,
  held: ImageSet,
  count: number,
  batch: number,
  { seed, sampling }: Omit<DrawOptions, "onProgress">,
): Promise<DrawnBatch> {
  const start = batch * BATCH;
  const many = Math.min(BATCH, count - start);
  const all = conditionsOf(model, held, count);
  const width = all === undefined ? 0 : all.length / count;
  const conditions = all?.slice(start * width, (start + many) * width);
  const from = model.record.starts === "needs" ? rowsOf(held, start, many) : undefined;
  let compileSeconds = 0;
  const onCompiled = (seconds: number) => {
    compileSeconds += seconds;
  };
  const started = performance.now();
  const { data } = await drawSamples(model, many, `${seed}/${batch}`, { conditions, from, sampling, onCompiled });
  const seconds = (performance.now() - started) / 1000 - compileSeconds;
  const images = Uint8Array.from(data, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
  return { images, seconds, compileSeconds };
}

/** Bytes [N, C, H, W] as a set of pictures of the same data as `held`. */
export function asSet(images: Uint8Array, { card, shape }: ImageSet): ImageSet {
  const count = images.length / shape.reduce((a, b) => a * b, 1);
  return { kind: "images", card, split: "test", shape, images, count };
}

function conditionsOf({ record }: ViewContext, held: ImageSet, count: number): Float32Array | undefined {
  return record.data.conditions === undefined ? undefined : askedFor(held, count);
}

/** Conditions [count, K]: one class after the other, or the attributes of held-out pictures, evenly spread over the set. */
function askedFor(held: ImageSet, count: number): Float32Array {
  const width = conditionNames(held).length;
  const conditions = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * held.count) / count) % held.count;
    if (held.attributes === undefined) conditions[i * width + (i % width)] = 1;
    else conditions.set(held.attributes.values.subarray(row * width, (row + 1) * width), i * width);
  }
  return conditions;
}

/** Rows `start` to `start + count` of a set as pictures, from its beginning again after its end. */
export function rowsOf({ images, shape, count: total }: ImageSet, start: number, count: number): Pictures {
  const size = images.length / total;
  const data = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    const row = (start + i) % total;
    for (let k = 0; k < size; k++) data[i * size + k] = images[row * size + k] / 255;
  }
  return { data, shape: [count, ...shape] };
}
