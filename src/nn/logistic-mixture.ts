import { exp, floor, where } from "../graph/ops/elementwise.ts";
import { oneHot } from "../graph/ops/gather.ts";
import { concat } from "../graph/ops/movement.ts";
import { split } from "../graph/ops/split.ts";
import { logsumexp } from "../graph/ops/stats.ts";
import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Rng } from "../graph/trace.ts";
import { sampleCategorical } from "./categorical.ts";
import { sumPerExample } from "./losses.ts";

// The discretised logistic mixture of PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517, section 2.1 and 2.2). Intensities here are in [-1, 1], as in the paper.

/** Numbers a pixel needs: a weight a component, mean and log scale a channel and component, for colour three coefficients a component. */
export function mixtureSize(channels: 1 | 3, components: number): number {
  return components * (1 + 2 * channels + (channels === 3 ? 3 : 0));
}

interface Mixture {
  /** [B, K, H, W], before the softmax. */
  weights: Tensor;
  /** [B, C, K, H, W] */
  means: Tensor;
  /** [B, C, K, H, W], at least -7. */
  logScales: Tensor;
  /** [B, 3, K, H, W] in (-1, 1): green on red, blue on red, blue on green; only for colour. */
  coefficients: Tensor | undefined;
}

function unpack(parameters: Tensor, channels: number, components: number): Mixture {
  const [batch, size, height, width] = parameters.dims("B P H W");
  if (size !== mixtureSize(channels as 1 | 3, components))
    throw shapeError("logisticMixture", [parameters], `${components} components of ${channels} channels were expected`);
  const each = channels * components;
  const [weights, means, logScales, ...rest] = split(parameters, [components, each, each, ...(channels === 3 ? [3 * components] : [])], 1);
  const apart = (x: Tensor, groups: number) => x.reshape([batch, groups, components, height, width]);
  return {
    weights,
    means: apart(means, channels),
    logScales: apart(logScales, channels).maximum(-7),
    coefficients: rest.length === 0 ? undefined : apart(rest[0], 3).tanh(),
  };
}

/** Means given the pixel's own earlier channels (Eq. 3): green's move with red, blue's with both. x [B, C, 1, H, W] */
function conditionalMeans({ means, coefficients }: Mixture, x: Tensor): Tensor {
  if (coefficients === undefined) return means;
  const channel = (t: Tensor, i: number) => t.slice(1, i, i + 1);
  const [red, green] = [channel(x, 0), channel(x, 1)];
  const ofGreen = channel(means, 1).add(channel(coefficients, 0).mul(red));
  const ofBlue = channel(means, 2).add(channel(coefficients, 1).mul(red)).add(channel(coefficients, 2).mul(green));
  return concat([channel(means, 0), ofGreen, ofBlue], 1);
}

/** log(1 - e^(-δ)) of a bin δ = 2 · half / scale wide: by its series where that is small, since then 1 - e^(-δ) would lose its digits. */
function logOfWidth(logScales: Tensor, half: number): Tensor {
  const logWidth = logScales.neg().add(Math.log(2 * half));
  const width = exp(logWidth);
  const series = logWidth.sub(width.mul(0.5)).add(width.square().div(24));
  return where(width.less(0.1), series, exp(width.maximum(0.1).neg()).neg().add(1).log());
}

/**
 * -log p(x) of pictures whose channels have `levels` values, in nats a picture (Eq. 2): a level has the mass of the logistic distribution between the middles to
 * its neighbours, the lowest and the highest level all that is beyond. With a and b the bin's ends in units of the scale,
 * log(σ(a) - σ(b)) = log σ(a) + log σ(-b) + log(1 - e^(b - a)), which needs no stand-in for bins that hold next to nothing.
 * @param parameters [B, mixtureSize, H, W]: weights, means, log scales, coefficients
 * @param x [B, C, H, W], -1, -1 + 2 / (levels - 1) ... 1
 * @returns [B]
 * @throws ShapeError
 */
export function logisticMixtureNats(parameters: Tensor, x: Tensor, components: number, levels = 256): Tensor {
  const [batch, channels, height, width] = x.dims("B C H W");
  const mixture = unpack(parameters, channels, components);
  const values = x.reshape([batch, channels, 1, height, width]);
  const half = 1 / (levels - 1);
  const centred = values.sub(conditionalMeans(mixture, values));
  const inverse = exp(mixture.logScales.neg());
  const below = inverse.mul(centred.add(half)).neg().softplus().neg(); // log σ(a): not beyond the upper end
  const above = inverse.mul(centred.sub(half)).softplus().neg(); // log σ(-b): not below the lower end
  // The highest level has no upper end, the lowest no lower one.
  const edge = 1 - half / 2;
  const bounded = values.less(edge).cast("float32");
  const based = values.greater(-edge).cast("float32");
  const logs = below
    .mul(bounded)
    .add(above.mul(based))
    .add(logOfWidth(mixture.logScales, half).mul(bounded.mul(based)));
  const ofComponents = logs.sum(1).add(mixture.weights.logSoftmax(1));
  return sumPerExample(logsumexp(ofComponents, 1)).neg();
}

/**
 * A draw of every pixel given its parameters: a component by its weight, then a logistic number a channel, put on the nearest level before the next channel
 * looks at it.
 * @param parameters [B, mixtureSize, H, W]
 * @returns [B, C, H, W], levels in [-1, 1]
 */
export function drawLogisticMixture(parameters: Tensor, channels: 1 | 3, components: number, rng: Rng, levels = 256): Tensor {
  const { weights, means, logScales, coefficients } = unpack(parameters, channels, components);
  const [batch, , height, width] = parameters.shape;
  const chosen = oneHot(sampleCategorical(weights, rng, "component", 1), components)
    .transpose([0, 3, 1, 2])
    .reshape([batch, 1, components, height, width]);
  const pick = (t: Tensor) => t.mul(chosen).sum(2);
  const u = rng.uniform("level", [batch, channels, height, width]).clip(1e-5, 1 - 1e-5);
  const free = pick(means).add(exp(pick(logScales)).mul(u.log().sub(u.neg().add(1).log())));
  const steps = (levels - 1) / 2;
  const level = (x: Tensor) => floor(x.clip(-1, 1).add(1).mul(steps).add(0.5)).div(steps).sub(1);
  if (coefficients === undefined) return level(free);
  const channel = (t: Tensor, i: number) => t.slice(1, i, i + 1);
  const picked = pick(coefficients);
  const red = level(channel(free, 0));
  const green = level(channel(free, 1).add(channel(picked, 0).mul(red)));
  const blue = level(channel(free, 2).add(channel(picked, 1).mul(red)).add(channel(picked, 2).mul(green)));
  return concat([red, green, blue], 1);
}
