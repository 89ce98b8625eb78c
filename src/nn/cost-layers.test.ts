import { expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStream } from "../core/random.ts";
import { collect, isInput } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { gelu, geluTanh, silu } from "./activations.ts";
import { MultiheadAttention, scaledDotProductAttention } from "./attention.ts";
import { ResidualBlock } from "./blocks.ts";
import { Conv2d, ConvTranspose2d } from "./conv.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import { MinibatchDeviation, ModulatedConv2d } from "./modulated-conv.ts";
import { type Module, namedParameters } from "./module.ts";
import { GroupNorm, InstanceNorm, modulate, pixelNorm, RMSNorm } from "./norms.ts";
import { RotaryEmbedding } from "./positions.ts";
import { TransformerBlock } from "./transformer.ts";
import { EqualizedConv2d, SpectralNorm, WeightNorm } from "./weights.ts";

// What layers cost, forwards and backwards together: how many nodes of each kind the simplified graph has, and how many of them work through at
// least as many numbers as the largest operand ("full"). A change here is a change of speed: explain it.

const rng = new RandomStream(0, "init");

function costOf(shapes: readonly (readonly number[])[], build: (operands: Tensor[]) => Tensor, module?: Module): string {
  const operands = shapes.map((shape, i) => input(`x${i}`, shape));
  const y = withTrace(new Trace({ training: true }), () => build(operands));
  const wanted = [...operands, ...(module === undefined ? [] : namedParameters(module).values())];
  const derived = gradients(y, wanted, input("dy", y.shape));
  const graph = simplify(collect([y, ...derived].map((tensor, i) => ({ name: `y${i}`, tensor }))));
  const largest = Math.max(...operands.map((x) => x.size));
  const free = ["reshape", "constant"];
  const counted = graph.nodes.filter((node) => !isInput(node) && !free.includes(node.op.name));
  const counts = new Map<string, number>();
  for (const { op } of counted) counts.set(op.name, (counts.get(op.name) ?? 0) + 1);
  const full = counted.filter((node) => Math.max(...[...node.inputs, ...node.outputs].map((t) => t.size)) >= largest).length;
  return `full ${full}: ${[...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(", ")}`;
}

const layer = <L extends Module & { call(...operands: never[]): Tensor }>(module: L, ...shapes: (readonly number[])[]): string =>
  costOf(shapes, (operands) => module.call(...(operands as never[])), module);

const rows = [8, 16, 6];
const picture = [2, 6, 8, 8];
const heads = [2, 2, 8, 4];

test("norms", () => {
  expect({
    rms: layer(new RMSNorm({ width: 6 }), rows),
    group: layer(new GroupNorm({ channels: 6, groups: 2 }), picture),
    instance: layer(new InstanceNorm({ channels: 6 }), picture),
    pixel: costOf([picture], ([x]) => pixelNorm(x)),
    film: costOf([picture, [2, 6], [2, 6]], ([x, scale, shift]) => modulate(x, scale, shift)),
    deviation: layer(new MinibatchDeviation(2), picture),
  }).toMatchInlineSnapshot(`
    {
      "deviation": "full 13: add 4, concat 1, div 1, expand 1, mul 8, neg 1, slice 2, sqrt 1, sub 1, sum 5",
      "film": "full 6: add 2, mul 3, sum 2",
      "group": "full 9: add 1, groupNorm 1, mul 13, sub 2, sum 6",
      "instance": "full 9: add 1, groupNorm 1, mul 12, sub 2, sum 2",
      "pixel": "full 9: add 3, div 1, mul 10, neg 1, reciprocal 1, sqrt 1, sum 2",
      "rms": "full 8: matmul 2, mul 8, rmsNorm 1, sub 1",
    }
  `);
});

