import { collect, type Graph, isInput, type Named, reach } from "../graph.ts";
import type { Attrs } from "../op.ts";
import { clipOps } from "../ops/clip.ts";
import { elementwiseOps } from "../ops/elementwise.ts";
import { linalgOps } from "../ops/linalg.ts";
import { expand, movementOps, reshape, transpose } from "../ops/movement.ts";
import { normalCdfOps } from "../ops/normal-cdf.ts";
import { reduceOps } from "../ops/reduce.ts";
import { constant, scalarValue } from "../ops/source.ts";
import { attrsText } from "../print.ts";
import { broadcastShapes, sameShape } from "../shape.ts";
import { applyOne, GraphNode, onBehalfOf, type Tensor } from "../tensor.ts";
import { isScan, isWhile, keptOfScans, smallerScan, smallerWhile } from "./scans.ts";

type Rule = (node: GraphNode, inputs: readonly Tensor[]) => Tensor | undefined;

/**
 * Rebuild a graph with fewer nodes and the same values: identities and gradient markers vanish, scalar constants fold, stretched operands are
 * left to broadcasting, transposes fold into matrix products, and equal expressions are computed once (barriers keep recomputations apart). What nothing needs is not rebuilt.
 */
export function simplify(graph: Graph): Graph {
  const names = new Map<Tensor, string>();
  for (const { name, tensor } of graph.inputs) names.set(tensor, name);
  return collect(rebuild(graph, new Map()), names);
}

/** A loop's body, simplified: unlike a program it keeps all its inputs, in their order. */
function simplifyBody(body: Graph, known: Map<Tensor, Tensor>): Graph {
  const outputs = rebuild(body, known);
  const nodes = reach(outputs.map(({ tensor }) => tensor)).filter((node) => !isInput(node));
  return { inputs: body.inputs, outputs, nodes };
}

/** The outputs of a graph made of fewer nodes. @param replaced what tensors stand for in the new graph; it is filled */
function rebuild(graph: Graph, replaced: Map<Tensor, Tensor>): Named[] {
  const pool: Pool = { byKey: new Map(), nodes: new Set() };
  const current = (tensor: Tensor): Tensor => replaced.get(tensor) ?? tensor;
  const kept = keptOfScans(graph);
  for (const node of graph.nodes) {
    if (isInput(node)) continue;
    const inputs = node.inputs.map(current);
    if (node.op.name === "checkpoint") {
      node.outputs.forEach((output, i) => {
        replaced.set(output, inputs[i]);
      });
      continue;
    }
    if (isScan(node)) {
      const needs = kept.get(node);
      if (needs === undefined) continue;
      const smaller = onBehalfOf(node, () => smallerScan(node, inputs, needs, simplifyBody));
      const shared = shareNode(smaller.node, smaller.node.inputs, pool);
      smaller.outputs.forEach((output, i) => {
        replaced.set(output, shared.outputs[i]);
      });
      continue;
    }
    if (isWhile(node)) {
      const smaller = onBehalfOf(node, () => smallerWhile(node, inputs, simplifyBody));
      const shared = shareNode(smaller, smaller.inputs, pool);
      node.outputs.forEach((output, i) => {
        replaced.set(output, shared.outputs[i]);
      });
      continue;
    }
    onBehalfOf(node, () => successor(node, inputs, pool)).forEach((tensor, i) => {
      replaced.set(node.outputs[i], tensor);
    });
  }
  return graph.outputs.map(({ name, tensor }) => ({ name, tensor: current(tensor) }));
}

/** What takes the place of a node's outputs. */
function successor(node: GraphNode, inputs: readonly Tensor[], pool: Pool): readonly Tensor[] {
  const simpler = settle(node, inputs);
  return simpler === undefined ? shareNode(node, inputs, pool).outputs : [share(simpler, pool)];
}

/** Apply rules until none fits; undefined when none did. */
function settle(node: GraphNode, inputs: readonly Tensor[]): Tensor | undefined {
  let result: Tensor | undefined;
  let at = node;
  let operands = inputs;
  for (let round = 0; round < 8; round++) {
    const next = firstMatch(at, operands);
    if (next === undefined) break;
    result = next;
    if (isInput(next.node) || next.node.outputs.length > 1 || operands.includes(next)) break;
    at = next.node;
    operands = next.node.inputs;
  }
  return result;
}

function firstMatch(node: GraphNode, inputs: readonly Tensor[]): Tensor | undefined {
  for (const rule of rules) {
    const result = rule(node, inputs);
    if (result !== undefined) return result;
  }
  return undefined;
}

/** The nodes of the graph being made: by what they compute, and as a set. */
interface Pool {
  readonly byKey: Map<string, GraphNode>;
  readonly nodes: Set<GraphNode>;
}

