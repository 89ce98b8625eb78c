import { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import { less } from "../../graph/ops/elementwise.ts";
import { concat } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { binaryCrossEntropy, squaredError } from "../../nn/losses.ts";
import type { Likelihood } from "../leaderboard.ts";

// What a variational autoencoder takes a picture to be: black and white dots or intensities, under a Bernoulli or a Gaussian; and how well it has them.
// Points are real numbers under a Gaussian, whose mean is what the decoder gives out.

export const likelihoodFields = {
  likelihood: z.enum(["bernoulli", "gaussian"]).describe("of a pixel's intensity given the code"),
  deviation: z.number().min(0.01).max(10).describe("standard deviation of the gaussian likelihood, in intensity"),
  binarize: z
    .boolean()
    .describe(
      "take each intensity as the probability of a white dot and draw the dots anew for each batch; the same seed draws the same dots",
    ),
  importanceSamples: z
    .int()
    .min(0)
    .max(10_000)
    .describe("codes drawn for each picture by the metric logLikelihood; 0 leaves the metric out"),
};

export interface LikelihoodConfig {
  likelihood: "bernoulli" | "gaussian";
  deviation: number;
  binarize: boolean;
  importanceSamples: number;
}

/** Grey intensities as Bernoulli probabilities, no importance sampling. */
export const greyBernoulli: LikelihoodConfig = { likelihood: "bernoulli", deviation: 1, binarize: false, importanceSamples: 0 };

/**
 * The picture that a likelihood is of: as it is, or black and white dots with its intensities as probabilities. (Salakhutdinov and Murray 2008.)
 * [B, C, H, W] -> the same shape.
 */
export function observed(images: Tensor, { binarize }: LikelihoodConfig, rng: Rng): Tensor {
  return binarize ? less(rng.uniform("binarize", images.shape), images).cast("float32") : images;
}

/** The mean of p(x|z): the sigmoid of the logits of pictures [B, C, H, W]; for points [B, D] the decoder's output as it is. */
export function meanOf(logits: Tensor): Tensor {
  return logits.shape.length === 2 ? logits : logits.sigmoid();
}

/** @throws UsageError for points under another likelihood than the gaussian */
export function requireLikelihood(image: readonly number[], { likelihood, binarize }: LikelihoodConfig): void {
  if (image.length !== 1 || (likelihood === "gaussian" && !binarize)) return;
  throw new UsageError({
    what: "Points are real numbers: neither dots nor intensities.",
    got: `likelihood ${likelihood}, binarize ${binarize}`,
    hint: "--set likelihood=gaussian --set binarize=false",
  });
}

/**
 * -log p(x|z) in nats, summed over the example's numbers: [B, C, H, W] or [B, D] each -> [B]. The Bernoulli's parameter and the Gaussian's mean are
 * {@link meanOf} the logits. A Gaussian's is a density, and may be below 0.
 */
export function reconstructionNats(logits: Tensor, target: Tensor, { likelihood, deviation }: LikelihoodConfig): Tensor {
  if (likelihood === "bernoulli") return binaryCrossEntropy(logits, target);
  const dimensions = target.size / target.shape[0];
  const constant = dimensions * (Math.log(deviation) + 0.5 * Math.log(2 * Math.PI));
  return squaredError(meanOf(logits), target)
    .mul(0.5 / deviation ** 2)
    .add(constant);
}

/**
 * What the metric `elbo` is a bound for. A Bernoulli's cross entropy with a grey intensity is its mean over the black and white dots that the intensity is the
 * chance of, so the bound holds for these dots, drawn or not; a Gaussian's is for a density.
 */
export function boundOf({ likelihood }: LikelihoodConfig): Likelihood {
  const density = likelihood === "gaussian";
  return { metrics: ["elbo"], kind: "bound", of: density ? "256 levels" : "black and white", density };
}

export interface ImportanceOptions {
  /** The parameters of q(z|x), [B, Z] each. */
  mean: Tensor;
  logVar: Tensor;
  /** K, codes a picture. */
  samples: number;
  /** Codes [N, Z] of N = c · B pictures, the batch c times over, -> -log p(x|z) in nats, [N]. */
  nats(codes: Tensor, times: number): Tensor;
  rng: Rng;
}

/** Codes a picture that are decoded at once: more need memory, fewer need more turns. */
const MOST_AT_ONCE = 10;

/**
 * The importance-weighted bound log (1/K) Σ_k p(x, z_k) / q(z_k|x) of log p(x), in nats, [B]; K = 1 is the evidence lower bound, and more
 * samples come closer to log p(x). (Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519, Eq. 8.)
 */
export function importanceBound({ mean, logVar, samples, nats, rng }: ImportanceOptions): Tensor {
  const [pictures, size] = mean.shape;
  const deviation = logVar.mul(0.5).exp();
  const weights: Tensor[] = [];
  for (let done = 0; done < samples; done += MOST_AT_ONCE) {
    const times = Math.min(MOST_AT_ONCE, samples - done);
    const noise = rng.normal("importance", [times, pictures, size]);
    const codes = mean.add(deviation.mul(noise)); // [times, B, Z]
    // log p(z) - log q(z|x); both normal constants are the same and cancel.
    const ratio = noise.square().sub(codes.square()).add(logVar).mul(0.5).sum(2);
    weights.push(ratio.sub(nats(codes.reshape([times * pictures, size]), times).reshape([times, pictures])));
  }
  const all = concat(weights, 0); // [K, B]
  const largest = all.max(0, { keepDims: true });
  return all
    .sub(largest)
    .exp()
    .mean(0)
    .log()
    .add(largest.reshape([pictures]));
}

/** A batch `times` over: [B, ...] -> [times · B, ...]. */
export function repeated(x: Tensor, times: number): Tensor {
  return x
    .reshape([1, ...x.shape])
    .expand([times, ...x.shape])
    .reshape([times * x.shape[0], ...x.shape.slice(1)]);
}
