import { beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { full } from "../../graph/ops/movement.ts";
import { summary } from "../../nn/module.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { Pictures } from "../model.ts";
import { conditionalVae } from "./conditional-vae.ts";
import { corrupt, type DenoisingConfig, peakSignalToNoise } from "./denoising-autoencoder.ts";
import { reparameterize, vae } from "./vae.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const init = () => new RandomStream(0, "init");

describe("vae", () => {
  it("has the book's decoder for faces, number for number", () => {
    const { decoder } = vae.build(vae.presets["book-faces"].config, init());
    expect(summary(decoder).total).toBe(700_803);
  });

  it("has the paper's network of 500 tanh units and 20 numbers", () => {
    const network = vae.build(vae.presets.mlp.config, init());
    expect(network.parameterCount).toBe(784 * 500 + 500 + 2 * (500 * 20 + 20) + (20 * 500 + 500) + (500 * 784 + 784));
  });

  it("goes on with configurations from before there were dense layers and likelihoods", () => {
    const { image, codeSize, widths, norm, klWeight } = vae.presets.small.config;
    const network = vae.build({ image, codeSize, widths, norm, klWeight } as typeof vae.presets.small.config, init());
    expect(network.config).toEqual(vae.presets.small.config);
  });

  it("refuses sides that cannot be halved as often as there are convolutions", () => {
    const config = { ...vae.presets.small.config, image: [1, 28, 28] as [1, number, number] };
    expect(() => vae.build(config, init())).toThrow(UsageError);
    expect(() => vae.build(config, init())).toThrow(/28/);
  });
});

describe("the bounds of the two variational autoencoders", () => {
  it.each([vae, conditionalVae])("weigh the KL term, and no other: $name", async (record) => {
    const config = { ...record.presets.smoke.config, klWeight: 3 };
    const network = record.build(config as never, init());
    const program = await compile(
      backend,
      ({ images, conditions }, rng) => {
        const batch = { images, conditions } as never;
        const { total, terms } = record.objective!(network as never, batch, rng);
        const held = record.metrics(network as never, batch, rng);
        return { total, reconstruction: terms.reconstruction, kl: terms.kl, rest: held.reconstruction.add(held.kl).add(held.elbo) };
      },
      { inputs: { images: { shape: [2, 1, 8, 8] }, conditions: { shape: [2, 4] } }, streams: new RandomStreams(0) },
    );
    const { total, reconstruction, kl, rest } = await program.run();
    await program.dispose();
    expect(kl[0]).toBeGreaterThan(0);
    expect(total[0]).toBeCloseTo(Number(reconstruction[0]) + 3 * Number(kl[0]), 3);
    expect(rest[0]).toBeCloseTo(0, 4); // of the held-out bound the weight is 1
  });

  it("draw their codes with the deviation that the logarithm of the variance says", async () => {
    const program = await compile(backend, () => ({ z: reparameterize(full([1], 1), full([1], Math.log(4)), full([1], 0.5)) }));
    expect((await program.run()).z[0]).toBeCloseTo(2, 6);
    await program.dispose();
  });
});

describe("denoising autoencoder", () => {
  const pixels = 4000;

  async function spoiled(settings: Pick<DenoisingConfig, "corruption" | "level">) {
    const program = await compile(
      backend,
      ({ images }, rng) => {
        const noisy = corrupt(images, settings, rng);
        return { noisy, psnr: peakSignalToNoise(noisy, images) };
      },
      { inputs: { images: { shape: [1, 1, 40, 100] } }, streams: new RandomStreams(1) },
    );
    (program.inputs.images as Float32Array).fill(0.5);
    const { noisy, psnr } = await program.run();
    await program.dispose();
    const share = (value: number) => (noisy as Float32Array).filter((v) => v === value).length / pixels;
    return { noisy: noisy as Float32Array, share, psnr: psnr[0] as number };
  }

  it("masks the share of the numbers that the level says", async () => {
    const { share, psnr } = await spoiled({ corruption: "masking", level: 0.25 });
    expect(share(0)).toBeCloseTo(0.25, 1);
    expect(share(0) + share(0.5)).toBe(1);
    expect(psnr).toBeCloseTo(-10 * Math.log10(share(0) * 0.25), 3);
  });

  it("strews as much salt as pepper", async () => {
    const { share } = await spoiled({ corruption: "salt-and-pepper", level: 0.4 });
    expect(share(0)).toBeCloseTo(0.2, 1);
    expect(share(1)).toBeCloseTo(0.2, 1);
    expect(share(0) + share(0.5) + share(1)).toBe(1);
  });

  it("adds normal noise of the level's deviation, and stays in [0, 1]", async () => {
    const { noisy, psnr } = await spoiled({ corruption: "gaussian", level: 0.1 });
    expect(psnr).toBeCloseTo(20, 0);
    expect(noisy.every((v) => v >= 0 && v <= 1)).toBe(true);
    expect((await spoiled({ corruption: "gaussian", level: 0 })).psnr).toBeCloseTo(100, 4);
  });
});

describe("conditional vae", () => {
  const { config } = conditionalVae.presets.smoke;
  const network = conditionalVae.build(config, init());

  async function painted(classes?: readonly number[]): Promise<Pictures> {
    const streams = new RandomStreams(7);
    const conditions = classes && Float32Array.from({ length: 3 * 4 }, (_, i) => (classes[Math.floor(i / 4)] === i % 4 ? 1 : 0));
    const context = {
      count: 3,
      conditions,
      compile: ((build, options) => compile(backend, build, { ...options, streams })) as Parameters<
        NonNullable<typeof conditionalVae.sample>
      >[1]["compile"],
    };
    let last: Pictures | undefined;
    for await (const pictures of conditionalVae.sample!(network, context)) last = pictures as Pictures;
    return last!;
  }

  it("tells its encoder what the picture shows", async () => {
    const inputs = { conditions: { shape: [2, 4] } };
    const program = await compile(
      backend,
      ({ conditions }) => ({ codes: conditionalVae.encode!(network, full([2, 1, 8, 8], 0.5), conditions) }),
      {
        inputs,
      },
    );
    const { codes } = await program.run({ conditions: [1, 0, 0, 0, 0, 0, 1, 0] });
    await program.dispose();
    expect(codes.slice(0, 2)).not.toEqual(codes.slice(2));
  });

  it("paints what it is told to, and each kind in turn where it is told nothing", async () => {
    const [told, other, inTurn] = [await painted([0, 1, 2]), await painted([0, 1, 3]), await painted()];
    expect(inTurn.data).toEqual(told.data);
    expect(other.data.slice(0, 128)).toEqual(told.data.slice(0, 128));
    expect(other.data.slice(128)).not.toEqual(told.data.slice(128));
  });
});
