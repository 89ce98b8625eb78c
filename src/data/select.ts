/** Parts of a set by what its pictures show. */
import { UsageError, unknownName } from "../core/errors.ts";
import type { ExampleSet, ImageSet } from "./dataset.ts";
import type { PointSet } from "./points.ts";

/** Every name by which a set's pictures can be told apart: its attributes, then its classes. */
export function memberNames({ attributes, classes }: Pick<ExampleSet, "attributes" | "classes">): readonly string[] {
  return [...(attributes?.names ?? []), ...(classes ?? [])];
}

/**
 * Which pictures have an attribute or are of a class: [N], 0 or 1. An attribute comes before a class of the same name.
 * @throws UsageError for a name that is neither, offering the nearest, and for a set that has neither
 */
export function membership(set: ExampleSet, name: string): Uint8Array {
  const { attributes, classes, labels } = set;
  const names = memberNames(set);
  if (names.length === 0) throw withoutNames(set);
  const attribute = attributes?.names.indexOf(name) ?? -1;
  if (attribute >= 0) {
    const width = attributes!.names.length;
    return Uint8Array.from({ length: set.count }, (_, i) => attributes!.values[i * width + attribute]);
  }
  const label = classes?.indexOf(name) ?? -1;
  if (label < 0 || labels === undefined) throw unknownName(attributes === undefined ? "class" : "attribute", name, names);
  return Uint8Array.from(labels, (value) => (value === label ? 1 : 0));
}

function withoutNames({ card }: Pick<ExampleSet, "card">): UsageError {
  return new UsageError({
    what: "The pictures of these data have neither attributes nor classes.",
    where: card.name,
    hint: "put the pictures of each class into a sub-folder of its own, or add a labels.csv",
  });
}

/** The rows of the given numbers, copied, in their order. */
function pickRows<A extends Uint8Array | Float32Array>(from: A, rows: number, indices: ArrayLike<number>): A {
  const size = from.length / rows;
  const picked = (from instanceof Float32Array ? new Float32Array(indices.length * size) : new Uint8Array(indices.length * size)) as A;
  for (let i = 0; i < indices.length; i++) picked.set(from.subarray(indices[i] * size, (indices[i] + 1) * size), i * size);
  return picked;
}

/** The pictures of the given numbers, copied, in their order. */
export function selectImages(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const count = indices.length;
  const pick = (from: Uint8Array): Uint8Array => pickRows(from, set.count, indices);
  return {
    ...set,
    count,
    images: pick(set.images),
    labels: set.labels && pick(set.labels),
    names: set.names && Array.from(indices, (index) => set.names![index]),
    attributes: set.attributes && { ...set.attributes, values: pick(set.attributes.values) },
  };
}

/** As {@link selectImages}, of points. */
export function selectPoints(set: PointSet, indices: ArrayLike<number>): PointSet {
  const labels = set.labels && pickRows(set.labels, set.count, indices);
  return { ...set, count: indices.length, points: pickRows(set.points, set.count, indices), labels };
}

/**
 * The set without the examples that have an attribute or are of a class; classes and attributes keep their numbers.
 * @throws UsageError as {@link membership}, and where no picture would be left, or none is left out
 */
export function withoutMembers(set: ExampleSet, name: string): ExampleSet {
  if (set.kind === "tokens" || set.kind === "pairs") throw new UsageError({ what: "Texts have no classes to leave out.", got: name });
  const has = membership(set, name);
  const left = Uint32Array.from(has.keys()).filter((i) => has[i] === 0);
  if (left.length > 0 && left.length < set.count) return set.kind === "images" ? selectImages(set, left) : selectPoints(set, left);
  throw new UsageError({
    what: left.length === 0 ? `Every picture is "${name}": none would be left.` : `No picture is "${name}": there is nothing to leave out.`,
    where: `${set.card.name}, ${set.split} split`,
  });
}
