import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { RandomStream } from "../../core/random.ts";
import { collect } from "../../graph/graph.ts";
import { clip } from "../../graph/ops/clip.ts";
import { type ConvOptions, conv } from "../../graph/ops/conv.ts";
import * as ops from "../../graph/ops/elementwise.ts";
import { batchNorm, perChannel } from "../../graph/ops/norm.ts";
import { input } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { lower } from "../../lower/lower.ts";
import { KernelSet } from "../../native/index.ts";
import { interpret } from "../interpreter.ts";
import { FfiBackend } from "./ffi-backend.ts";
import { kernelSupport } from "./kernels.ts";
import { locateLibrary } from "./locate.ts";

const library = locateLibrary();
const available = kernelSupport().available && library !== undefined;
const backend = available ? new FfiBackend(library.path) : undefined;

/** Largest difference from the interpreter relative to the largest number, and how many kernels took part. */
async function compare(
  outputs: Record<string, Tensor>,
  feeds: Record<string, Float32Array>,
): Promise<{ error: number; kernels: string[] }> {
  const graph = collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor })));
  const kernels = new KernelSet(backend!.environment.threading.threads);
  const executable = await backend!.load(lower(graph, { target: "cpu", kernels }), { name: "test", optimize: "none", kernels });
  const results = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, new Float32Array(tensor.size)]));
  const binding = executable.bind(feeds, results);
  await binding.run();
  await binding.run(); // what the first run left in the working memory must not show
  binding.dispose();
  await executable.dispose();
  const expected = interpret(graph, feeds);
  let error = 0;
  for (const [name, values] of Object.entries(results)) {
    const reference = expected[name].data;
    const scale = reference.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);
    values.forEach((v, i) => {
      error = Math.max(
        error,
        Number.isNaN(v) !== Number.isNaN(reference[i]) ? Number.POSITIVE_INFINITY : Math.abs(v - reference[i]) / scale || 0,
      );
    });
  }
  return { error, kernels: [...kernels.codes.keys()] };
}

function normal(size: number, name: string, scale = 1): Float32Array {
  const values = new Float32Array(size);
  new RandomStream(0, name).fillNormal(values);
  return values.map((v) => v * scale);
}

interface Case {
  x: number[];
  w: number[];
  options: ConvOptions;
}

const cases: Record<string, Case> = {
  "rows of whole vectors": { x: [8, 3, 6, 32], w: [5, 3, 3, 3], options: { padding: 1 } },
  "rows with a rest": { x: [8, 2, 5, 21], w: [7, 2, 3, 3], options: { padding: 1 } },
  "two rows in a vector": { x: [8, 4, 8, 8], w: [6, 4, 3, 3], options: { padding: 1 } },
  "two rows with gaps, an odd number of them": { x: [8, 4, 7, 7], w: [6, 4, 3, 3], options: { padding: 1 } },
  "four rows in a vector": { x: [8, 3, 4, 4], w: [5, 3, 3, 3], options: { padding: 1 } },
  "four rows with gaps": { x: [8, 3, 6, 3], w: [5, 3, 2, 2], options: {} },
  "stride 2": { x: [8, 3, 12, 16], w: [5, 3, 4, 4], options: { padding: 1, stride: 2 } },
  "stride 2, odd sizes": { x: [8, 3, 13, 15], w: [5, 3, 3, 3], options: { padding: [0, 1, 1, 0], stride: 2 } },
  "stride 2, padding as TensorFlow's": { x: [8, 2, 28, 28], w: [3, 2, 5, 5], options: { padding: "same", stride: 2 } },
  "stride 2, wide": { x: [8, 2, 6, 70], w: [3, 2, 3, 3], options: { padding: 1, stride: 2 } },
  "strides that differ, dilation": {
    x: [8, 3, 11, 9],
    w: [4, 3, 3, 2],
    options: { padding: [1, 0, 2, 1], stride: [2, 1], dilation: [1, 2] },
  },
  "taps that no output meets": { x: [8, 2, 8, 12], w: [3, 2, 1, 2], options: { stride: 2 } },
  "many channels": { x: [8, 4, 8, 8], w: [20, 4, 3, 3], options: { padding: 1 } },
  "many channels, odd sizes": { x: [8, 6, 9, 13], w: [33, 6, 3, 2], options: { padding: [1, 0, 2, 1], stride: [2, 1], dilation: [1, 2] } },
  "many channels, stride 2": { x: [8, 4, 28, 28], w: [16, 4, 5, 5], options: { padding: "same", stride: 2 } },
  "pictures together": { x: [8, 2, 4, 4], w: [16, 2, 3, 3], options: { padding: 1 } },
  "pictures together, rows with gaps": { x: [16, 2, 3, 3], w: [18, 2, 2, 2], options: { padding: [0, 1, 1, 0] } },
  "pictures together, stride 2": { x: [8, 4, 8, 8], w: [32, 4, 4, 4], options: { padding: 1, stride: 2 } },
  grouped: { x: [8, 6, 9, 17], w: [9, 2, 3, 3], options: { padding: 1, groups: 3 } },
  "grouped, stride 2": { x: [8, 4, 8, 8], w: [6, 2, 4, 4], options: { padding: 1, stride: 2, groups: 2 } },
  depthwise: { x: [8, 5, 8, 8], w: [5, 1, 3, 3], options: { padding: 1, groups: 5 } },
  "depthwise, several outputs a channel": { x: [4, 3, 4, 4], w: [6, 1, 3, 3], options: { padding: 1, groups: 3 } },
  "one channel": { x: [9, 1, 16, 16], w: [1, 1, 3, 3], options: { padding: 1 } },
};

