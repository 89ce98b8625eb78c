/** Many samples of a model as a set of pictures, drawn in batches, each class asked for equally often. */
import { conditionNames, type ImageSet } from "../data/dataset.ts";
import type { Pictures } from "../models/index.ts";
import { drawSamples, type ViewContext } from "./sampling.ts";

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
  const conditions = model.record.data.conditions === undefined ? undefined : askedFor(held, count);
  const width = conditions === undefined ? 0 : conditions.length / count;
  const started = performance.now();
  for (let start = 0, batch = 0; start < count; start += BATCH, batch++) {
    onProgress?.(`drawing ${count} samples`, (performance.now() - started) / 1000);
    const many = Math.min(BATCH, count - start);
    const wanted = conditions?.slice(start * width, (start + many) * width);
    const from = model.record.starts === "needs" ? rowsOf(held, start, many) : undefined;
    const { data } = await drawSamples(model, many, `${seed}/${batch}`, { conditions: wanted, from, sampling });
    for (let i = 0; i < many * size; i++) images[start * size + i] = Math.round(255 * Math.min(1, Math.max(0, data[i])));
  }
  const { card, shape } = held;
  return { set: { kind: "images", card, split: "test", shape, images, count }, conditions };
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
