/**
 * How probable a diffusion model thinks pictures are: the variational bound of its chain of T steps.
 * Ho et al. 2020, Eq. 5; its terms by signal-to-noise ratio as in Kingma et al. 2021, "Variational Diffusion Models", arXiv:2107.00630, Eq. 11 to 14.
 *
 *   -ln p(x) <= KL(q(z_1 | x) || N(0, 1))  +  Σ_i ½ (SNR(s) - SNR(t)) ‖x - x̂(z_t)‖²  +  E[-ln p(x | z_{1/T})],   s = i / T, t = (i + 1) / T, i = 1 .. T - 1
 *
 * The last term takes each number of the picture to be one of 256 levels, as probable as the first noise makes it seen from z: no network is asked.
 */
import { clip } from "../../graph/ops/clip.ts";
import { exp, floor } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/gather.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { squaredError, sumPerExample } from "../../nn/losses.ts";
import { type Beside, type Diffusion, guessAt } from "./diffusion.ts";
import { type Level, levelAt, schedules, tables } from "./schedules.ts";

const LEVELS = 256;
/** Between two levels of a signed picture. */
const SPACING = 2 / (LEVELS - 1);

/** KL(q(z_1 | x) || N(0, 1)): [B], nats. Almost 0 where the schedule ends in noise. */
function priorNats(x: Tensor, { alpha, sigma }: Level): Tensor {
  return sumPerExample(
    x
      .square()
      .mul(alpha ** 2)
      .add(sigma ** 2 - 1 - 2 * Math.log(sigma))
      .mul(0.5),
  );
}

/** How many levels to either side of the true one have a share worth counting: eight deviations of the noise. */
function reachOf({ alpha, sigma }: Pick<Level, "alpha" | "sigma">): number {
  return Math.min(LEVELS - 1, Math.ceil((8 * sigma) / (alpha * SPACING)) + 1);
}

/**
 * Whether a model's bound is worth computing: it paints pictures, and its first step leaves their levels to be seen. A schedule that begins in much noise, such as
 * `offset-cosine`, is not about them.
 */
export function hasBound({ bounded, config: { noiseSchedule, timesteps } }: Diffusion): boolean {
  return bounded && reachOf(levelAt(schedules[noiseSchedule], 1 / timesteps)) < LEVELS / 4;
}

/**
 * E[-ln p(x | z)] for z = α x + σ ε, with p(x | z) the share of level x in all levels' densities of z: [B], nats.
 */
export function decoderNats(x: Tensor, { alpha, sigma }: Pick<Level, "alpha" | "sigma">, rng: Rng): Tensor {
  const noise = rng.normal("first noise", x.shape);
  const step = (alpha * SPACING) / sigma;
  const reach = reachOf({ alpha, sigma });
  // Seen from level k + d the noise would be ε - d · step. Levels below -1 or above 1 do not exist.
  const offsets = constant(
    Float32Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach),
    "float32",
    [2 * reach + 1],
  );
  const [at, deviate] = [x, noise].map((t) => t.reshape([...t.shape, 1]));
  const outside = clip(
    at
      .add(offsets.mul(SPACING))
      .abs()
      .sub(1 + SPACING / 2)
      .mul(1e6),
    0,
    1,
  );
  const logs = deviate
    .square()
    .sub(deviate.sub(offsets.mul(step)).square())
    .mul(0.5)
    .sub(outside.mul(1e30));
  return sumPerExample(logs.exp().sum([x.rank]).log());
}

/**
 * The steps between, from one of them a picture: [B], nats, right in the mean. Their sum is even on a logarithmic axis of time more than on a straight one, so step i
 * is drawn with probability ln((i + 1) / i) / ln T.
 */
function stepsNats(model: Diffusion, x: Tensor, beside: Beside, rng: Rng): Tensor {
  const { noiseSchedule, timesteps: T } = model.config;
  const [B] = x.shape;
  const { alpha, sigma } = tables(schedules[noiseSchedule], T);
  const ratio = Float64Array.from(alpha, (value, i) => (value / sigma[i]) ** 2);
  const weights = Float32Array.from(ratio, (value, i) => (i === 0 ? 0 : (0.5 * (ratio[i - 1] - value) * Math.log(T)) / Math.log1p(1 / i)));
  // Each picture of a batch in a part of its own of [0, 1], which leaves less to chance.
  const parts = constant(
    Float32Array.from({ length: B }, (_, i) => i / B),
    "float32",
    [B],
  );
  const u = parts.add(rng.uniform("bound time", [B]).mul(1 / B));
  const index = clip(floor(exp(u.mul(Math.log(T)))), 1, T - 1).cast("int32");
  const guess = guessAt(model, x, index, beside, rng);
  return squaredError(guess, x).mul(gather(constant(weights), index, 0));
}

/** The bound on -ln p of signed pictures in 256 levels: x [B, C, H, W] in [-1, 1] -> [B], nats. */
export function boundNats(model: Diffusion, x: Tensor, beside: Beside, rng: Rng): Tensor {
  const schedule = schedules[model.config.noiseSchedule];
  return priorNats(x, levelAt(schedule, 1))
    .add(stepsNats(model, x, beside, rng))
    .add(decoderNats(x, levelAt(schedule, 1 / model.config.timesteps), rng));
}
