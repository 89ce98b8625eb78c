import { describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { Conv2d, ConvTranspose2d } from "./conv.ts";
import { Embedding } from "./embedding.ts";
import { fansOf, filled, glorotUniform, heUniform, type Initializer, normal, ones, torchDefault, zeros } from "./init.ts";
import { Linear } from "./linear.ts";

const rng = (name = "init") => new RandomStream(3, name);
const shape = [128, 64, 3, 3];
const fans = fansOf(shape);

function statistics(data: Float32Array) {
  const mean = data.reduce((total, v) => total + v, 0) / data.length;
  const variance = data.reduce((total, v) => total + (v - mean) ** 2, 0) / data.length;
  return { mean, variance, largest: data.reduce((top, v) => Math.max(top, Math.abs(v)), 0) };
}

test("fans count the taps of a filter", () => {
  expect(fans).toEqual({ fanIn: 576, fanOut: 1152 });
  expect(fansOf([5, 3])).toEqual({ fanIn: 3, fanOut: 5 });
});

const uniforms: [string, Initializer, number][] = [
  ["torchDefault", torchDefault, 1 / Math.sqrt(576)],
  ["glorotUniform", glorotUniform, Math.sqrt(6 / (576 + 1152))],
  ["heUniform", heUniform, Math.sqrt(6 / 576)],
];

describe("uniform initialisers fill their interval evenly", () => {
  test.each(uniforms)("%s", (_name, init, bound) => {
    const { mean, variance, largest } = statistics(init(shape, fans, rng()));
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(bound * 0.999);
    expect(Math.abs(mean)).toBeLessThan(bound * 0.01);
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
  });
});

test("normal has the deviation asked for", () => {
  const { mean, variance, largest } = statistics(normal(0.02)(shape, fans, rng()));
  expect(Math.abs(mean)).toBeLessThan(0.001);
  expect(Math.sqrt(variance) / 0.02).toBeCloseTo(1, 1);
  expect(largest).toBeGreaterThan(0.06);
});

test("constant ones are constant", () => {
  expect([...zeros([2], fans, rng())]).toEqual([0, 0]);
  expect([...ones([2], fans, rng())]).toEqual([1, 1]);
  expect([...filled(0.5)([2], fans, rng())]).toEqual([0.5, 0.5]);
});

test("layers begin with PyTorch's bounds for weight and bias", () => {
  const linear = new Linear({ in: 400, out: 300, rng: rng() });
  const conv = new Conv2d({ in: 8, out: 64, kernel: 5, groups: 2, rng: rng() });
  const transposed = new ConvTranspose2d({ in: 64, out: 8, kernel: 5, rng: rng() });
  for (const [layer, fanIn] of [[linear, 400] as const, [conv, 4 * 25] as const, [transposed, 8 * 25] as const]) {
    const bound = Math.fround(1 / Math.sqrt(fanIn));
    expect(statistics(layer.weight.data).largest).toBeLessThanOrEqual(bound);
    expect(statistics(layer.weight.data).largest).toBeGreaterThan(bound * 0.99);
    expect(statistics(layer.bias!.data).largest).toBeLessThanOrEqual(bound);
    expect(statistics(layer.bias!.data).largest).toBeGreaterThan(bound * 0.7);
  }
  expect(statistics(new Embedding({ count: 100, width: 100, rng: rng() }).weight.data).variance).toBeCloseTo(1, 1);
});

test("one seed, one beginning; another stream, another", () => {
  const weights = (name: string) => new Linear({ in: 4, out: 4, rng: rng(name) }).weight.data;
  expect(weights("a")).toEqual(weights("a"));
  expect(weights("a")).not.toEqual(weights("b"));
});
