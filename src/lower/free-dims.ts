import { create, equals } from "@bufbuild/protobuf";
import { AtelierError } from "../core/errors.ts";
import { I } from "../graph/onnx.ts";
import { attributeProto } from "./emitter.ts";
import {
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
} from "./onnx_pb.ts";

// One model for all sizes of several axes. As in free-batch.ts a function is lowered at a few sizes; whole-number constants that differ (shapes, ends of
// slices) are sums of the sizes, and of products of two of them, with whole factors, and are computed from the inputs' shapes when the model runs.

/** Sizes of the free axes, by name. */
export type Sizes<N extends string> = Readonly<Record<N, number>>;

/** Primes that no dimension of a model is by chance: for each axis two, and a third to check what was found. */
const primes = [
  [1009, 1013, 1019],
  [2003, 2011, 2017],
  [3001, 3011, 3019],
  [4001, 4003, 4007],
] as const;

/** A size, or a product of two; the empty list is the constant 1. */
type Term<N extends string> = readonly N[];

/** What each element of a constant is: factors of each term, element by element. */
type Sum<N extends string> = readonly { readonly term: Term<N>; readonly factors: readonly bigint[] }[];

/**
 * One model for every size of the named axes, up to four.
 * @param lowerAt lowers the same function at given sizes; the inputs' axes of these sizes become free
 * @param products pairs of axes that are flattened into one somewhere
 * @throws AtelierError where the function's graph depends on the sizes in another way
 */
export function freeDims<N extends string>(
  names: readonly N[],
  products: readonly (readonly [N, N])[],
  lowerAt: (sizes: Sizes<N>) => ModelProto,
): ModelProto {
  const sizesWith = (changed: readonly N[], to: 1 | 2 = 1) =>
    Object.fromEntries(names.map((name, i) => [name, primes[i][changed.includes(name) ? to : 0]])) as Sizes<N>;
  const terms: Term<N>[] = [...names.map((name) => [name]), ...products];
  const probes = [sizesWith([]), ...terms.map((term) => sizesWith(term)), sizesWith(names, 2)];
  const models = probes.map(lowerAt);
  requireSameNodes(models);
  const [first] = models;
  const varying = new Map<string, Sum<N>>();
  first.graph!.initializer.forEach((constant, i) => {
    const all = models.map((model) => model.graph!.initializer[i]);
    if (all.every((other) => sameConstant(other, constant))) return;
    varying.set(constant.name, fitSum(all, terms, probes));
  });
  const sources = nameDims(models, names, probes);
  substitute(first, varying, sources);
  return first;
}

function refuse(because: string): never {
  throw new AtelierError({ what: "A function's graph cannot be used for all sizes.", got: because });
}

function requireSameNodes(models: readonly ModelProto[]): void {
  const [first, ...others] = models.map((model) => model.graph!);
  for (const graph of others) {
    if (graph.node.length !== first.node.length || graph.initializer.length !== first.initializer.length)
      refuse("the number of its operations depends on them");
    const at = graph.node.findIndex((node, i) => !equals(NodeProtoSchema, node, first.node[i]));
    if (at >= 0) refuse(`an attribute of "${first.node[at].name}" (${first.node[at].opType}) depends on them`);
  }
}

function sameConstant(a: TensorProto, b: TensorProto): boolean {
  if (a.name !== b.name || a.dataType !== b.dataType || String(a.dims) !== String(b.dims)) return false;
  if (a.rawData.buffer === b.rawData.buffer && a.rawData.byteOffset === b.rawData.byteOffset) return true;
  return a.rawData.length === b.rawData.length && a.rawData.every((byte, i) => byte === b.rawData[i]);
}

const productAt = <N extends string>(term: Term<N>, sizes: Sizes<N>): bigint =>
  term.reduce((product, name) => product * BigInt(sizes[name]), 1n);

/** Factors of each term. A single size's factor comes from its own probe, a product's from the probe where both differ, after the singles are known. */
function fitSum<N extends string>(constants: readonly TensorProto[], terms: readonly Term<N>[], probes: readonly Sizes<N>[]): Sum<N> {
  const { name, dims } = constants[0];
  if (constants.some((c) => c.name !== name || c.dataType !== 7 || c.dims.length !== 1 || c.dims[0] !== dims[0]))
    refuse("a constant that is no list of whole numbers depends on them");
  const values = constants.map(wholeNumbers);
  const elements = values[0].map((_, element) =>
    fitElement(
      values.map((list) => list[element]),
      terms,
      probes,
    ),
  );
  return [[], ...terms]
    .map((term, i) => ({ term, factors: elements.map((factors) => factors[i]) }))
    .filter(({ term, factors }) => term.length === 0 || factors.some((f) => f !== 0n));
}

