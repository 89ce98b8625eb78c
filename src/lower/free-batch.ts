import { create, equals } from "@bufbuild/protobuf";
import { I } from "../graph/onnx.ts";
import { attributeProto, withBodies } from "./emitter.ts";
import {
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
} from "./onnx_pb.ts";

// Our graphs have static shapes. A model whose batch axis is free is found by lowering one function at three batch sizes: where the three models have the
// same nodes, and differ only in whole-number constants that are affine in the batch size (shapes, ends of slices), those constants are computed from
// the size that the model is given when it runs.

/** The batch sizes a function is lowered at: large primes, which no dimension of a model is by chance. */
export const probes = [1009, 2003, 3001] as const;

/** A model with a free batch axis, or why there is none. */
export type FreeBatch = { readonly model: ModelProto } | { readonly because: string };

/** A constant as offset + slope · batch, element by element. */
interface Affine {
  readonly offset: readonly bigint[];
  readonly slope: readonly bigint[];
}

/**
 * One model for every batch size.
 * @param lowerAt lowers the same function at a batch size; called three times
 * @returns a model whose inputs and outputs have the dimension `batch`; or the reason why the function's graph depends on the batch size in another way
 */
export function freeBatch(lowerAt: (batch: number) => ModelProto): FreeBatch {
  const models = probes.map(lowerAt);
  const [first] = models;
  const graph = first.graph!;
  forgetBodyShapes(models.map((model) => model.graph!.node));
  const different = nodesDiffer(models);
  if (different !== undefined) return { because: different };
  const varying = new Map<string, Affine>();
  for (let i = 0; i < graph.initializer.length; i++) {
    const constants = models.map((model) => model.graph!.initializer[i]);
    if (constants.every((constant) => sameConstant(constant, constants[0]))) continue;
    const affine = fitAffine(constants);
    if (affine === undefined)
      return { because: `a constant of ${usersOf(graph.node, constants[0].name)} depends on it in a way of its own` };
    varying.set(constants[0].name, affine);
  }
  const source = findSource(models);
  if (varying.size > 0 && source === undefined) return { because: "no input has a batch axis" };
  for (const kind of ["input", "output"] as const) {
    const problem = nameDims(models.map((model) => model.graph![kind]));
    if (problem !== undefined) return { because: problem };
  }
  if (source !== undefined) substitute(first, varying, source);
  return { model: first };
}

/** The bodies of loops say the shapes of what goes in and out; those that depend on the batch size are left to the runtime to find. */
function forgetBodyShapes(lists: readonly (readonly NodeProto[])[]): void {
  const bodies = lists.map((nodes) => withBodies(nodes).flatMap((node) => node.attribute.flatMap(({ g }) => (g === undefined ? [] : [g]))));
  bodies[0].forEach((_, at) => {
    for (const edge of ["input", "output"] as const) {
      const values = bodies.map((list) => list[at]?.[edge] ?? []);
      values[0].forEach((info, i) => {
        const same = values.slice(1).every((list) => list[i] !== undefined && String(dimsOf(list[i])) === String(dimsOf(info)));
        if (!same) for (const list of values) forgetShape(list[i]);
      });
    }
  });
}

function forgetShape(info: ValueInfoProto | undefined): void {
  const type = info?.type?.value;
  if (type?.case === "tensorType") type.value.shape = undefined;
}

function nodesDiffer(models: readonly ModelProto[]): string | undefined {
  const [first, ...others] = models.map((model) => model.graph!.node);
  for (const nodes of others) {
    if (nodes.length !== first.length || models.some((model) => model.graph!.initializer.length !== models[0].graph!.initializer.length))
      return "its number of operations depends on it";
    const at = nodes.findIndex((node, i) => !equals(NodeProtoSchema, node, first[i]));
    if (at >= 0) return `an attribute of ${first[at].opType} depends on it`;
  }
  return undefined;
}

function sameConstant(a: TensorProto, b: TensorProto): boolean {
  if (a.name !== b.name || a.dataType !== b.dataType || String(a.dims) !== String(b.dims)) return false;
  if (a.rawData.buffer === b.rawData.buffer && a.rawData.byteOffset === b.rawData.byteOffset) return true;
  return a.rawData.length === b.rawData.length && a.rawData.every((byte, i) => byte === b.rawData[i]);
}

/** The line through the constants' values at the probes; undefined where they are not whole numbers in a row, or not on a line. */
function fitAffine(constants: readonly TensorProto[]): Affine | undefined {
  const [a] = constants;
  const fits = constants.every(
    ({ name, dataType, dims }) => name === a.name && dataType === 7 && dims.length === 1 && dims[0] === a.dims[0],
  );
  if (!fits) return undefined;
  const [p, q, r] = constants.map(wholeNumbers);
  const [x, y, z] = probes.map(BigInt);
  const slope = p.map((value, i) => (q[i] - value) / (y - x));
  const offset = p.map((value, i) => value - slope[i] * x);
  const at = (i: number, batch: bigint) => offset[i] + slope[i] * batch;
  return p.every((_, i) => at(i, y) === q[i] && at(i, z) === r[i]) ? { offset, slope } : undefined;
}