/** The pool's tensor for one that rules made: the small chain of new nodes behind it is settled and shared from its inputs up. */
function share(tensor: Tensor, pool: Pool): Tensor {
  const { node } = tensor;
  if (isInput(node) || pool.nodes.has(node)) return tensor;
  const inputs = node.inputs.map((input) => share(input, pool));
  const simpler = settle(node, inputs);
  return simpler === undefined ? shareNode(node, inputs, pool).outputs[tensor.index] : share(simpler, pool);
}

/** The node that already computes this, or this one. */
function shareNode(node: GraphNode, inputs: readonly Tensor[], pool: Pool): GraphNode {
  const key = `${node.op.name}(${inputs.map((input) => `${input.node.id}.${input.index}`).join(",")}){${attrsText(node.attrs)}}`;
  const known = pool.byKey.get(key);
  if (known !== undefined) return known;
  const fresh = inputs.every((input, i) => input === node.inputs[i]) ? node : new GraphNode(node.op, inputs, node.attrs, node.outputs);
  pool.byKey.set(key, fresh);
  pool.nodes.add(fresh);
  return fresh;
}

const isOp = (tensor: Tensor, op: { name: string }): boolean => tensor.node.op.name === op.name;
const nodeIs = (node: GraphNode, op: { name: string }): boolean => node.op.name === op.name;

/** stopGradient and customGradient have done their work once gradients exist. */
const dropMarkers: Rule = (node, [x]) => (node.op.name === "stopGradient" || node.op.name === "customGradient" ? x : undefined);

/** x + 0, x - 0, x · 1, x / 1. */
const dropIdentity: Rule = (node, [a, b]) => {
  const neutral =
    nodeIs(node, elementwiseOps.add) || nodeIs(node, elementwiseOps.sub)
      ? 0
      : nodeIs(node, elementwiseOps.mul) || nodeIs(node, elementwiseOps.div)
        ? 1
        : undefined;
  if (neutral === undefined) return undefined;
  const output = node.outputs[0];
  if (scalarValue(b) === neutral && sameShape(a.shape, output.shape)) return a;
  const commutes = nodeIs(node, elementwiseOps.add) || nodeIs(node, elementwiseOps.mul);
  return commutes && scalarValue(a) === neutral && sameShape(b.shape, output.shape) ? b : undefined;
};

/** Elementwise ops on scalar constants, by their own reference rule. */
const foldScalars: Rule = (node, inputs) => {
  const output = node.outputs[0];
  if (!isElementwise(node) || output.size !== 1 || output.dtype !== "float32") return undefined;
  const values = inputs.map(scalarValue);
  if (values.some((value) => value === undefined)) return undefined;
  const data = inputs.map((input, i) => ({ shape: input.shape, dtype: input.dtype, data: Float64Array.of(values[i]!) }));
  return constant([node.op.evaluate(data, node.attrs, [output])[0].data[0]], "float32", output.shape);
};

/** (x · c) · d = x · (c d) for scalar constants. */
const mergeFactors: Rule = (node, [a, b]) => {
  if (!nodeIs(node, elementwiseOps.mul)) return undefined;
  const [x, outer] =
    scalarValue(b) !== undefined ? [a, scalarValue(b)!] : scalarValue(a) !== undefined ? [b, scalarValue(a)!] : [undefined, 0];
  if (x === undefined || !isOp(x, elementwiseOps.mul) || x.dtype !== "float32") return undefined;
  const [p, q] = x.node.inputs;
  const [rest, inner] =
    scalarValue(q) !== undefined ? [p, scalarValue(q)!] : scalarValue(p) !== undefined ? [q, scalarValue(p)!] : [undefined, 0];
  return rest !== undefined && sameShape(rest.shape, node.outputs[0].shape) ? rest.mul(inner * outer) : undefined;
};

/** a + (-b) = a - b and a - (-b) = a + b. */
const foldNegation: Rule = (node, [a, b]) => {
  if (nodeIs(node, elementwiseOps.add) && isOp(b, elementwiseOps.neg)) return a.sub(b.node.inputs[0]);
  if (nodeIs(node, elementwiseOps.add) && isOp(a, elementwiseOps.neg)) return b.sub(a.node.inputs[0]);
  return nodeIs(node, elementwiseOps.sub) && isOp(b, elementwiseOps.neg) ? a.add(b.node.inputs[0]) : undefined;
};

const pointwise: Readonly<Record<string, unknown>> = { ...elementwiseOps, ...clipOps, ...normalCdfOps };

function isElementwise(node: GraphNode): boolean {
  return Object.hasOwn(pointwise, node.op.name);
}

