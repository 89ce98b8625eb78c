/**
 * Deep energy-based model.
 * Paper: Du and Mordatch, "Implicit generation and generalization in energy-based models", 2019, arXiv:1903.08689; the networks and numbers are those of Foster,
 * Generative Deep Learning, 2nd ed., 2023, ch. 7.
 *
 * One network gives a picture a single number, its energy: low where pictures are, high elsewhere. It does not paint; painting is going downhill. From noise,
 * step after step along the slope of the energy, with a little noise, a picture forms. Learning pulls the energy down at the data and up where the walk ends.
 *
 *   paper          here                   shape            range or unit
 *   x+             real                   [B, ...]         data; [-1, 1] inside
 *   x-             fake                   [B, ...]         where a walk of K steps ends
 *   E_θ(x)         energy()               [B]              any real number; p(x) = exp(-E) / Z
 *   x̃^k            langevin()             [B, ...]         Eq. 1
 *   λ, ω           stepSize, noise        10, 0.005
 *   K              walkSteps              60
 *   B (buffer)     buffer                 [8192, ...]      walks' ends of earlier steps; 5 % of walks begin at noise instead
 *   α              penalty                0.1              weight of the squared energies
 *
 * Departs from the paper, as the book does: swish instead of residual blocks with spectral norm, slopes cut off at 0.03, the step and its noise as two numbers;
 * PyTorch's initialisation.
 * Next: rbm.ts and boltzmann-machine.ts, whose energies are simple enough for the walk to be a draw.
 */
import { z } from "zod";
import { gradients } from "../../autodiff/gradient.ts";
import type { RandomStream } from "../../core/random.ts";
import { isPoint } from "../../data/dataset.ts";
import { fromRange, toRange, valueRange } from "../../data/ranges.ts";
import { State } from "../../graph/leaf.ts";
import { stopGradient } from "../../graph/ops/control.ts";
import { floor, where } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/gather.ts";
import { concat } from "../../graph/ops/movement.ts";
import { scan } from "../../graph/ops/scan.ts";
import { constant } from "../../graph/ops/source.ts";
import { logsumexp } from "../../graph/ops/stats.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { currentTrace, type Rng } from "../../graph/trace.ts";
import { silu } from "../../nn/activations.ts";
import { Conv2d } from "../../nn/conv.ts";
import { Linear } from "../../nn/linear.ts";
import type { Terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type Players, type SampleContext, type Samples } from "../model.ts";
import { portions, walkOptions } from "./blocks.ts";

const side = z.int().min(4).max(256);

const config = z.strictObject({
  image: z
    .union([z.tuple([z.literal([1, 3]), side, side]), z.tuple([z.literal(2)])])
    .describe("channels (1 grey, 3 colour), height and width; [2] for points in the plane"),
  reach: z
    .number()
    .positive()
    .max(1e6)
    .describe("points: half the side of the square in which they are looked for, in the data's units; pictures: not used"),
  channels: z
    .array(z.int().min(1).max(1024))
    .max(8)
    .describe("of each convolution; each halves the sides, the first with filters of 5 x 5, the rest of 3 x 3; none for points"),
  hidden: z.array(z.int().min(1).max(4096)).min(1).max(8).describe("units of each dense layer before the energy"),
  walkSteps: z.int().min(1).max(1000).describe("K: steps of a walk in training"),
  stepSize: z.number().positive().max(1000).describe("how far a step goes, times the slope of the energy; pictures lie in [-1, 1]"),
  noise: z.number().min(0).max(1).describe("standard deviation of the noise before each step, and on the data"),
  clip: z.number().positive().max(1e6).describe("a slope is cut off at this size, pixel by pixel"),
  penalty: z.number().min(0).max(100).describe("weight of the squared energies, which keeps them near 0"),
  buffer: z.int().min(1).max(100_000).describe("ends of earlier walks that are kept, at least as many as a batch has pictures"),
  fresh: z.number().min(0).max(1).describe("part of the walks that begin at noise, not at a kept end"),
});
export type EbmConfig = z.infer<typeof config>;

const symmetric = valueRange("symmetric");

/** Pictures [B, C, H, W] in [-1, 1] or points [B, D] in the data's units -> energies [B]. */
class EnergyNet extends Module {
  readonly convs: Conv2d[];
  readonly hidden: Linear[];
  readonly energy: Linear;

  constructor({ image, channels, hidden }: EbmConfig, rng: RandomStream) {
    super();
    this.convs = channels.map(
      (out, i) => new Conv2d({ in: i === 0 ? image[0] : channels[i - 1], out, kernel: i === 0 ? 5 : 3, stride: 2, padding: "same", rng }),
    );
    const halved = (size: number): number => channels.reduce((left) => Math.ceil(left / 2), size);
    const flat = image.slice(1).reduce((size, length) => size * halved(length), channels.at(-1) ?? image[0]);
    this.hidden = hidden.map((out, i) => new Linear({ in: i === 0 ? flat : hidden[i - 1], out, rng }));
    this.energy = new Linear({ in: hidden[hidden.length - 1], out: 1, rng });
  }