describe.skipIf(!available)("convolution kernels made at run time (x86-64 Linux with AVX-512 only)", () => {
  test.each(Object.entries(cases))("%s", async (_, { x: xShape, w: wShape, options }) => {
    const [x, w, b] = [input("x", xShape), input("w", wShape), input("b", [wShape[0]])];
    const y = conv(x, w, { ...options, bias: b });
    const dy = input("dy", y.shape);
    const [dx, dw] = gradients(y, [x, w], dy);
    const feeds = { x: normal(x.size, "x"), w: normal(w.size, "w"), b: normal(b.size, "b"), dy: normal(dy.size, "dy") };
    const forward = await compare({ y }, { x: feeds.x, w: feeds.w, b: feeds.b });
    expect(forward.error).toBeLessThan(1e-5);
    expect(forward.kernels).toHaveLength(1);
    const backward = await compare({ dx, dw }, { x: feeds.x, w: feeds.w, dy: feeds.dy });
    expect(backward.error).toBeLessThan(1e-5);
    expect(backward.kernels.length).toBeGreaterThan(0);
  });
});

const everywhere: Record<string, (x: Tensor) => Tensor> = {
  exp: ops.exp,
  log: (x) => ops.log(ops.abs(x)),
  tanh: ops.tanh,
  erf: ops.erf,
  sigmoid: ops.sigmoid,
  softplus: ops.softplus,
  relu: ops.relu,
  leakyRelu: (x) => ops.leakyRelu(x, 0.2),
  step: ops.step,
  sqrt: (x) => ops.sqrt(ops.abs(x)),
  reciprocal: ops.reciprocal,
  floor: ops.floor,
  clip: (x) => clip(x, -1, Number.POSITIVE_INFINITY),
  neg: ops.neg,
  maximum: (x) => ops.maximum(x, ops.neg(x)),
  minimum: (x) => ops.minimum(x, 0.5),
  div: (x) => ops.div(ops.add(x, 1), x),
};

