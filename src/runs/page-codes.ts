/** Codes of a run's data for its page: pictures to begin from, and directions of attributes. */
import { type ImageSet, isPoint, limitImages } from "../data/dataset.ts";
import { isText } from "../data/token-set.ts";
import type { ModelRecord } from "../models/index.ts";
import type { Backend } from "../runtime/backend.ts";
import type { CodeFacts } from "./export-html.ts";
import { type AttributeCount, attributeCounts, directionOf } from "./latent/attributes.ts";
import { Codec, type Codes } from "./latent/codec.ts";
import type { LoadedModel } from "./load.ts";

/** Held-out pictures that are encoded, pictures to begin from, directions, and pictures that an attribute must be had and lacked by. */
const [ENCODED, EXAMPLES, DIRECTIONS, ENOUGH] = [1000, 24, 12, 20] as const;

/** Whether a model's page begins with codes of its data: it encodes pictures into codes that are not pictures themselves. */
export function wantsCodes(record: ModelRecord, config: unknown): boolean {
  const shape = record.data.shape(config);
  return !isText(shape) && !isPoint(shape) && record.encode !== undefined && record.decode !== undefined && record.codes === undefined;
}

/**
 * The codes of some held-out pictures, and the directions of the attributes that tell most of them apart.
 * @param held held-out pictures at the model's shape
 */
export async function pageCodes(model: LoadedModel, held: ImageSet, backend: Backend): Promise<CodeFacts> {
  const set = limitImages(held, ENCODED);
  const codec = new Codec(model, backend);
  const codes = await codec.encodeSet(set);
  await codec.dispose();
  const count = Math.min(EXAMPLES, set.count);
  const stride = Math.floor(set.count / count);
  const rows = Array.from({ length: count }, (_, i) => i * stride);
  const examples = {
    count,
    codes: numbers(Float32Array.from(rows.flatMap((row) => [...codes.data.subarray(row * codes.size, (row + 1) * codes.size)]))),
    names: set.labels === undefined || set.classes === undefined ? undefined : rows.map((row) => set.classes![set.labels![row]]),
  };
  return { examples, directions: directionsOf(codes, set) };
}

/** Directions of the attributes that tell most of a set's pictures apart. @param codes of its pictures, in its order */
export function directionsOf(codes: Codes, set: ImageSet): { name: string; vector: number[] }[] {
  if (set.attributes === undefined) return [];
  const even = ({ with: having, without }: AttributeCount) => Math.min(having, without);
  return attributeCounts(set)
    .filter((entry) => even(entry) >= ENOUGH)
    .sort((a, b) => even(b) - even(a))
    .slice(0, DIRECTIONS)
    .map(({ name }) => ({ name, vector: numbers(directionOf(codes, set, name)) }));
}

/** Five digits of each: a page needs no more. */
function numbers(values: ArrayLike<number>): number[] {
  return Array.from(values, (value) => Number(value.toPrecision(5)));
}