  call(x: Tensor): Tensor {
    const features = this.convs.reduce((value, conv) => silu(conv.call(value)), x);
    const last = this.hidden.reduce((value, layer) => silu(layer.call(value)), features.flatten());
    return this.energy.call(last).reshape([x.shape[0]]);
  }
}

export class Ebm extends Module {
  readonly net: EnergyNet;
  /** [buffer, C, H, W] in [-1, 1], the latest ends of walks first. */
  readonly buffer: State<"float32">;
  readonly config: EbmConfig;

  constructor(settings: EbmConfig, rng: RandomStream) {
    super();
    this.net = new EnergyNet(settings, rng);
    this.buffer = new State([settings.buffer, ...settings.image], "float32");
    rng.fillUniform(this.buffer.data);
    for (let i = 0; i < this.buffer.data.length; i++) this.buffer.data[i] = 2 * this.buffer.data[i] - 1;
    this.config = settings;
  }

  /** E(x): [B, ...] in [-1, 1] -> [B]. Of points the network sees the data's own units, in which they differ enough for it. */
  energy(x: Tensor): Tensor {
    return this.net.call(isPoint(this.config.image) ? x.mul(this.config.reach) : x);
  }
}

/**
 * A walk down the energy (Eq. 1): in each step noise is added, then the slope is followed, and pictures stay in [-1, 1].
 * @param x [B, ...]; @param noises [K, B, ...], standard normal, one slice a step
 */
export function langevin(
  energy: (x: Tensor) => Tensor,
  x: Tensor,
  noises: Tensor,
  { stepSize, noise, clip }: Pick<EbmConfig, "stepSize" | "noise" | "clip">,
): Tensor {
  const { carry } = scan(
    ([at], [drawn]) => {
      const moved = at.add(drawn.mul(noise)).clip(-1, 1);
      const [slope] = gradients(energy(moved), [moved]);
      return { carry: [moved.sub(slope.clip(-clip, clip).mul(stepSize)).clip(-1, 1)] };
    },
    { init: [x], xs: [noises] },
  );
  return carry[0];
}

/** A batch as the network sees it, in [-1, 1]: [B, ...]. */
function dataOf({ config }: Ebm, { images, points }: Batch): Tensor {
  return isPoint(config.image) ? points.div(config.reach) : toRange(images, symmetric);
}

/** What the network sees, [B, ...] in [-1, 1], as intensities or points. */
function asData({ config }: Ebm, x: Tensor): Tensor {
  return isPoint(config.image) ? x.mul(config.reach) : fromRange(x, symmetric);
}

/** Where `count` walks begin: at kept ends, some at noise. [count, ...] */
function starts({ buffer, config: { image, fresh, buffer: kept } }: Ebm, count: number, rng: Rng): Tensor {
  const rows = floor(rng.uniform("kept ends", [count]).mul(kept)).cast("int32");
  const noise = rng
    .uniform("fresh starts", [count, ...image])
    .mul(2)
    .sub(1);
  return where(rng.uniform("fresh or kept", [count, ...image.map(() => 1)]).less(fresh), noise, gather(buffer, rows));
}

function losses(ebm: Ebm, batch: Batch, rng: Rng): Record<string, Terms> {
  const { config, buffer } = ebm;
  const data = dataOf(ebm, batch);
  const [B] = data.shape;
  const energy = (x: Tensor): Tensor => ebm.energy(x);
  const fake = stopGradient(langevin(energy, starts(ebm, B, rng), rng.normal("walk", [config.walkSteps, B, ...config.image]), config));
  currentTrace("EBM").update(buffer, concat([fake, buffer]).slice(0, 0, config.buffer));
  const real = data.add(rng.normal("noise on data", data.shape).mul(config.noise)).clip(-1, 1);
  const [onReal, onFake] = [energy(real), energy(fake)];
  const divergence = onReal.mean().sub(onFake.mean()); // Eq. 2
  const squares = onReal.square().add(onFake.square()).mean();
  const total = divergence.add(squares.mul(config.penalty));
  return { energy: { total, terms: { divergence, squares, realEnergy: onReal.mean() } } };
}

export function players(): Players<Ebm> {
  return { parts: ({ net }) => ({ energy: net }), phases: [{ moves: ["energy"], losses }] };
}

/** Energy of held-out pictures, and how far those of noise and of kept ends of walks are above it: [B] each. */
function metrics(ebm: Ebm, batch: Batch, rng: Rng): Record<string, Tensor> {
  const data = dataOf(ebm, batch);
  const energy = ebm.energy(data);
  const noise = ebm.energy(rng.uniform("noise", data.shape).mul(2).sub(1));
  const rows = floor(rng.uniform("kept ends", [data.shape[0]]).mul(ebm.config.buffer)).cast("int32");
  return { energy, noiseGap: noise.sub(energy), walkGap: ebm.energy(gather(ebm.buffer, rows)).sub(energy) };
}

/** Cells along a side of the grid on which the density of points is summed. */
const cells = 200;