/** Stretched operands of elementwise ops are left to broadcasting; where all are stretched, the result is stretched instead. */
const skipExpand: Rule = (node, inputs) => {
  if (!isElementwise(node) || !inputs.some((input) => isOp(input, movementOps.expand))) return undefined;
  const small = inputs.map((input) => (isOp(input, movementOps.expand) ? input.node.inputs[0] : input));
  const shape = small.reduce<readonly number[] | undefined>((known, input) => known && broadcastShapes(known, input.shape), []);
  if (shape === undefined) return undefined;
  return expand(applyOne(node.op, small, node.attrs), node.outputs[0].shape);
};

/**
 * An elementwise op of an operand that was reshaped to more axes is done before the reshape, which then meets the next one: layers that flatten to
 * rows and back leave nothing in between. Other operands of the full shape are flattened too; scalars and rows along a last axis that the
 * reshape keeps come along as they are.
 */
const hoistReshape: Rule = (node, inputs) => {
  if (!isElementwise(node)) return undefined;
  const { shape } = node.outputs[0];
  const spread = inputs.find((input) => isOp(input, movementOps.reshape) && sameShape(input.shape, shape));
  const from = spread?.node.inputs[0].shape;
  if (from === undefined || from.length === 0 || from.length >= shape.length) return undefined;
  const keepsLast = from[from.length - 1] === shape[shape.length - 1];
  const fits = inputs.every(
    (input) => input.rank === 0 || sameShape(input.shape, shape) || (input.rank === 1 && (input.size === 1 || keepsLast)),
  );
  if (!fits) return undefined;
  const flat = (input: Tensor) => {
    if (!sameShape(input.shape, shape)) return input;
    return reshape(isOp(input, movementOps.reshape) ? input.node.inputs[0] : input, from);
  };
  return reshape(applyOne(node.op, inputs.map(flat), node.attrs), shape);
};

/** A sum over axes of length 1 moves nothing but the shape. */
const dropEmptySum: Rule = (node, [x]) => {
  const axes = node.attrs.axes as readonly number[] | undefined;
  if (!nodeIs(node, reduceOps.sum) || axes?.some((axis) => x.shape[axis] !== 1)) return undefined;
  return reshape(x, node.outputs[0].shape);
};

/** reshape of reshape, of a constant scalar, or of a stretched scalar; stretch of a stretch. */
const mergeReshapes: Rule = (node, [x]) => {
  const shape = node.outputs[0].shape;
  if (nodeIs(node, movementOps.reshape)) {
    if (sameShape(x.shape, shape)) return x;
    if (isOp(x, movementOps.reshape)) return reshape(x.node.inputs[0], shape);
    const scalar = scalarValue(x);
    if (scalar !== undefined) return constant([scalar], x.dtype, shape);
    if (isOp(x, movementOps.expand) && x.node.inputs[0].size === 1) return expand(reshape(x.node.inputs[0], []), shape);
  }
  if (nodeIs(node, movementOps.expand)) {
    if (sameShape(x.shape, shape)) return x;
    if (isOp(x, movementOps.expand)) return expand(x.node.inputs[0], shape);
  }
  return undefined;
};

const mergeTransposes: Rule = (node, [x]) => {
  if (!nodeIs(node, movementOps.transpose) || !isOp(x, movementOps.transpose)) return undefined;
  const inner = x.node.attrs.permutation as readonly number[];
  return transpose(
    x.node.inputs[0],
    (node.attrs.permutation as readonly number[]).map((axis) => inner[axis]),
  );
};

/** A transpose of the last two axes before a matrix product is a flag of the product. */
const foldTranspose: Rule = (node, inputs) => {
  if (!nodeIs(node, linalgOps.matmul) && !nodeIs(node, linalgOps.gemm)) return undefined;
  const turned = inputs.map(
    (input, i) => i < 2 && isOp(input, movementOps.transpose) && swapsLastTwo(input.node.attrs.permutation as readonly number[]),
  );
  if (!turned.includes(true)) return undefined;
  const operands = inputs.map((input, i) => (turned[i] ? input.node.inputs[0] : input));
  const attrs: Attrs = { transA: node.attrs.transA !== turned[0], transB: node.attrs.transB !== turned[1] };
  return applyOne(node.op, operands, attrs);
};

function swapsLastTwo(permutation: readonly number[]): boolean {
  const last = permutation.length - 1;
  return permutation.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
}

const rules: readonly Rule[] = [
  dropMarkers,
  dropIdentity,
  foldScalars,
  mergeFactors,
  foldNegation,
  mergeReshapes,
  mergeTransposes,
  foldTranspose,
  skipExpand,
  hoistReshape,
  dropEmptySum,
];
