import { expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { namedParameters } from "../../nn/module.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { Batch } from "../index.ts";
import { losses, turns, VaeGan, type VaeGanConfig, vaeGan } from "./vae-gan.ts";

const { config } = vaeGan.presets.smoke;

/** All losses and terms of one batch with the same draws, and the size of each player's gradient of each loss. */
async function lossesOf(settings: VaeGanConfig) {
  const backend = await openBackend({ device: "cpu" });
  const network = new VaeGan(settings, new RandomStream(0, "vae-gan"));
  const program = await compile(
    backend,
    ({ images }, rng) => {
      const each = losses(network, { images } as Batch, rng);
      const result = Object.entries(each).flatMap(([player, { total, terms }]) => [
        [`loss:${player}`, total],
        ...Object.entries(terms),
        ...(["encoder", "generator", "discriminator"] as const).map((part) => [
          `${player} for ${part}`,
          gradients(total, [...namedParameters(network[part]).values()])
            .map((gradient) => gradient.abs().sum())
            .reduce((a, b) => a.add(b)),
        ]),
      ]);
      return Object.fromEntries(result);
    },
    { inputs: { images: { shape: [8, ...settings.image] } }, training: true, streams: new RandomStreams(0) },
  );
  new RandomStream(0, "images").fillUniform(program.inputs.images as Float32Array);
  const outputs = await program.run();
  await program.dispose();
  return Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, Number(values[0])]));
}

test("each player's loss is made of its own terms, with their weights", async () => {
  const got = await lossesOf({ ...config, margin: 0, klWeight: 2, reconstructionWeight: 0.25 });
  expect(got["loss:encoder"]).toBeCloseTo(2 * got.kl + got.featureNats, 4);
  expect(got["loss:generator"]).toBeCloseTo(0.25 * got.featureNats + got.fooling, 4);
  expect(got["loss:discriminator"]).toBeCloseTo(got.real + got.rebuilt + got.invented, 4);
});

test("the encoder is not asked to fool the discriminator, and the feature error does not move the discriminator's loss", async () => {
  const [little, much] = await Promise.all([0, 5].map((reconstructionWeight) => lossesOf({ ...config, margin: 0, reconstructionWeight })));
  expect(much["encoder for encoder"]).toBeCloseTo(little["encoder for encoder"], 4);
  expect(much["discriminator for discriminator"]).toBeCloseTo(little["discriminator for discriminator"], 4);
  expect(much["generator for generator"]).toBeGreaterThan(little["generator for generator"]);
});

test.each([
  ["even", 0.7, 0.6, [1, 1]],
  ["fakes are told too well", 0.7, 0.1, [0, 1]],
  ["real pictures are told too well", 0.1, 0.7, [0, 1]],
  ["fakes are told too badly", 0.7, 1.3, [1, 0]],
  ["one too well, the other too badly", 1.3, 0.1, [1, 1]],
])("who moves: %s", async (_, real, fake, expected) => {
  const backend = await openBackend({ device: "cpu" });
  const program = await compile(backend, ({ values }) => ({ ...turns(values.slice(0, 0, 1), values.slice(0, 1, 2), 0.4) }), {
    inputs: { values: { shape: [2] } },
  });
  (program.inputs.values as Float32Array).set([real, fake]);
  const { discriminator, generator } = await program.run();
  expect([discriminator[0], generator[0]].map(Number)).toEqual(expected);
  await program.dispose();
});

test("a player that waits has a loss of zero", async () => {
  const got = await lossesOf({ ...config, margin: 0.01 });
  const [judge, generator] = [got["loss:discriminator"], got["loss:generator"]];
  expect([0, got.real + got.rebuilt + got.invented].some((loss) => Math.abs(judge - loss) < 1e-4)).toBe(true);
  expect(generator === 0 || generator > 0.1).toBe(true);
});

test("the three parts hold every parameter once", () => {
  const network = new VaeGan(config, new RandomStream(0, "vae-gan"));
  const parts = Object.values(vaeGan.players!(config).parts(network)) as VaeGan[];
  expect(parts.reduce((sum, part) => sum + part.parameterCount, 0)).toBe(network.parameterCount);
});
