import { expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStream } from "../core/random.ts";
import { collect } from "../graph/graph.ts";
import { constant, input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import { canonicalText } from "../graph/print.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { Conv2d } from "./conv.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { crossEntropy } from "./losses.ts";
import { type Module, namedParameters, namedStates } from "./module.ts";
import { BatchNorm, LayerNorm } from "./norm.ts";

// What a layer costs, forwards and backwards, as the graph that runs. A change here is a change of speed: explain it.

const rng = new RandomStream(0, "init");

/** The simplified graph of a layer in training: its output, and its gradients for a given dy. */
function costOf(layer: Module & { call(x: Tensor): Tensor }, shape: readonly number[], withInput = true): string {
  const x = input("x", shape);
  const trace = new Trace({ training: true });
  const y = withTrace(trace, () => layer.call(x));
  const leaves = namedParameters(layer);
  const wanted = new Map<string, Tensor>([...(withInput ? [["x", x] as const] : []), ...leaves]);
  const derived = gradients(y, [...wanted.values()], input("dy", y.shape));
  const outputs = [{ name: "y", tensor: y }, ...[...wanted.keys()].map((name, i) => ({ name: `d ${name}`, tensor: derived[i] }))];
  const states = [...namedStates(layer)].map(([name, state]) => ({ name: `${name}'`, tensor: trace.updates.get(state)! }));
  const names = new Map<Tensor, string>([...leaves, ...namedStates(layer)].map(([name, leaf]) => [leaf, name]));
  return canonicalText(simplify(collect([...outputs, ...states], names)));
}

test("Linear: three products with flags and one sum; no transpose", () => {
  const text = costOf(new Linear({ in: 3, out: 5, rng }), [4, 3]);
  expect(text).not.toContain("transpose(");
  expect(text).toMatchInlineSnapshot(`
    "inputs: weight f32[5,3], bias f32[5], x f32[4,3], dy f32[4,5]
    %0 f32[4,5] = gemm(x, weight, bias) {transA: false, transB: true}
    %1 f32[4,3] = matmul(dy, weight) {transA: false, transB: false}
    %2 f32[5,3] = matmul(dy, x) {transA: true, transB: false}
    %3 f32[5] = sum(dy) {axes: [0], keepDims: false}
    outputs: y = %0, d x = %1, d weight = %2, d bias = %3"
  `);
});

test("Conv2d: the convolution, its two gradients and one sum", () => {
  expect(costOf(new Conv2d({ in: 3, out: 4, kernel: 3, stride: 2, padding: 1, rng }), [2, 3, 8, 8])).toMatchInlineSnapshot(`
    "inputs: weight f32[4,3,3,3], bias f32[4], x f32[2,3,8,8], dy f32[2,4,4,4]
    %0 f32[2,4,4,4] = conv(x, weight, bias) {dilations: [1,1], groups: 1, pads: [1,1,1,1], strides: [2,2]}
    %1 f32[2,3,8,8] = convInput(dy, weight) {dilations: [1,1], groups: 1, pads: [1,1,1,1], spatial: [8,8], strides: [2,2]}
    %2 f32[4,3,3,3] = convFilter(x, dy) {dilations: [1,1], groups: 1, kernel: [3,3], pads: [1,1,1,1], strides: [2,2]}
    %3 f32[4] = sum(dy) {axes: [0,2,3], keepDims: false}
    outputs: y = %0, d x = %1, d weight = %2, d bias = %3"
  `);
});

test("Conv2d as the first layer: no gradient for the picture", () => {
  const text = costOf(new Conv2d({ in: 3, out: 4, kernel: 3, rng }), [2, 3, 8, 8], false);
  expect(text).not.toContain("convInput");
});

test("BatchNorm while training: six elementwise passes and two sums over the full tensor backwards", () => {
  expect(costOf(new BatchNorm({ channels: 3 }), [4, 3, 2, 2])).toMatchInlineSnapshot(`
    "inputs: weight f32[3], bias f32[3], runningMean f32[3], runningVariance f32[3], x f32[4,3,2,2], dy f32[4,3,2,2]
    %0 f32[4,3,2,2], %1 f32[3], %2 f32[3] = batchNorm(x, weight, bias) {epsilon: 0.00001}
    %3 f32[] = constant() {data: [0.8999999761581421], dtype: float32, shape: []}
    %4 f32[3] = mul(runningMean, %3)
    %5 f32[] = constant() {data: [0.10000000149011612], dtype: float32, shape: []}
    %6 f32[] = constant() {data: [0.000009999999747378752], dtype: float32, shape: []}
    %7 f32[3] = add(%2, %6)
    %8 f32[3] = sqrt(%7)
    %9 f32[3] = reciprocal(%8)
    %10 f32[3,1,1] = reshape(%1) {shape: [3,1,1]}
    %11 f32[4,3,2,2] = sub(x, %10)
    %12 f32[3] = sum(dy) {axes: [0,2,3], keepDims: false}
    %13 f32[4,3,2,2] = mul(dy, %11)
    %14 f32[3] = sum(%13) {axes: [0,2,3], keepDims: false}
    %15 f32[3] = mul(%14, %9)
    %16 f32[3] = mul(weight, %9)
    %17 f32[3] = mul(%16, %9)
    %18 f32[3] = mul(%17, %15)
    %19 f32[] = constant() {data: [0.0625], dtype: float32, shape: []}
    %20 f32[3] = mul(%18, %19)
    %21 f32[3] = mul(%16, %12)
    %22 f32[3,1,1] = reshape(%16) {shape: [3,1,1]}
    %23 f32[4,3,2,2] = mul(dy, %22)
    %24 f32[3,1,1] = reshape(%20) {shape: [3,1,1]}
    %25 f32[4,3,2,2] = mul(%11, %24)
    %26 f32[3] = mul(%1, %5)
    %27 f32[3] = add(%4, %26)
    %28 f32[3] = mul(runningVariance, %3)
    %29 f32[] = constant() {data: [0.1066666767001152], dtype: float32, shape: []}
    %30 f32[3] = mul(%2, %29)
    %31 f32[3] = add(%28, %30)
    %32 f32[3] = mul(%21, %19)
    %33 f32[3,1,1] = reshape(%32) {shape: [3,1,1]}
    %34 f32[4,3,2,2] = add(%25, %33)
    %35 f32[4,3,2,2] = sub(%23, %34)
    outputs: y = %0, d x = %35, d weight = %15, d bias = %12, runningMean' = %27, runningVariance' = %31"
  `);
});

test("LayerNorm", () => {
  expect(costOf(new LayerNorm({ width: 5 }), [4, 5])).toMatchInlineSnapshot(`
    "inputs: weight f32[5], bias f32[5], x f32[4,5], dy f32[4,5]
    %0 f32[4,5], %1 f32[4,1], %2 f32[4,1] = layerNorm(x, weight, bias) {epsilon: 0.00001}
    %3 f32[4,5] = sub(x, %1)
    %4 f32[4,5] = mul(dy, %3)
    %5 f32[] = constant() {data: [0.20000000298023224], dtype: float32, shape: []}
    %6 f32[4,1] = mul(%2, %2)
    %7 f32[4,1] = mul(%6, %2)
    %8 f32[4,5] = mul(dy, weight)
    %9 f32[4,5] = mul(%8, %2)
    %10 f32[1,4] = reshape(%2) {shape: [1,4]}
    %11 f32[1,5] = matmul(%10, %4) {transA: false, transB: false}
    %12 f32[5] = reshape(%11) {shape: [5]}
    %13 f32[5] = sum(dy) {axes: [0], keepDims: false}
    %14 f32[5] = mul(weight, %5)
    %15 f32[5,1] = reshape(%14) {shape: [5,1]}
    %16 f32[4,1] = matmul(dy, %15) {transA: false, transB: false}
    %17 f32[4,1] = mul(%16, %2)
    %18 f32[4,1] = matmul(%4, %15) {transA: false, transB: false}
    %19 f32[4,1] = mul(%18, %7)
    %20 f32[4,5] = mul(%3, %19)
    %21 f32[4,5] = add(%20, %17)
    %22 f32[4,5] = sub(%9, %21)
    outputs: y = %0, d x = %22, d weight = %12, d bias = %13"
  `);
});

test("Dropout: one mask for both directions", () => {
  expect(costOf(new Dropout(0.5), [4, 5])).toMatchInlineSnapshot(`
    "inputs: x f32[4,5], random:dropout f32[4,5], dy f32[4,5]
    %0 f32[] = constant() {data: [0.5], dtype: float32, shape: []}
    %1 bool[4,5] = less(random:dropout, %0)
    %2 f32[4,5] = cast(%1) {to: float32}
    %3 f32[] = constant() {data: [2], dtype: float32, shape: []}
    %4 f32[4,5] = mul(%2, %3)
    %5 f32[4,5] = mul(x, %4)
    %6 f32[4,5] = mul(dy, %4)
    outputs: y = %5, d x = %6"
  `);
});

test("cross entropy and its gradient", () => {
  const logits = input("logits", [4, 10]);
  const loss = crossEntropy(logits, input("labels", [4], "int64")).mean();
  const graph = collect([
    { name: "loss", tensor: loss },
    { name: "d logits", tensor: gradients(loss, [logits], constant(1))[0] },
  ]);
  expect(canonicalText(simplify(graph))).toMatchInlineSnapshot(`
    "inputs: logits f32[4,10], labels i64[4]
    %0 f32[4], %1 f32[4,10] = crossEntropy(logits, labels)
    %2 f32[] = sum(%0) {axes: [0], keepDims: false}
    %3 f32[] = constant() {data: [0.25], dtype: float32, shape: []}
    %4 f32[] = mul(%2, %3)
    %5 f32[1] = constant() {data: [0.25], dtype: float32, shape: [1]}
    %6 f32[4] = expand(%5) {shape: [4]}
    %7 f32[4,10] = crossEntropyGradient(%1, labels, %6)
    outputs: loss = %4, d logits = %7"
  `);
});
