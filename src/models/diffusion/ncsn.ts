/**
 * Noise-conditional score network with annealed Langevin dynamics.
 * Papers: Song and Ermon, "Generative modeling by estimating gradients of the data distribution", 2019, arXiv:1907.05600; the last step without noise:
 * Song and Ermon, "Improved techniques for training score-based generative models", 2020, arXiv:2006.09011.
 *
 * Where there are no data nothing can be learned of them. So the data are blurred by a row of noises, the largest of which fills all of space, and one network
 * learns the score of each. Sampling begins in the largest noise and lets points wander by Langevin's steps, then in the next smaller, until hardly any is left.
 *
 *   paper               here                      shape                    range or unit
 *   x                   examples                  [B, D] or [B, C, H, W]   points as they are; pictures in [-1, 1]
 *   σ_1 > ... > σ_L     deviations()              L numbers                sigmaMax ... sigmaMin, a fixed factor apart
 *   x̃                   x + σ z                   as x                     z standard normal
 *   s_θ(x̃, σ)           -noise() / σ              as x
 *   λ(σ) ℓ(θ; σ)        denoising()               [B]                      Eq. 5 and 6 with λ = σ²: ‖ẑ - z‖² / 2
 *   T, ε / σ_L²         langevinSteps, stepSize                            Algorithm 1
 *
 * Departs from the papers: the network gives a correction to the best linear guess of the noise and is the family's U-Net or a perceptron (score-nets.ts); pictures
 * are in [-1, 1], so the deviations are twice the paper's; points begin as normal numbers, pictures as uniform ones.
 * Next: score-sde.ts, where the row of noises becomes continuous.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { isPoint } from "../../data/dataset.ts";
import { exp, floor } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { squaredError, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type SampleContext, type Samples } from "../model.ts";
import { examplesOf, finished, fitsHalvings, NoiseNet, type NoiseNetConfig, noiseNetFields } from "./score-nets.ts";
import { perExample } from "./sde.ts";

const config = z
  .strictObject({
    ...noiseNetFields,
    levels: z.int().min(2).max(2000).describe("L, noises in the row"),
    sigmaMax: z.number().positive().max(1000).describe("deviation of the largest noise, in units of the data"),
    sigmaMin: z.number().positive().max(1).describe("deviation of the smallest noise"),
  })
  .refine(fitsHalvings, { error: "height and width must be divisible by 2 for each resolution after the first", path: ["image"] })
  .refine(({ sigmaMax, sigmaMin }) => sigmaMin < sigmaMax, { error: "must be less than sigmaMax", path: ["sigmaMin"] });
export type NcsnConfig = NoiseNetConfig & { levels: number; sigmaMax: number; sigmaMin: number };

/** σ_1 ... σ_L, the largest first, a fixed factor apart. (Section 4.2.) */
export function deviations({ levels, sigmaMax, sigmaMin }: Pick<NcsnConfig, "levels" | "sigmaMax" | "sigmaMin">): number[] {
  return Array.from({ length: levels }, (_, i) => sigmaMax * (sigmaMin / sigmaMax) ** (i / (levels - 1)));
}

export class Ncsn extends Module {
  readonly net: NoiseNet;
  readonly config: NcsnConfig;

  constructor(settings: NcsnConfig, rng: RandomStream) {
    super();
    this.net = new NoiseNet(settings, rng);
    this.config = settings;
  }

  /** The noise z in x = example + σ z: x [B, ...], deviation [B] -> [B, ...]. */
  noise(x: Tensor, deviation: Tensor): Tensor {
    return this.net.call(x, deviation.mul(0).add(1), deviation);
  }
}

/** σ² times the squared error of the score at a level drawn for each example, halved (Eq. 5 and 6): [B]. */
function denoising(model: Ncsn, batch: Batch, rng: Rng): Tensor {
  const { levels, sigmaMax, sigmaMin } = model.config;
  const x = examplesOf(model.config, batch);
  const level = floor(rng.uniform("level", [x.shape[0]]).mul(levels));
  const deviation = exp(level.mul(Math.log(sigmaMin / sigmaMax) / (levels - 1))).mul(sigmaMax);
  const noise = rng.normal("noise", x.shape);
  return squaredError(model.noise(x.add(noise.mul(perExample(deviation, x))), deviation), noise).mul(0.5);
}

export function objective(model: Ncsn, batch: Batch, rng: Rng): Terms {
  return terms({ denoising: denoising(model, batch, rng) });
}

const sampling = z.strictObject({
  langevinSteps: z
    .int()
    .min(1)
    .max(10_000)
    .default(20)
    .describe("T, steps at each noise, an evaluation of the network each; 100 in the paper"),
  stepSize: z
    .number()
    .positive()
    .max(2)
    .default(0.2)
    .describe("ε / σ_L²: the variance that a step adds, in units of the noise's; 0.2 in the paper"),
  denoise: z.boolean().default(true).describe("end with a step without noise, to what is expected"),
});

