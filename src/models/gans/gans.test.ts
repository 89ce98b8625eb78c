import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { full } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import type { Terms } from "../../nn/losses.ts";
import { namedParameters } from "../../nn/module.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { diversity, Generator, Judge, toIntensity, toSigned } from "./blocks.ts";
import { ConditionalGan, conditionalGan, sample } from "./conditional-gan.ts";
import { dcgan, minimax } from "./dcgan.ts";
import { gradientPenalty, wganGp } from "./wgan-gp.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

/** What a function of tensors gives for these arrays. */
async function run(
  inputs: Record<string, { shape: number[]; data: number[] }>,
  build: (inputs: Record<string, Tensor>, rng: Rng) => Record<string, Tensor>,
): Promise<Record<string, number[]>> {
  const specs = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, { shape }]));
  const program = await compile<string, string>(backend, build, { inputs: specs });
  const outputs = await program.run(Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, Float32Array.from(data)])));
  const result = Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, Array.from(values as Float32Array)]));
  await program.dispose();
  return result;
}

describe("the networks", () => {
  const rng = new RandomStream(0, "test");

  test("have the book's parameters at 64 x 64", () => {
    expect(dcgan.build(dcgan.presets.paper.config, rng).parameterCount).toBe(6_338_176);
    const colour = { ...wganGp.presets.paper.config, image: [3, 64, 64] as [3, 64, 64] };
    expect(wganGp.build(colour, rng).parameterCount).toBe(6_570_817);
  });

  test.each(["transposed", "nearest"] as const)("paint and judge pictures (%s)", async (enlarge) => {
    const config = { image: [3, 16, 16] as [3, 16, 16], codeSize: 5, width: 4, enlarge };
    const generator = new Generator(config, { rng });
    const judge = new Judge(config, { rng, kind: "critic" });
    const { pictures, scores } = await run({}, (_, draw) => {
      const pictures = generator.call(draw.normal("codes", [2, 5]));
      return { pictures: pictures.add(0), scores: judge.call(pictures) };
    });
    expect(pictures.length).toBe(2 * 3 * 16 * 16);
    expect(pictures.every((v) => v > -1 && v < 1)).toBe(true);
    expect(scores.length).toBe(2);
  });

  test("have the paper's first weights", () => {
    const network = dcgan.build(dcgan.presets.small.config, rng);
    for (const [name, { data, shape }] of namedParameters(network)) {
      if (shape.length !== 4 || data.length < 1000) continue;
      const deviation = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
      expect(deviation / 0.02, name).toBeCloseTo(1, 1);
    }
  });

  test("refuse what is no square", () => {
    const config = { ...dcgan.presets.smoke.config, image: [1, 8, 16] as [1, 8, 16] };
    expect(() => dcgan.build(config, rng)).toThrowErrorMatchingInlineSnapshot(`
      [AtelierError: The networks of a GAN paint squares.
        got:      8 x 16
        try:      --set image=[1,16,16]]
    `);
  });
});

test("intensities go to [-1, 1] and back", async () => {
  const { signed, back } = await run({ x: { shape: [3], data: [0, 0.25, 1] } }, ({ x }) => ({
    signed: toSigned(x),
    back: toIntensity(toSigned(x)),
  }));
  expect(signed).toEqual([-1, -0.5, 1]);
  expect(back).toEqual([0, 0.25, 1]);
});

test("diversity is 1 for the data themselves and 0 for equal pictures", async () => {
  const data = Array.from({ length: 24 }, (_, i) => Math.sin(i * i));
  const { same, none, half } = await run({ x: { shape: [4, 1, 2, 3], data } }, ({ x }) => ({
    same: diversity(x, x),
    none: diversity(x, full(x.shape, 0.3)),
    half: diversity(x, x.mul(0.5)),
  }));
  expect(same[0]).toBeCloseTo(1, 5);
  expect(none[0]).toBeCloseTo(0, 6);
  expect(half[0]).toBeCloseTo(0.25, 5);
});

test("the two players' losses are Goodfellow's, with smoothed targets for the real side only", async () => {
  const [real, fake] = [
    [2, -1],
    [0.5, -3],
  ];
  const softplus = (x: number) => Math.log1p(Math.exp(x));
  const mean = (a: number, b: number) => (a + b) / 2;
  const inputs = { real: { shape: [2], data: real }, fake: { shape: [2], data: fake }, images: { shape: [2, 1], data: [0, 1] } };
  const got = await run(inputs, ({ real, fake, images }, rng) => {
    const game = { real, fake, images, pictures: images };
    const plain = minimax({ labelNoise: 0, smoothing: 0 }, game, rng);
    const smooth = minimax({ labelNoise: 0, smoothing: 0.1 }, game, rng);
    const noisy = minimax({ labelNoise: 0.2, smoothing: 0 }, game, rng);
    return {
      discriminator: plain.discriminator.total,
      generator: plain.generator.total,
      smoothReal: smooth.discriminator.terms.real,
      smoothFake: smooth.discriminator.terms.fake,
      noisyReal: noisy.discriminator.terms.real,
    };
  });
  const onReal = mean(softplus(-2), softplus(1));
  const onFake = mean(softplus(0.5), softplus(-3));
  expect(got.discriminator[0]).toBeCloseTo((onReal + onFake) / 2, 5);
  expect(got.generator[0]).toBeCloseTo(mean(softplus(-0.5), softplus(3)), 5);
  expect(got.smoothReal[0]).toBeCloseTo(mean(softplus(2) - 0.9 * 2, softplus(-1) + 0.9), 5);
  expect(got.smoothFake[0]).toBeCloseTo(onFake, 5);
  // Targets in (0.8, 1]: the loss lies between those of the two ends.
  const least = Math.min(onReal, mean(softplus(2) - 0.8 * 2, softplus(-1) + 0.8), mean(softplus(2) - 2, softplus(-1) + 0.8));
  expect(got.noisyReal[0]).toBeGreaterThan(least - 1e-6);
});