test("activations", () => {
  expect({
    gelu: costOf([rows], ([x]) => gelu(x)),
    geluTanh: costOf([rows], ([x]) => geluTanh(x)),
    silu: costOf([rows], ([x]) => silu(x)),
  }).toMatchInlineSnapshot(`
    {
      "gelu": "full 9: add 1, exp 1, mul 6, normalCdf 1",
      "geluTanh": "full 14: add 3, mul 9, sigmoid 1, sub 1",
      "silu": "full 6: add 1, mul 3, sigmoid 1, sub 1",
    }
  `);
});

test("attention: two products forwards, four backwards; no transposed copy but those of the heads", () => {
  expect({
    core: costOf([heads, heads, heads], ([q, k, v]) => scaledDotProductAttention(q, k, v, { causal: true })),
    self: layer(new MultiheadAttention({ width: 6, heads: 2, rng }), rows),
    rotary: layer(new RotaryEmbedding({ width: 4 }), heads),
  }).toMatchInlineSnapshot(`
    {
      "core": "full 12: add 1, matmul 6, mul 2, softmax 1, sub 1, sum 1",
      "rotary": "full 2: rotary 2",
      "self": "full 25: concat 1, gemm 2, matmul 10, mul 2, softmax 1, split 1, sub 1, sum 3, transpose 4",
    }
  `);
});

test("weight forms", () => {
  const conv = () => new Conv2d({ in: 6, out: 4, kernel: 3, padding: 1, rng });
  expect({
    spectral: layer(new SpectralNorm(conv(), { rng }), picture),
    weight: layer(new WeightNorm(conv()), picture),
    equalized: layer(new EqualizedConv2d({ in: 6, out: 4, kernel: 3, padding: 1, rng }), picture),
    modulated: layer(new ModulatedConv2d({ in: 6, out: 4, kernel: 3, styleWidth: 3, rng }), picture, [2, 3]),
  }).toMatchInlineSnapshot(`
    {
      "equalized": "full 3: conv 1, convFilter 1, convInput 1, mul 2, sum 1",
      "modulated": "full 7: add 5, conv 1, convFilter 1, convInput 1, div 1, gemm 1, matmul 5, mul 17, neg 1, reciprocal 1, sqrt 1, sum 4",
      "spectral": "full 3: add 1, conv 1, convFilter 1, convInput 1, matmul 3, maximum 2, mul 11, neg 1, reciprocal 3, sqrt 2, sum 5",
      "weight": "full 3: add 2, conv 1, convFilter 1, convInput 1, div 1, mul 11, neg 1, reciprocal 1, sqrt 1, sum 3",
    }
  `);
});

test("blocks", () => {
  expect({
    transformer: layer(new TransformerBlock({ width: 6, heads: 2, rng }), rows),
    residual: layer(new ResidualBlock({ in: 6, out: 6, timeWidth: 3, rng }), picture, [2, 3]),
  }).toMatchInlineSnapshot(`
    {
      "residual": "full 42: add 8, conv 2, convFilter 2, convInput 2, gemm 1, groupNorm 2, matmul 2, mul 35, sigmoid 3, sub 7, sum 12",
      "transformer": "full 70: add 7, concat 1, exp 1, gemm 4, layerNorm 2, matmul 20, mul 26, normalCdf 1, softmax 1, split 1, sub 5, sum 7, transpose 4",
    }
  `);
});

test("older layers", () => {
  const table = new Embedding({ count: 5, width: 3, rng });
  const indices = input("indices", [4], "int64");
  expect({
    linear: layer(new Linear({ in: 6, out: 4, rng }), rows),
    convTranspose: layer(new ConvTranspose2d({ in: 6, out: 3, kernel: 4, stride: 2, padding: 1, rng }), picture),
    embedding: costOf([], () => table.call(indices), table),
  }).toMatchInlineSnapshot(`
    {
      "convTranspose": "full 5: add 1, conv 1, convFilter 1, convInput 1, sum 1",
      "embedding": "full 2: gather 1, scatterAdd 1",
      "linear": "full 3: gemm 1, matmul 2, sum 1",
    }
  `);
});
