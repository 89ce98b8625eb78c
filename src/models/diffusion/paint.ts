/**
 * Painting with a diffusion model: a sampler's steps one after the other on the host, the network as one program. What is drawn can be guided by conditions,
 * begin at a given picture, or keep known pixels.
 *
 *   guidance     p_u + s (p_c - p_u): Ho and Salimans 2022, arXiv:2207.12598, Eq. 6, with s = 1 + w
 *   strength     begin at the given picture with the noise of time s: Meng et al. 2022 (SDEdit), arXiv:2108.01073, Algorithm 1
 *   resample     known pixels are put back at each level, and each step is gone as often as this: Lugmayr et al. 2022 (RePaint), arXiv:2201.09865, Algorithm 1
 */
import { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import { concat } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { InputSpec, Program } from "../../runtime/program.ts";
import { keepKnown } from "../../sample/known.ts";
import { wantedConditions } from "../conditions.ts";
import type { GivenPictures, Pictures, SampleContext, Samples } from "../model.ts";
import { clean, type Diffusion, stepLevels } from "./diffusion.ts";
import { pictureFactors } from "./parameterizations.ts";
import { advance, type SamplerName, type Step, samplerNames } from "./samplers.ts";
import { type Level, schedules } from "./schedules.ts";
import { levelVector } from "./unet.ts";

/** The sampling options of a diffusion model, with a default sampler and number of steps. */
export function samplingFields(sampler: SamplerName, steps: number) {
  return {
    steps: z.int().min(1).max(10_000).default(steps).describe("evaluations of the network; at most the schedule's steps (timesteps)"),
    sampler: z.enum(samplerNames).default(sampler).describe("how each step is gone"),
    eta: z.number().min(0).max(1).default(0).describe("share of the ancestral sampler's noise in ddim; 0 draws nothing on the way"),
    clip: z.boolean().default(true).describe("whether the expected picture is cut off at black and white in each step"),
  };
}
export const guidanceField = {
  guidance: z
    .number()
    .min(0)
    .max(100)
    .default(2)
    .describe("how much the conditions count: 1 as learnt, 0 not at all, more than 1 exaggerates them at the price of variety"),
};
export const editingFields = {
  strength: z
    .number()
    .gt(0)
    .max(1)
    .default(0.6)
    .describe("with --from: the share of the way to noise at which the given picture is taken up"),
  resample: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe("with --given: times that each step is gone, which makes the painted part fit the known one"),
};

const options = z.looseObject({
  ...z.object({ ...samplingFields("ddim", 20), ...guidanceField, ...editingFields }).shape,
});
type Options = z.infer<typeof options>;

/** @throws UsageError for more steps than there are */
export function requireOptions({ config }: Diffusion, { steps, strength }: Options, from: Pictures | undefined): void {
  const share = from === undefined ? 1 : strength;
  const most = Math.max(1, Math.round(share * config.timesteps));
  if (steps > most) {
    throw new UsageError({
      what: "The schedule does not have so many steps.",
      got: `steps=${steps}`,
      expected: `1 to ${most}${share < 1 ? `, from strength ${share} on` : ""}`,
    });
  }
}

/** What the network sees beside the noisy picture, and what is made of the result. */
interface Sight {
  beside?: Float32Array;
  /** What the sampler has, as intensities. Default: from [-1, 1], or points as they are. */
  finish?(now: Float32Array): Float32Array;
}

function shown({ config: { image } }: Diffusion): (now: Float32Array) => Float32Array {
  return image.length === 1 ? (now) => now : toIntensityArray;
}

/** Pictures, or points, by a sampler, the way first and the finished ones last. @throws UsageError as {@link requireOptions} */
export async function* paint(
  model: Diffusion,
  context: SampleContext,
  { beside, finish = shown(model) }: Sight = {},
): AsyncGenerator<Samples> {
  const { config } = model;
  const chosen = options.parse(context.options ?? {});
  // Where `from` is no picture to change but one that comes beside, the way begins at noise.
  const start = beside === undefined ? context.from : undefined;
  requireOptions(model, chosen, start);
  const shape = [context.count, ...config.image] as const;
  const levels = stepLevels(config, chosen.steps, start === undefined ? 1 : chosen.strength);
  const eye = await openEye(model, context, chosen, beside);
  const source = await context.compile((_inputs, rng) => ({ noise: rng.normal("prior", shape).add(0) }));
  const noise = async () => ((await source.run()).noise as Float32Array).slice();
  let x: Float32Array = await noise();
  if (start !== undefined) x = mixed(toSignedArray(start.data), x, levels[0]);
  try {
    for await (const now of walk({ levels, x, noise, chosen, expect: eye.expect, schedule: config.noiseSchedule, given: context.given }))
      yield { data: finish(now), shape };
  } finally {
    await Promise.all([eye.dispose(), source.dispose()]);
  }
}

interface Walk {
  levels: readonly Level[];
  x: Float32Array;
  noise(): Promise<Float32Array>;
  chosen: Pick<Options, "sampler" | "eta" | "resample">;
  /** The picture expected at x. */
  expect(x: Float32Array, level: Level): Promise<Float32Array>;
  schedule: keyof typeof schedules;
  given?: GivenPictures | undefined;
}

/** The steps of a sampler; yields x after each, the picture last. */
export async function* walk({ levels, x, noise, chosen, expect, schedule, given }: Walk): AsyncGenerator<Float32Array> {
  const { sampler, eta } = chosen;
  const times = given === undefined ? 1 : chosen.resample;
  const known = given === undefined ? undefined : toSignedArray(given.data);
  let before: Step["before"];
  for (const [k, from] of levels.entries()) {
    const to = levels[k + 1] ?? clean;
    for (let time = 0; time < times; time++) {
      const picture = await expect(x, from);
      const next =
        to.sigma === 0 && k === levels.length - 1
          ? picture
          : await advance(sampler, { x, picture, from, to, before, schedule: schedules[schedule], eta, noise });
      before = { picture, from };
      if (known !== undefined) {
        keepKnown(next, to.sigma === 0 ? known : mixed(known, await noise(), to), given!.known, given!.shape);
        before = undefined;
      }
      x = time === times - 1 ? next : renoised(next, to, from, await noise());
    }
    yield x;
  }
}

/** α x + σ ε. */
function mixed(picture: Float32Array, noise: Float32Array, { alpha, sigma }: Level): Float32Array {
  return picture.map((value, i) => alpha * value + sigma * noise[i]);
}

/** From a level back to a noisier one: a draw of q(x_t | x_s). */
function renoised(x: Float32Array, from: Level, to: Level, noise: Float32Array): Float32Array {
  const share = to.alpha / from.alpha;
  const deviation = Math.sqrt(Math.max(0, to.sigma ** 2 - (share * from.sigma) ** 2));
  return x.map((value, i) => share * value + deviation * noise[i]);
}

const toSignedArray = (data: Float32Array): Float32Array => data.map((value) => 2 * value - 1);
const toIntensityArray = (data: Float32Array): Float32Array => data.map((value) => Math.min(1, Math.max(0, (value + 1) / 2)));

interface Eye {
  expect(x: Float32Array, level: Level): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** The network as a program, with guidance: the picture expected at x. */
async function openEye(model: Diffusion, context: SampleContext, { guidance, clip }: Options, beside?: Float32Array): Promise<Eye> {
  const { config } = model;
  const { count } = context;
  const shape = [count, ...config.image];
  const inputs: Record<string, InputSpec> = { x: { shape }, level: { shape: [1, config.embedding] } };
  const size = config.conditions ?? 0;
  const conditions = size === 0 ? undefined : wantedConditions(context, size);
  if (conditions !== undefined) inputs.known = { shape: [count, size + 1] };
  // What comes beside has the picture's sides.
  const area = config.image.slice(1).reduce((a, b) => a * b, 1);
  if (beside !== undefined) inputs.beside = { shape: [count, beside.length / (count * area), ...config.image.slice(1)] };
  if (config.selfConditioning) inputs.last = { shape };
  const guided = conditions !== undefined && guidance !== 1;
  const program = await context.compile<string, "prediction">(
    (symbols) => ({ prediction: predictGuided(model, symbols, guided ? guidance : 1) }),
    {
      inputs,
    },
  );
  if (conditions !== undefined) (program.inputs.known as Float32Array).set(withFlag(conditions, size));
  if (beside !== undefined) (program.inputs.beside as Float32Array).set(beside);
  let last: Float32Array | undefined;
  const expect = async (x: Float32Array, level: Level) => {
    const factors = pictureFactors(config.parameterization, level);
    const feeds: Parameters<Program<string>["run"]>[0] = {
      x,
      level: levelVector(schedules[config.noiseSchedule].told(level.time), config.embedding),
    };
    if (config.selfConditioning) feeds.last = last ?? new Float32Array(x.length);
    const { prediction } = await program.run(feeds);
    const picture = x.map((value, i) => factors.prediction * Number(prediction[i]) + factors.x * value);
    if (clip && model.bounded) for (let i = 0; i < picture.length; i++) picture[i] = Math.min(1, Math.max(-1, picture[i]));
    last = picture;
    return picture;
  };
  return { expect, dispose: () => program.dispose() };
}

/** One look, or with guidance two in one: at the conditions and at none. */
function predictGuided(model: Diffusion, { x, level, known, beside, last }: Record<string, Tensor | undefined>, guidance: number): Tensor {
  const [B, width] = [x!.shape[0], level!.shape[1]];
  if (known === undefined || guidance === 1) return model.predict(x!, level!.expand([B, width]), { known, picture: beside }, last);
  const twice = (tensor: Tensor | undefined) => tensor && concat([tensor, tensor], 0);
  const both = model.predict(
    twice(x)!,
    level!.expand([2 * B, width]),
    { known: concat([known, known.mul(0)], 0), picture: twice(beside) },
    twice(last),
  );
  const [conditional, free] = [both.slice(0, 0, B), both.slice(0, B, 2 * B)];
  return free.add(conditional.sub(free).mul(guidance));
}

/** Conditions [N, K] with a 1 after each row. */
function withFlag(conditions: Float32Array, size: number): Float32Array {
  const count = conditions.length / size;
  const known = new Float32Array(count * (size + 1)).fill(1);
  for (let n = 0; n < count; n++) known.set(conditions.subarray(n * size, (n + 1) * size), n * (size + 1));
  return known;
}