test("the penalty of a linear critic is the squared distance of its slope from 1", async () => {
  const weights = [3, 0, -4, 0];
  const inputs = {
    weights: { shape: [4], data: weights },
    real: { shape: [2, 1, 2, 2], data: [1, 2, 3, 4, 5, 6, 7, 8] },
    fake: { shape: [2, 1, 2, 2], data: [0, 1, 0, 1, 0, 1, 0, 1] },
    at: { shape: [2, 1, 1, 1], data: [0.2, 0.9] },
  };
  const { penalty, curved } = await run(inputs, ({ weights, real, fake, at }) => ({
    penalty: gradientPenalty((x) => x.reshape([2, 4]).mul(weights).sum(1), real, fake, at),
    // The slope of |x|² / 2 is x itself, at the point between the two.
    curved: gradientPenalty((x) => x.reshape([2, 4]).square().sum(1).mul(0.5), real, fake, at),
  }));
  for (const value of penalty) expect(value).toBeCloseTo(16, 4);
  const between = [0.8, 1.8, 2.4, 3.4];
  expect(curved[0]).toBeCloseTo((Math.hypot(...between) - 1) ** 2, 3);
});

test("each loss is of its own pictures: real ones white, and painted ones grey because the generator ends in zeros", async () => {
  const softplus = (x: number) => Math.log1p(Math.exp(x));
  const conditions = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (const record of [dcgan, wganGp, conditionalGan] as const) {
    const config = { ...record.presets.smoke.config, labelNoise: 0, smoothing: 0 };
    const network = record.build(config as never, new RandomStream(5, "own pictures"));
    (network.generator as Generator).last.weight.data.fill(0);
    const judge = "critic" in network ? network.critic : network.discriminator;
    const inputs = { images: { shape: [1, 1, 8, 8], data: new Array(64).fill(1) }, conditions: { shape: [1, 10], data: conditions } };
    const got = await run(inputs, (batch, rng) => {
      const game = record.players!(config as never).phases.map(({ losses }) => losses(network as never, batch as never, rng));
      const each = Object.entries(Object.assign({}, ...game) as Record<string, Terms>);
      return {
        white: judge.call(full([1, 1, 8, 8], 1), batch.conditions),
        grey: judge.call(full([1, 1, 8, 8], 0), batch.conditions),
        ...Object.fromEntries(each.flatMap(([player, { total, terms }]) => [[player, total], ...Object.entries(terms)])),
      };
    });
    const [white, grey] = [got.white[0], got.grey[0]];
    expect(white, record.name).not.toBeCloseTo(grey, 4);
    if (record === wganGp) {
      expect(got.estimate[0]).toBeCloseTo(white - grey, 5);
      expect(got.critic[0]).toBeCloseTo(10 * got.penalty[0] - (white - grey), 4);
      expect(got.generator[0]).toBeCloseTo(-grey, 5);
    } else {
      expect(got.discriminator[0], record.name).toBeCloseTo((softplus(-white) + softplus(grey)) / 2, 5);
      expect(got.generator[0], record.name).toBeCloseTo(softplus(-grey), 5);
    }
  }
});

test("a conditional discriminator gives the same picture another score for another condition", async () => {
  const network = new ConditionalGan(conditionalGan.presets.smoke.config, new RandomStream(0, "judge"));
  const conditions = Array.from({ length: 20 }, (_, i) => (i === 2 || i === 17 ? 1 : 0));
  const { scores } = await run({ conditions: { shape: [2, 10], data: conditions } }, ({ conditions }) => ({
    scores: network.discriminator.call(full([2, 1, 8, 8], 0.5), conditions),
  }));
  expect(scores[0]).not.toBe(scores[1]);
});

test("every player's part is a part of the network, and together they are all of it", () => {
  for (const record of [dcgan, wganGp, conditionalGan] as const) {
    const network = record.build(record.presets.smoke.config as never, new RandomStream(0, "parts"));
    const parts = record.players!(record.presets.smoke.config as never).parts(network as never);
    const total = Object.values(parts)
      .flat()
      .reduce((sum, part) => sum + part.parameterCount, 0);
    expect(total).toBe(network.parameterCount);
  }
});

test("a conditional GAN paints what is asked for, and each condition in turn where nothing is", async () => {
  const { config } = conditionalGan.presets.smoke;
  const network = new ConditionalGan(config, new RandomStream(0, "asked"));
  const asked = new Float32Array(20);
  asked[3] = 1;
  asked[17] = 1;
  const draw = async (conditions: Float32Array | undefined) => {
    const context = { count: 2, conditions, compile: (build: never, options: object) => compile(backend, build, options) };
    for await (const { data } of sample(network, context as never)) return data;
    throw new Error("no pictures");
  };
  const inTurn = new Float32Array(20);
  inTurn[0] = 1;
  inTurn[11] = 1;
  expect(await draw(undefined)).toEqual(await draw(inTurn));
  expect(await draw(asked)).not.toEqual(await draw(inTurn));
});