/** The element's factors: of 1, then of each term. Tries the terms alone and in pairs: a size's probe also moves the products that it is in. */
function fitElement<N extends string>(values: readonly bigint[], terms: readonly Term<N>[], probes: readonly Sizes<N>[]): bigint[] {
  const singles = terms.filter((term) => term.length === 1);
  const products = terms.filter((term) => term.length === 2);
  const base = probes[0];
  const productFactor = (term: Term<N>): bigint => {
    const [a, b] = term.map((name) => terms.findIndex((t) => t.length === 1 && t[0] === name) + 1);
    const both = terms.indexOf(term) + 1;
    const [da, db] = term.map((name, i) => BigInt(probes[[a, b][i]][name] - base[name]));
    return (values[both] - values[a] - values[b] + values[0]) / (da * db);
  };
  const ofProducts = products.map(productFactor);
  const ofSingles = singles.map((term) => {
    const probe = probes[terms.indexOf(term) + 1];
    const moved = products.reduce((sum, p, i) => sum + ofProducts[i] * (productAt(p, probe) - productAt(p, base)), 0n);
    return (values[terms.indexOf(term) + 1] - values[0] - moved) / BigInt(probe[term[0]] - base[term[0]]);
  });
  const factors = [...ofSingles, ...ofProducts];
  const ordered = [...singles, ...products];
  const sumAt = (sizes: Sizes<N>) => ordered.reduce((sum, term, i) => sum + factors[i] * productAt(term, sizes), 0n);
  const offset = values[0] - sumAt(base);
  if (probes.some((sizes, i) => offset + sumAt(sizes) !== values[i])) refuse("a constant depends on them in a way of its own");
  return [offset, ...terms.map((term) => factors[ordered.indexOf(term)])];
}

function wholeNumbers({ rawData }: TensorProto): bigint[] {
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: rawData.byteLength / 8 }, (_, i) => view.getBigInt64(8 * i, true));
}

function dimsOf(info: ValueInfoProto): bigint[] {
  const type = info.type?.value;
  if (type?.case !== "tensorType") return [];
  return (type.value.shape?.dim ?? []).map(({ value }) => (value.case === "dimValue" ? value.value : -1n));
}

/** Free the axes that vary; where each size can be read: an input and its axis. */
function nameDims<N extends string>(
  models: readonly ModelProto[],
  names: readonly N[],
  probes: readonly Sizes<N>[],
): Map<N, { input: string; axis: number }> {
  const sources = new Map<N, { input: string; axis: number }>();
  for (const edge of ["input", "output"] as const) {
    models[0].graph![edge].forEach((info, i) => {
      const sizes = models.map((model) => dimsOf(model.graph![edge][i]));
      sizes[0].forEach((size, axis) => {
        if (sizes.every((list) => list[axis] === size)) return;
        const name = names.find((candidate) => sizes.every((list, probe) => list[axis] === BigInt(probes[probe][candidate])));
        if (name !== undefined && edge === "input" && !sources.has(name)) sources.set(name, { input: info.name, axis });
        const type = info.type!.value;
        if (type.case !== "tensorType") return;
        const dimParam = name ?? `${info.name}/${axis}`;
        type.value.shape!.dim[axis] = create(TensorShapeProto_DimensionSchema, { value: { case: "dimParam", value: dimParam } });
      });
    });
  }
  return sources;
}

/** Put computed values in the places of the constants that vary. */
function substitute<N extends string>(
  { graph }: ModelProto,
  varying: ReadonlyMap<string, Sum<N>>,
  sources: ReadonlyMap<N, { input: string; axis: number }>,
): void {
  const added = new Map<string, NodeProto>();
  const constants = new Map<string, TensorProto>();
  const node = (output: string, opType: string, input: string[], attributes: Record<string, number> = {}): string => {
    const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, I(value)));
    if (!added.has(output)) added.set(output, create(NodeProtoSchema, { name: output, opType, input, output: [output], attribute }));
    return output;
  };
  const constant = (name: string, values: readonly bigint[]): string => {
    const rawData = new Uint8Array(BigInt64Array.from(values).buffer);
    constants.set(name, create(TensorProtoSchema, { name, dims: [BigInt(values.length)], dataType: 7, rawData }));
    return name;
  };
  const size = (name: N): string => {
    const source = sources.get(name) ?? refuse(`no input has the axis "${name}"`);
    return node(`size/${name}`, "Shape", [source.input], { start: source.axis, end: source.axis + 1 });
  };
  const termValue = (term: Term<N>): string => (term.length === 1 ? size(term[0]) : node(`size/${term.join("*")}`, "Mul", term.map(size)));
  const computed = (name: string, sum: Sum<N>): string => {
    let total = constant(`${name}/1`, sum[0].factors);
    for (const { term, factors } of sum.slice(1)) {
      const key = `${name}/${term.join("*")}`;
      const product = node(`${key}/product`, "Mul", [termValue(term), constant(key, factors)]);
      total = node(`${key}/sum`, "Add", [total, product]);
    }
    return total;
  };
  for (const user of graph!.node) {
    user.input = user.input.map((name, slot) => {
      const sum = varying.get(name);
      if (sum === undefined) return name;
      const inferred = user.opType === "Reshape" && slot === 1 ? oneFree(sum) : undefined;
      return inferred === undefined ? computed(name, sum) : constant(`${name}/inferred`, inferred);
    });
  }
  graph!.node = [...added.values(), ...graph!.node];
  graph!.initializer = [...graph!.initializer.filter(({ name }) => !varying.has(name)), ...constants.values()];
}

/** A Reshape's shape with -1 for its only axis that varies; undefined where several do, or another is not above 0. */
function oneFree<N extends string>(sum: Sum<N>): bigint[] | undefined {
  const varies = sum[0].factors.map((_, i) => sum.slice(1).some(({ factors }) => factors[i] !== 0n));
  const free = varies.filter(Boolean).length;
  const known = sum[0].factors.every((value, i) => varies[i] || value > 0n);
  return free === 1 && known ? sum[0].factors.map((value, i) => (varies[i] ? -1n : value)) : undefined;
}
