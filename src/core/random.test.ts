import { describe, expect, it } from "vitest";
import { RandomStream } from "./random.ts";

function drawn(count: number, stream = new RandomStream(1, "test")): Float32Array {
  const values = new Float32Array(count);
  stream.fillNormal(values);
  return values;
}

/** The standard normal's distribution function, by the series 1/2 + pdf(x) (x + x³/3 + x⁵/15 + ...), to about 1e-15 for |x| < 6. */
function normalCdf(x: number): number {
  if (x < -6) return 0;
  if (x > 6) return 1;
  let term = x;
  let sum = x;
  for (let i = 3; Math.abs(term) > 1e-17; i += 2) {
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

/** The Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 with probability 0.001 when the draws have the distribution. */
function kolmogorovSmirnov(sorted: Float32Array, cdf: (x: number) => number): number {
  const n = sorted.length;
  let distance = 0;
  for (let i = 0; i < n; i++) {
    const p = cdf(sorted[i]);
    distance = Math.max(distance, (i + 1) / n - p, p - i / n);
  }
  return distance * Math.sqrt(n);
}

function moments(values: Float32Array): { mean: number; variance: number; skew: number; kurtosis: number } {
  let [s1, s2, s3, s4] = [0, 0, 0, 0];
  for (const v of values) {
    s1 += v;
    s2 += v * v;
    s3 += v * v * v;
    s4 += v * v * v * v;
  }
  const n = values.length;
  return { mean: s1 / n, variance: s2 / n, skew: s3 / n, kurtosis: s4 / n };
}

function correlation(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum / a.length;
}

// Printed by the authors' C code (prng.di.unimi.it/xoshiro128starstar.c), the second line after a million draws.
const REFERENCE_DRAWS = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804];
const REFERENCE_STATE = [2928258933, 4119544218, 1001204686, 2576016786];
// Printed by a C program of the two hashes over the bytes "7\\0noise".
const SEEDED_STATE = [3935302629, 1139774611, 1749586845, 323210610];

describe("the generator", () => {
  it("gives the numbers of the reference C code from state 1, 2, 3, 4", () => {
    const stream = new RandomStream(0, "reference");
    stream.restore([1, 2, 3, 4]);
    const first = Array.from({ length: 10 }, () => stream.nextUint32());
    expect(first).toEqual(REFERENCE_DRAWS);
    for (let i = 10; i < 1_000_000; i++) stream.nextUint32();
    expect(stream.state).toEqual(REFERENCE_STATE);
  });

  it("is seeded by FNV-1a and SplitMix64 of the seed and the name", () => {
    expect(new RandomStream(7, "noise").state).toEqual(SEEDED_STATE);
    expect(new RandomStream(7n, "noise").state).toEqual(SEEDED_STATE);
    expect(new RandomStream("7", "noise").state).toEqual(SEEDED_STATE);
  });

  it("gives different streams for different seeds, names and forks", () => {
    const states = [
      new RandomStream(1, "a"),
      new RandomStream(2, "a"),
      new RandomStream(1, "b"),
      new RandomStream(1, "a").fork("b"),
      new RandomStream(1, "a").fork("c"),
    ].map((stream) => stream.state.join());
    expect(new Set(states).size).toBe(states.length);
  });

  it("forks by name, whatever has been drawn", () => {
    const stream = new RandomStream(1, "a");
    const before = stream.fork("part").state;
    stream.normal();
    expect(stream.fork("part").state).toEqual(before);
  });

  it("refuses seeds and states that are none", () => {
    expect(() => new RandomStream(1.5, "a")).toThrow("A seed must be an integer");
    expect(() => new RandomStream(Number.NaN, "a")).toThrow("A seed must be an integer");
    const stream = new RandomStream(1, "a");
    for (const bad of [[], [1, 2, 3], [0, 0, 0, 0], [1, 2, 3, -1], [1, 2, 3, 2 ** 32], [1, 2, 3, 0.5]]) {
      expect(() => stream.restore(bad)).toThrow('The saved state of random stream "a" is not valid.');
    }
  });
});

describe("saving and restoring", () => {
  it("goes on exactly, at any point and across every kind of draw", () => {
    const stream = new RandomStream("seed", "x");
    drawn(1001, stream);
    const saved = JSON.parse(JSON.stringify(stream.state)) as number[];
    const draw = (from: RandomStream) => [
      ...drawn(2000, from),
      from.uniform(),
      from.below(10),
      from.normal(),
      ...from.shuffle([1, 2, 3, 4, 5]),
    ];
    const expected = draw(stream);
    const other = new RandomStream("other", "y");
    other.restore(saved);
    expect(draw(other)).toEqual(expected);
  });

  it("fills arrays with what single draws would give", () => {
    const [a, b] = [new RandomStream(3, "x"), new RandomStream(3, "x")];
    expect(drawn(20_000, a)).toEqual(Float32Array.from({ length: 20_000 }, () => b.normal()));
    const uniforms = new Float32Array(100);
    a.fillUniform(uniforms);
    expect(uniforms).toEqual(Float32Array.from({ length: 100 }, () => b.uniform()));
    expect(a.state).toEqual(b.state);
  });
});

describe("distributions", () => {
  it("draws uniforms in [0, 1) that are uniform", () => {
    const values = new Float32Array(1_000_000);
    new RandomStream(11, "u").fillUniform(values);
    values.sort();
    expect(values[0]).toBeGreaterThanOrEqual(0);
    expect(values[values.length - 1]).toBeLessThan(1);
    expect(kolmogorovSmirnov(values, (x) => x)).toBeLessThan(1.95);
  });

  it("draws normals with the right moments", () => {
    const n = 4_000_000;
    const { mean, variance, skew, kurtosis } = moments(drawn(n));
    // Four standard errors each: sqrt of 1, 2, 15 and 96 over n.
    expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / n));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(skew)).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
  });

  it("draws normals with the normal's distribution function", () => {
    expect(kolmogorovSmirnov(drawn(1_000_000, new RandomStream(5, "ks")).sort(), normalCdf)).toBeLessThan(1.95);
  });

  it("has the right tails beyond 3.44 and beyond where the last layer ends", () => {
    const values = drawn(8_000_000, new RandomStream(9, "tails"));
    for (const edge of [3.44, 3.66, 4.2]) {
      const expected = values.length * (1 - normalCdf(edge));
      const above = values.reduce((count, v) => count + (v > edge ? 1 : 0), 0);
      const below = values.reduce((count, v) => count + (v < -edge ? 1 : 0), 0);
      expect(Math.abs(above - expected)).toBeLessThan(4 * Math.sqrt(expected));
      expect(Math.abs(below - expected)).toBeLessThan(4 * Math.sqrt(expected));
    }
  });

  it("has no correlation between neighbours, names and seeds", () => {
    const n = 1_000_000;
    const a = drawn(n, new RandomStream(1, "a"));
    const limit = 4 / Math.sqrt(n);
    expect(Math.abs(correlation(a.subarray(0, n - 1), a.subarray(1)))).toBeLessThan(limit);
    expect(Math.abs(correlation(a, drawn(n, new RandomStream(1, "b"))))).toBeLessThan(limit);
    expect(Math.abs(correlation(a, drawn(n, new RandomStream(2, "a"))))).toBeLessThan(limit);
  });

  it("draws integers below n evenly", () => {
    const stream = new RandomStream(4, "n");
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 700_000; i++) counts[stream.below(7)]++;
    for (const count of counts) expect(Math.abs(count - 100_000)).toBeLessThan(4 * Math.sqrt(100_000));
    expect(stream.below(1)).toBe(0);
    expect(stream.below(2 ** 32)).toBeLessThan(2 ** 32);
    for (const bad of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) expect(() => stream.below(bad)).toThrow("whole upper bound");
  });

  it("shuffles into every order equally often", () => {
    const stream = new RandomStream(6, "s");
    const counts = new Map<string, number>();
    for (let i = 0; i < 60_000; i++) {
      const order = stream.shuffle([0, 1, 2]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(4 * Math.sqrt(10_000));
    expect(stream.shuffle(Int32Array.from({ length: 100 }, (_, i) => i)).toSorted()).toEqual(Int32Array.from({ length: 100 }, (_, i) => i));
  });

  it("fills Bernoulli masks whose mean is p", () => {
    const mask = new Float32Array(1_000_000);
    const stream = new RandomStream(8, "mask");
    stream.fillBernoulli(mask, 0.2);
    const ones = mask.reduce((sum, v) => sum + v, 0);
    expect(new Set(mask)).toEqual(new Set([0, 1]));
    expect(Math.abs(ones - 200_000)).toBeLessThan(4 * Math.sqrt(160_000));
    for (const [p, value] of [
      [0, 0],
      [1, 1],
    ]) {
      stream.fillBernoulli(mask, p);
      expect(new Set(mask)).toEqual(new Set([value]));
    }
    expect(() => stream.fillBernoulli(mask, 1.2)).toThrow("between 0 and 1");
  });
});
