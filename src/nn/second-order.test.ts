import { describe, expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStream } from "../core/random.ts";
import { input } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { gradientError, spread, weightedSum } from "../runtime/testing/check.ts";
import { gelu, geluTanh, mish, silu, swiglu } from "./activations.ts";
import { scaledDotProductAttention } from "./attention.ts";
import { Conv2d } from "./conv.ts";
import { Linear } from "./linear.ts";
import { ModulatedConv2d, minibatchDeviation } from "./modulated-conv.ts";
import { type Module, namedParameters, namedStates } from "./module.ts";
import { adaptiveInstanceNorm, InstanceNorm, pixelNorm, RMSNorm } from "./norms.ts";
import { EqualizedConv2d, SpectralNorm, WeightNorm } from "./weights.ts";

// Gradient penalties differentiate gradients: what a critic may be made of has right first and second derivatives, in the interpreter's float64.

const rng = new RandomStream(0, "init");

/** First and second derivatives of build(x) against finite differences. */
function expectDerivatives(shapes: readonly number[][], build: (operands: Tensor[]) => Tensor, module?: Module): void {
  const operands = shapes.map((shape, i) => input(`x${i}`, shape));
  const feeds: Record<string, Float64Array> = Object.fromEntries(operands.map((x, i) => [`x${i}`, spread(x.size, [-2, 2], i)]));
  const parameters = module === undefined ? [] : [...namedParameters(module).values()];
  for (const leaf of [...parameters, ...(module === undefined ? [] : namedStates(module).values())])
    feeds[String(leaf.node.attrs.name)] = Float64Array.from(leaf.data as Float32Array);
  const y = withTrace(new Trace({ training: true }), () => build(operands));
  const total = weightedSum([y], 11);
  expect(gradientError(total, [...operands, ...parameters], feeds)).toBeLessThan(2e-6);
  const first = gradients(total.mul(total), operands);
  expect(gradientError(weightedSum(first, 23), [...operands, ...parameters], feeds)).toBeLessThan(5e-5);
}

describe("activations", () => {
  test.each(Object.entries({ gelu, geluTanh, silu, mish, swiglu }))("%s", (_name, f) => expectDerivatives([[2, 4]], ([x]) => f(x)));
});

test("attention, plain, causal with shared heads, and with a bias", () => {
  const heads = [1, 2, 3, 2];
  expectDerivatives([heads, heads, heads], ([q, k, v]) => scaledDotProductAttention(q, k, v));
  expectDerivatives([heads, [1, 1, 3, 2], [1, 1, 3, 2]], ([q, k, v]) => scaledDotProductAttention(q, k, v, { causal: true }));
  expectDerivatives([heads, heads, heads, [3, 3]], ([q, k, v, bias]) => scaledDotProductAttention(q, k, v, { bias }));
});

test("norms that a critic may have", () => {
  const instance = new InstanceNorm({ channels: 2, affine: true });
  expectDerivatives([[2, 2, 3]], ([x]) => instance.call(x), instance);
  const rms = new RMSNorm({ width: 3 });
  expectDerivatives([[2, 3]], ([x]) => rms.call(x), rms);
  expectDerivatives([[2, 3, 2]], ([x]) => pixelNorm(x));
  expectDerivatives(
    [
      [1, 2, 3],
      [1, 2],
      [1, 2],
    ],
    ([x, deviation, mean]) => adaptiveInstanceNorm(x, deviation, mean),
  );
});

test("weight forms", () => {
  const weightNorm = new WeightNorm(new Linear({ in: 3, out: 2, rng }));
  expectDerivatives([[2, 3]], ([x]) => weightNorm.call(x).square(), weightNorm);
  const equalized = new EqualizedConv2d({ in: 2, out: 2, kernel: 2, rng });
  expectDerivatives([[1, 2, 3, 3]], ([x]) => equalized.call(x).square(), equalized);
  const modulated = new ModulatedConv2d({ in: 2, out: 2, kernel: 1, styleWidth: 2, rng });
  expectDerivatives(
    [
      [2, 2, 2, 2],
      [2, 2],
    ],
    ([x, style]) => modulated.call(x, style),
    modulated,
  );
  expectDerivatives([[4, 2, 1, 2]], ([x]) => minibatchDeviation(x, 2));
});

test("spectral normalisation: for the input; the weight sees constant singular vectors, so only its first derivative is compared", () => {
  const spectral = new SpectralNorm(new Conv2d({ in: 2, out: 3, kernel: 2, rng }), { rng });
  const x = input("x", [1, 2, 3, 3]);
  const feeds: Record<string, Float64Array> = { x: spread(x.size, [-2, 2], 0) };
  for (const leaf of [...namedParameters(spectral).values(), ...namedStates(spectral).values()])
    feeds[String(leaf.node.attrs.name)] = Float64Array.from(leaf.data as Float32Array);
  // Outside of training the vectors are state, hence constants to finite differences as well.
  const y = withTrace(new Trace({ training: false }), () => spectral.call(x));
  const total = weightedSum([y.square()], 11);
  const leaves = [x, ...namedParameters(spectral).values()];
  expect(gradientError(total, leaves, feeds)).toBeLessThan(2e-6);
  expect(gradientError(weightedSum(gradients(total, [x]), 23), leaves, feeds)).toBeLessThan(5e-5);
});
