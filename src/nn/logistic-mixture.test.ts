import { describe, expect, test } from "vitest";
import { RandomStreams } from "../core/streams.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { drawLogisticMixture, logisticMixtureNats, mixtureSize } from "./logistic-mixture.ts";

describe("discretised logistic mixture", () => {
  test("sizes of a pixel's numbers", () => {
    expect([mixtureSize(1, 10), mixtureSize(3, 10)]).toEqual([30, 100]);
  });

  test.each([256, 4])("the masses of %i levels add up to one, also of narrow components and far away", async (levels) => {
    const parameters = new Float32Array(levels * 9);
    // Weights, means, log scales of three components; the last two are narrow, and one lies outside.
    for (let n = 0; n < levels; n++) parameters.set([0.3, -0.2, 0.1, 0.2, -0.9, 1.4, -1.5, -4, -3], n * 9);
    const x = Float32Array.from({ length: levels }, (_, n) => (2 * n) / (levels - 1) - 1);
    const program = await compile(
      await openBackend(),
      (inputs) => ({ nats: logisticMixtureNats(inputs.parameters, inputs.x, 3, levels) }),
      {
        inputs: { parameters: { shape: [levels, 9, 1, 1] }, x: { shape: [levels, 1, 1, 1] } },
      },
    );
    const { nats } = await program.run({ parameters, x });
    expect((nats as Float32Array).reduce((sum, value) => sum + Math.exp(-value), 0)).toBeCloseTo(1, 4);
    await program.dispose();
  });

  test("draws follow the masses, one colour leaning on the ones before", async () => {
    const [count, levels] = [4000, 6];
    const parameters = new Float32Array(count * 10);
    // One component: red in the middle, green as red, blue against red.
    for (let n = 0; n < count; n++) parameters.set([0, 0, 0, 0, -1.2, -4, -4, 20, -20, 0], n * 10);
    const program = await compile(
      await openBackend(),
      (inputs, rng) => ({ drawn: drawLogisticMixture(inputs.parameters, 3, 1, rng, levels) }),
      { inputs: { parameters: { shape: [count, 10, 1, 1] } }, streams: new RandomStreams(2) },
    );
    const drawn = (await program.run({ parameters })).drawn as Float32Array;
    const counts = new Float64Array(levels);
    for (let n = 0; n < count; n++) {
      const [red, green, blue] = drawn.subarray(3 * n, 3 * n + 3);
      counts[Math.round(((red + 1) / 2) * (levels - 1))]++;
      expect(green).toBeCloseTo(red, 5);
      expect(blue).toBeCloseTo(-red, 5);
    }
    const sigma = (at: number) => 1 / (1 + Math.exp(-at / Math.exp(-1.2)));
    for (let level = 0; level < levels; level++) {
      const at = (2 * level) / (levels - 1) - 1;
      const above = level === levels - 1 ? 1 : sigma(at + 1 / (levels - 1));
      const mass = above - (level === 0 ? 0 : sigma(at - 1 / (levels - 1)));
      expect(Math.abs(counts[level] / count - mass)).toBeLessThan(4 * Math.sqrt(mass / count));
    }
    await program.dispose();
  });

  test("a wrong number of channels is refused", () => {
    const build = async () =>
      compile(await openBackend(), (inputs) => ({ nats: logisticMixtureNats(inputs.parameters, inputs.x, 3) }), {
        inputs: { parameters: { shape: [1, 8, 1, 1] }, x: { shape: [1, 1, 1, 1] } },
      });
    return expect(build()).rejects.toThrow(/3 components of 1 channels/);
  });
});