describe.skipIf(!available)("fused elementwise kernels", () => {
  test.each(Object.keys(everywhere))("%s is right over its range and at its corners", async (name) => {
    const x = input("x", [37, 41]);
    const corners = [0, 1e-30, -1e-30, 88, -88, 104, -104, 1, -1, 0.5, 1e30, 700, -700];
    const values = Float32Array.from({ length: x.size }, (_, i) => corners[i] ?? (i - 700) / 60);
    const finite =
      name === "exp" || name === "reciprocal" || name === "div"
        ? values.map((v) => (Math.abs(v) > 87 || Math.abs(v) < 1e-3 ? 0.7 : v))
        : values;
    const { error, kernels } = await compare({ y: ops.mul(everywhere[name](x), 1.5) }, { x: finite });
    expect(error).toBeLessThan(2e-6);
    expect(kernels).toHaveLength(1);
  });

  test("not-a-number passes through, infinities saturate", async () => {
    const x = input("x", [600]);
    const values = new Float32Array(600).fill(1);
    values.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    for (const f of [ops.exp, ops.tanh, ops.sigmoid, ops.relu, ops.softplus]) {
      const graph = collect([{ name: "y", tensor: ops.mul(f(x), 2) }]);
      const kernels = new KernelSet(1);
      const executable = await backend!.load(lower(graph, { target: "cpu", kernels }), { name: "test", optimize: "none", kernels });
      const y = new Float32Array(600);
      const binding = executable.bind({ x: values }, { y });
      await binding.run();
      const expected = interpret(graph, { x: values }).y.data;
      expect([...y.subarray(0, 3)]).toEqual([...expected.subarray(0, 3)]);
      binding.dispose();
      await executable.dispose();
    }
  });

  const shapes: [string, number[], number[]][] = [
    ["per channel", [6, 5, 7, 9], [5, 1, 1]],
    ["per row", [33, 50], [33, 1]],
    ["per column", [65, 83], [83]],
    ["per column, narrow", [400, 3], [3]],
    ["one number", [700], [1]],
    ["first and last axis", [6, 9, 20], [6, 1, 20]],
  ];
  test.each(shapes)("operands that broadcast: %s", async (_, shape, small) => {
    const [x, v] = [input("x", shape), input("v", small)];
    const y = ops.add(ops.mul(x, v), ops.tanh(x));
    const result = await compare({ y }, { x: normal(x.size, "x"), v: normal(v.size, "v") });
    expect(result.error).toBeLessThan(2e-6);
    expect(result.kernels).toHaveLength(1);
  });

  const sums: [string, number[], number[]][] = [
    ["rows", [33, 50], [1]],
    ["columns", [65, 83], [0]],
    ["columns of whole chunks", [40, 128], [0]],
    ["channels", [6, 5, 7, 9], [0, 2, 3]],
    ["the middle axis", [8, 9, 20], [1]],
    ["everything", [30, 40], [0, 1]],
  ];
  test.each(sums)("sums over %s, together with the values", async (_, shape, axes) => {
    const [x, v] = [input("x", shape), input("v", shape)];
    const y = ops.mul(ops.sub(x, 0.25), v);
    const outputs = { y, total: y.sum(axes), kept: ops.mul(y, y).sum(axes, { keepDims: true }), plain: x.sum(axes) };
    const result = await compare(outputs, { x: normal(x.size, "x"), v: normal(v.size, "v") });
    expect(result.error).toBeLessThan(2e-6);
    expect(result.kernels).toHaveLength(1);
  });

  test("a normalisation and its gradient, where passes wait for sums", async () => {
    const [x, scale, bias, dy] = [input("x", [8, 6, 10, 10]), input("scale", [6]), input("bias", [6]), input("dy", [8, 6, 10, 10])];
    const { y } = batchNorm(x, scale, bias, 1e-3);
    const z = ops.leakyRelu(ops.add(y, perChannel(bias, 4)), 0.2);
    const [dx, dScale, dBias] = gradients(z, [x, scale, bias], dy);
    const feeds = { x: normal(x.size, "x"), scale: normal(6, "s"), bias: normal(6, "b"), dy: normal(dy.size, "dy") };
    const result = await compare({ z, dx, dScale, dBias }, feeds);
    expect(result.error).toBeLessThan(1e-5);
    expect(result.kernels.length).toBeGreaterThan(1);
  });
});