function wholeNumbers({ rawData }: TensorProto): bigint[] {
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: rawData.byteLength / 8 }, (_, i) => view.getBigInt64(8 * i, true));
}

function usersOf(nodes: readonly NodeProto[], name: string): string {
  const users = new Set(nodes.filter((node) => node.input.includes(name)).map((node) => node.opType));
  return [...users].join(" and ") || "an output";
}

/** The first input with an axis as long as the batch. */
function findSource(models: readonly ModelProto[]): { name: string; axis: number } | undefined {
  const inputs = models.map((model) => model.graph!.input);
  for (let i = 0; i < inputs[0].length; i++) {
    const axis = dimsOf(inputs[0][i]).findIndex((_, at) => inputs.every((list, probe) => dimsOf(list[i])[at] === BigInt(probes[probe])));
    if (axis >= 0) return { name: inputs[0][i].name, axis };
  }
  return undefined;
}

function dimsOf(info: ValueInfoProto): bigint[] {
  const type = info.type?.value;
  if (type?.case !== "tensorType") return [];
  return (type.value.shape?.dim ?? []).map(({ value }) => (value.case === "dimValue" ? value.value : -1n));
}

/** Write `batch` where the three models' dimensions are the batch size; other differences are refused. */
function nameDims(values: readonly (readonly ValueInfoProto[])[]): string | undefined {
  for (let i = 0; i < values[0].length; i++) {
    const sizes = values.map((list) => dimsOf(list[i]));
    const type = values[0][i].type!.value;
    if (type.case !== "tensorType") continue;
    for (let at = 0; at < sizes[0].length; at++) {
      if (sizes.every((list) => list[at] === sizes[0][at])) continue;
      if (!sizes.every((list, probe) => list[at] === BigInt(probes[probe])))
        return `axis ${at} of "${values[0][i].name}" is not the batch itself`;
      type.value.shape!.dim[at] = create(TensorShapeProto_DimensionSchema, { value: { case: "dimParam", value: "batch" } });
    }
  }
  return undefined;
}

/** Put computed values in the places of the constants that vary. */
function substitute({ graph }: ModelProto, varying: ReadonlyMap<string, Affine>, source: { name: string; axis: number }): void {
  const { node: nodes, initializer } = graph!;
  const added: NodeProto[] = [];
  const constants: TensorProto[] = [];
  const made = new Set<string>();
  const constant = (name: string, values: readonly bigint[]): string => {
    if (!made.has(name)) constants.push(int64s(name, values));
    made.add(name);
    return name;
  };
  const computed = (name: string, { offset, slope }: Affine): string => {
    const result = `${name}/computed`;
    if (made.has(result)) return result;
    made.add(result);
    const product = `${name}/product`;
    added.push(create(NodeProtoSchema, { opType: "Mul", input: ["batch/size", constant(`${name}/slope`, slope)], output: [product] }));
    added.push(create(NodeProtoSchema, { opType: "Add", input: [product, constant(`${name}/offset`, offset)], output: [result] }));
    return result;
  };
  for (const node of withBodies(nodes)) {
    node.input = node.input.map((name, slot) => {
      const affine = varying.get(name);
      if (affine === undefined) return name;
      const inferred = node.opType === "Reshape" && slot === 1 ? oneFree(affine) : undefined;
      return inferred === undefined ? computed(name, affine) : constant(`${name}/inferred`, inferred);
    });
  }
  if (added.length > 0) {
    const attribute = Object.entries({ start: I(source.axis), end: I(source.axis + 1) }).map(([name, attr]) => attributeProto(name, attr));
    added.unshift(create(NodeProtoSchema, { opType: "Shape", input: [source.name], output: ["batch/size"], attribute }));
  }
  graph!.node = [...added, ...nodes];
  graph!.initializer = [...initializer.filter(({ name }) => !varying.has(name)), ...constants];
}

/** A Reshape's shape with -1 for its only axis that varies; undefined where several do, or another is 0. */
function oneFree({ offset, slope }: Affine): bigint[] | undefined {
  const free = slope.filter((value) => value !== 0n).length;
  const known = offset.filter((value, i) => slope[i] === 0n && value <= 0n).length;
  return free === 1 && known === 0 ? offset.map((value, i) => (slope[i] === 0n ? value : -1n)) : undefined;
}

function int64s(name: string, values: readonly bigint[]): TensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values).buffer);
  return create(TensorProtoSchema, { name, dims: [BigInt(values.length)], dataType: 7, rawData });
}