/** Annealed Langevin dynamics (Algorithm 1): yields the examples after each noise, scaled to the size of the data while noise is large. */
export async function* sample(model: Ncsn, context: SampleContext): AsyncGenerator<Samples> {
  const { image, sigmaMax } = model.config;
  const { count, compile } = context;
  const { langevinSteps, stepSize, denoise } = sampling.parse(context.options ?? {});
  const whole: [number, ...typeof image] = [count, ...image];
  const start = await compile((_inputs, rng) => ({
    x: isPoint(image) ? rng.normal("start", whole).mul(sigmaMax) : rng.uniform("start", whole).mul(2).sub(1),
  }));
  const program = await compile(
    ({ x, deviation }: Record<"x" | "deviation", Tensor>, rng) => {
      // x + α/2 s + √α z with α = stepSize · σ²: lines 5 and 6.
      const pull = model.noise(x, deviation.expand([count])).mul(deviation.reshape([1]));
      const after = x.sub(pull.mul(stepSize / 2)).add(rng.normal("step", whole).mul(deviation.mul(Math.sqrt(stepSize))));
      const size = deviation.square().add(1).sqrt();
      return { after, shown: after.div(size), mean: x.sub(pull) };
    },
    { inputs: { x: { shape: whole }, deviation: { shape: [1] } }, frozen: true },
  );
  try {
    const state = program.inputs.x as Float32Array;
    state.set((await start.run()).x as Float32Array);
    const levels = deviations(model.config);
    for (const [i, deviation] of levels.entries()) {
      for (let step = 0; step < langevinSteps; step++) state.set((await program.run({ deviation: [deviation] })).after as Float32Array);
      if (i < levels.length - 1) yield { data: finished(model.config, (program.outputs.shown as Float32Array).slice()), shape: whole };
    }
    if (denoise) state.set((await program.run({ deviation: [levels.at(-1)!] })).mean as Float32Array);
    yield { data: finished(model.config, state.slice()), shape: whole };
  } finally {
    await start.dispose();
    await program.dispose();
  }
}

const points: NcsnConfig = {
  ...{ image: [2], units: 128, layers: 3, detail: 0.05 },
  ...{ widths: [8], depth: 1, blocks: "book", embedding: 2, attention: false },
  ...{ levels: 10, sigmaMax: 4, sigmaMin: 0.03 },
};
const pictures: NcsnConfig = {
  ...points,
  ...{ image: [1, 32, 32], detail: 0, widths: [32, 48, 64], embedding: 32, levels: 10, sigmaMax: 2, sigmaMin: 0.02 },
};

export const ncsn = defineModel<NcsnConfig, Ncsn>({
  name: "ncsn",
  title: "Noise-conditional score network",
  family: "diffusion",
  year: 2019,
  paper: "1907.05600",
  summary:
    "Learns the score, the direction in which examples become more probable, of the data under ten degrees of blur. Points that start anywhere wander along it, from the strongest blur to the weakest, and end as new examples.",
  config,
  presets: {
    smoke: {
      config: { ...pictures, image: [1, 8, 8], widths: [4, 8], embedding: 4, levels: 3 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: pictures,
      training: { epochs: 3, batch: 64, learningRate: 1e-3, schedule: "cosine", warmup: 100, ema: 0.995 },
      about: "ten noises, as in the paper; about six minutes",
    },
    paper: {
      config: { ...pictures, image: [3, 32, 32], widths: [128, 256, 256, 256], depth: 2, embedding: 128, blocks: "paper", attention: true },
      training: { epochs: 512, batch: 128, learningRate: 1e-3, ema: 0.999, flip: true },
      about: "the paper's 200,000 steps on CIFAR-10: for another machine",
      data: "cifar10",
    },
    toy: {
      config: points,
      training: { epochs: 60, batch: 512, learningRate: 5e-3, schedule: "cosine", ema: 0.999 },
      about: "points in the plane; under half a minute",
      data: "moons",
    },
  },
  data: {
    sets: ["fashion-mnist", "mnist", "cifar10", "emoji", "avatars", "moons", "circles", "ring", "checkerboard", "spirals"],
    labels: false,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new Ncsn(settings, rng),
  objective,
  metrics: (model, batch, rng) => ({ denoising: denoising(model, batch, rng) }),
  metricInfo: {
    denoising: {
      unit: "squared error per example, halved",
      better: "lower",
      about: "of the noise found in held-out examples, summed over their numbers, at degrees of noise drawn evenly",
    },
  },
  sampling,
  sample,
});
