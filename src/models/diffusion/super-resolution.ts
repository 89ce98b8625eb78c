/**
 * Super-resolution by diffusion.
 * Paper: Saharia et al., "Image super-resolution via iterative refinement" (SR3), 2021, arXiv:2104.07636.
 *
 * The network of ddpm.ts also sees a small picture, enlarged, beside the noisy one, and paints what fits it: edges and details that the small picture can only
 * hint at. What it paints is one of the pictures that could have been; their mean has the least error, and is what one look from pure noise gives. What is diffused
 * is only what the enlarged picture lacks (Li et al., "SRDiff", 2021, arXiv:2104.14951): a network that has learnt nothing yet gives bicubic interpolation.
 *
 *   paper             here                        shape             range or unit
 *   y                 images, signed inside       [B, C, H, W]      intensity in [0, 1]; [-1, 1] inside
 *   x                 small                       [B, C, H/f, W/f]  means of f x f pixels
 *                     beside                      [B, C, H, W]      the same, enlarged by bicubic interpolation, beside the noisy picture (section 2.3)
 *   x_r               details()                   [B, C, H, W]      DETAIL · (picture - beside), signed (SRDiff, section 4.1)
 *   γ                 alpha², sigma²              schedules.ts      signal and noise
 *   f_θ(x, y_t, γ)    predict()                   [B, C, H, W]      here the velocity, not the noise
 *
 * Departs from the paper: small pictures are means of blocks and not bicubic; the network of ddpm.ts's small, its schedule and prediction.
 */
import { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import { averagePool } from "../../graph/ops/pooling.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { meanSquaredError } from "../../nn/losses.ts";
import { type Batch, defineModel, type Preset, type SampleContext, type Samples } from "../model.ts";
import { diffusionTraining, plainDiffusion } from "./ddpm.ts";
import {
  Diffusion,
  diffusionFields,
  diffusionLoss,
  expectedPicture,
  fitsHalvings,
  halvingsRule,
  pictureTuple,
  toIntensity,
  toSigned,
} from "./diffusion.ts";
import { diffusionMetrics, errorInfo } from "./held-out.ts";
import { paint, samplingFields } from "./paint.ts";

const config = z
  .strictObject({
    ...diffusionFields,
    image: pictureTuple.describe("channels (1 grey, 3 colour), height and width, divisible by 2 to the number of halvings, and by factor"),
    factor: z.int().min(2).max(8).describe("how many times larger the painted picture is than the small one, on each side"),
  })
  .refine(fitsHalvings, halvingsRule)
  .refine(({ image, factor }) => image[1] % factor === 0 && image[2] % factor === 0, {
    error: "must divide height and width",
    path: ["factor"],
  });
export type SuperResolutionConfig = z.infer<typeof config>;

/** Keys's cubic kernel with a = -1/2 (Keys 1981, Eq. 8). */
function cubic(distance: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
  return d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
}

/** [n · factor, n]: bicubic enlargement of one axis, borders repeated; pixel centres stand at (i + ½) / factor - ½. */
export function cubicMatrix(size: number, factor: number): Float32Array {
  const matrix = new Float32Array(size * factor * size);
  for (let i = 0; i < size * factor; i++) {
    const centre = (i + 0.5) / factor - 0.5;
    for (let k = Math.floor(centre) - 1; k <= Math.floor(centre) + 2; k++)
      matrix[i * size + Math.min(size - 1, Math.max(0, k))] += cubic(centre - k);
  }
  return matrix;
}

/** Bicubic enlargement: [B, C, h, w] -> [B, C, h · factor, w · factor]. */
export function enlarge(small: Tensor, factor: number): Tensor {
  const [, , h, w] = small.dims("B C h w");
  const across = constant(cubicMatrix(w, factor), "float32", [w * factor, w]);
  const down = constant(cubicMatrix(h, factor), "float32", [h * factor, h]);
  return down.matmul(small.matmul(across.transpose()));
}

/** What the network sees beside the noisy picture: the means of f x f pixels, enlarged. signed [B, C, H, W] -> the same shape. */
export function smallAndBack(pictures: Tensor, factor: number): Tensor {
  return enlarge(averagePool(pictures, { kernel: factor }), factor);
}

/** Details are about half as large as pictures: with this factor they have about the deviation that schedules are made for. */
const DETAIL = 2;

/** What an enlarged small picture lacks. signed [B, C, H, W] each -> the same shape. */
function details(picture: Tensor, beside: Tensor): Tensor {
  return picture.sub(beside).mul(DETAIL);
}

/** The picture with these details, as intensities. [B, C, H, W] each */
function withDetails(beside: Tensor, found: Tensor): Tensor {
  return toIntensity(beside.add(found.div(DETAIL)));
}

/** A network with the size of its small pictures. */
export class SuperResolution extends Diffusion {
  readonly factor: number;

  constructor(settings: SuperResolutionConfig, rng: ConstructorParameters<typeof Diffusion>[1]) {
    const { factor, ...rest } = settings;
    super({ ...rest, noiseSchedule: "cosine", parameterization: "velocity" }, rng, settings.image[0]);
    this.factor = factor;
  }
}

/** Peak signal-to-noise ratio of intensities in [0, 1], in decibels: -10 log₁₀ of the mean squared error, at least 1e-10. [B] */
function psnr(painted: Tensor, images: Tensor): Tensor {
  return meanSquaredError(painted, images)
    .maximum(1e-10)
    .log()
    .mul(-10 / Math.LN10);
}

function metrics(model: SuperResolution, { images }: Batch, rng: Rng): Record<string, Tensor> {
  const picture = toSigned(images);
  const beside = smallAndBack(picture, model.factor);
  const mean = expectedPicture(model, rng.normal("start", picture.shape), { picture: beside });
  return {
    ...diffusionMetrics(model, details(picture, beside), undefined, rng, beside),
    psnr: psnr(withDetails(beside, mean), images),
    bicubicPsnr: psnr(toIntensity(beside), images),
  };
}

async function* sample(model: SuperResolution, context: SampleContext): AsyncGenerator<Samples> {
  const { from, count } = context;
  if (from === undefined) throw new UsageError({ what: "Super-resolution needs pictures to enlarge.", hint: "generate RUN --from FILE" });
  const shape = [count, ...model.config.image] as const;
  const program = await context.compile(({ images }) => ({ beside: smallAndBack(toSigned(images), model.factor) }), {
    inputs: { images: { shape } },
  });
  const { beside } = await program.run({ images: from.data });
  const small = (beside as Float32Array).slice();
  await program.dispose();
  const finish = (now: Float32Array) => now.map((value, i) => Math.min(1, Math.max(0, (small[i] + value / DETAIL + 1) / 2)));
  yield* paint(model, context, { beside: small, finish });
}

const plain: SuperResolutionConfig = { ...plainDiffusion, image: [1, 32, 32], depth: 1, factor: 2 };

const presets = {
  smoke: {
    config: { ...plain, image: [1, 8, 8], widths: [4, 8], embedding: 4, timesteps: 50 },
    training: { epochs: 1, batch: 16 },
    about: "seconds; for tests",
  },
  small: {
    config: { ...plain, image: [3, 32, 32] },
    training: { ...diffusionTraining, epochs: 80, batch: 32 },
    about: "emoji from 16 to 32 pixels; about six minutes",
  },
  paper: {
    config: { ...plain, image: [3, 64, 64], widths: [64, 128, 256, 256], depth: 2, blocks: "paper", embedding: 64, factor: 4 },
    training: { learningRate: 1e-4, warmup: 10_000, batch: 32, epochs: 100, clipNorm: 1, ema: 0.9999 },
    about: "four times larger, with a network of the paper's kind: for another machine",
    data: "avatars",
  },
  clothes: {
    config: { ...plain, factor: 4 },
    training: { ...diffusionTraining, epochs: 3, batch: 64 },
    about: "clothes from 8 to 32 pixels; about eight minutes",
    data: "fashion-mnist",
  },
  avatars: {
    config: { ...plain, image: [3, 64, 64], factor: 4 },
    training: { ...diffusionTraining, epochs: 4, batch: 32 },
    about: "faces from 16 to 64 pixels; about a quarter of an hour",
    data: "avatars",
  },
} satisfies Record<string, Preset<SuperResolutionConfig>>;

export const superResolution = defineModel<SuperResolutionConfig, SuperResolution>({
  name: "super-resolution",
  title: "Super-resolution by diffusion",
  family: "diffusion",
  year: 2021,
  paper: "2104.07636",
  summary:
    "Diffusion that sees a small picture while it paints a large one. It puts in the edges and details that the small one only hints at.",
  config,
  presets,
  data: { sets: ["emoji", "avatars", "fashion-mnist", "cifar10"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new SuperResolution(settings, rng),
  objective: (model, { images }, rng) => {
    const picture = toSigned(images);
    const beside = smallAndBack(picture, model.factor);
    return diffusionLoss(model, details(picture, beside), undefined, rng, beside);
  },
  metrics,
  metricInfo: {
    ...errorInfo,
    psnr: {
      unit: "dB",
      better: "higher",
      about: "peak signal-to-noise ratio of the picture expected from the small one: the network's first look, at pure noise",
    },
    bicubicPsnr: { unit: "dB", better: "higher", about: "the same of the small picture enlarged by bicubic interpolation" },
  },
  reconstruct: (model, images) => {
    const beside = smallAndBack(toSigned(images), model.factor);
    return withDetails(beside, expectedPicture(model, beside.mul(0), { picture: beside }));
  },
  starts: "needs",
  sampling: z.strictObject(samplingFields("ddim", 20)),
  sample,
});