/** ln p of points [B, 2] in the plane, nats: -E - ln Z, with Z summed over a grid. [B]; too high outside of the square, which Z leaves out. */
function logDensity(ebm: Ebm, points: Tensor): Tensor {
  const { reach } = ebm.config;
  const grid = Float32Array.from({ length: 2 * cells * cells }, (_, i) => {
    const cell = i % 2 === 0 ? Math.floor(i / 2) % cells : Math.floor(i / 2 / cells);
    return (2 * cell + 1) / cells - 1;
  });
  const area = ((2 * reach) / cells) ** 2;
  const logZ = logsumexp(ebm.energy(constant(grid, "float32", [cells * cells, 2])).neg()).add(Math.log(area));
  return ebm.energy(points.div(reach)).add(logZ).neg();
}

/** Steps between two frames of a sampler, at most. */
const frameSteps = 20;

const sampling = walkOptions("steps of a walk from noise, or from the pictures given, to a sample", 1000);

/** Walks from noise, or from given pictures. */
async function* sample(ebm: Ebm, { count, compile, from, options = {} }: SampleContext): AsyncGenerator<Samples> {
  const { config } = ebm;
  const shape = [count, ...config.image] as Samples["shape"];
  const start = await compile((_, rng) => {
    const x = rng.uniform("first noise", shape).mul(2).sub(1);
    return { x, pictures: asData(ebm, x) };
  });
  const first = await start.run();
  let x: Float32Array =
    from === undefined
      ? (first.x as Float32Array).slice()
      : from.data.map((value) => (isPoint(config.image) ? value / config.reach : 2 * value - 1));
  yield { data: from?.data ?? (first.pictures as Float32Array).slice(), shape };
  await start.dispose();
  const sizes = portions(sampling.parse(options).steps, frameSteps);
  for (const size of new Set(sizes)) {
    const program = await compile<"x", "next" | "pictures">(
      (inputs, rng) => {
        const next = langevin((at) => ebm.energy(at), inputs.x, rng.normal("walk", [size, ...shape]), config);
        return { next, pictures: asData(ebm, next) };
      },
      { inputs: { x: { shape } }, frozen: true },
    );
    for (let left = sizes.filter((other) => other === size).length; left > 0; left--) {
      const { next, pictures } = await program.run({ x });
      x = (next as Float32Array).slice();
      yield { data: (pictures as Float32Array).slice(), shape };
    }
    await program.dispose();
  }
}

/** The book's. */
const digits: EbmConfig = {
  image: [1, 32, 32],
  reach: 1,
  channels: [16, 32, 64, 64],
  hidden: [64],
  walkSteps: 60,
  stepSize: 10,
  noise: 0.005,
  clip: 0.03,
  penalty: 0.1,
  buffer: 8192,
  fresh: 0.05,
};

/** A walk that is a fair draw: its step is half the noise's variance, and no slope is cut off. */
const plane: EbmConfig = {
  ...digits,
  image: [2],
  reach: 4,
  channels: [],
  hidden: [128, 128, 128],
  walkSteps: 40,
  stepSize: 0.015 ** 2 / 2,
  noise: 0.015,
  clip: 1000,
  penalty: 0.001,
};
const planes = ["moons", "circles", "ring", "checkerboard", "spirals"];

export const ebm = defineModel<EbmConfig, Ebm>({
  name: "ebm",
  title: "Deep energy-based model",
  family: "energy",
  year: 2019,
  paper: "1903.08689",
  summary:
    "One network says how likely a picture looks, as an energy. Pictures are made by walking down the energy from noise, and the network learns from where its own walks end.",
  config,
  presets: {
    smoke: {
      config: { ...digits, image: [1, 8, 8], channels: [4, 8], hidden: [8], walkSteps: 3, buffer: 32 },
      training: { epochs: 1, batch: 16, learningRate: 1e-3 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...digits, walkSteps: 30, buffer: 4096 },
      training: { epochs: 5, batch: 64, learningRate: 3e-4 },
      about: "walks of 30 steps from a smaller buffer; about seven minutes",
    },
    paper: {
      config: digits,
      training: { epochs: 60, batch: 128, learningRate: 1e-4 },
      about: "the book's settings; hours",
    },
    toy: {
      config: plane,
      training: { epochs: 25, batch: 256, learningRate: 1e-3, schedule: "cosine" },
      about: "points in the plane, whose density can be summed; about a minute",
      data: "moons",
    },
  },
  data: { sets: ["mnist", "fashion-mnist", ...planes], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new Ebm(settings, rng),
  players,
  metrics,
  metricInfo: {
    energy: { unit: "energy", better: "lower", about: "of held-out pictures; the penalty keeps it near 0" },
    noiseGap: { unit: "energy", better: "higher", about: "energy of noise minus that of held-out pictures" },
    walkGap: {
      unit: "energy",
      better: "lower",
      about: "energy of kept ends of walks minus that of held-out pictures; near 0 where walks end at pictures",
    },
  },
  logDensity,
  starts: true,
  sampling,
  sample,
});
