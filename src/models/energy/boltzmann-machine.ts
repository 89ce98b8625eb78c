/**
 * Boltzmann machine.
 * Paper: Ackley, Hinton and Sejnowski, "A learning algorithm for Boltzmann machines", Cognitive Science 9, 1985, doi:10.1207/s15516709cog0901_7.
 *
 * Units that are 0 or 1, every one tied to every other. Some are pixels, the rest are free to find out what pixels have in common. Each unit in turn is drawn
 * given all others; left alone for long, the machine shows each picture as often as its energy says. Learning compares what units do together while pictures
 * hold the pixels with what they do when nobody does.
 *
 *   paper         here                    shape         range or unit
 *   s             units                   [B, N]        0 or 1: pixels, then hidden units
 *   w_ij          weights                 [N, N]        its upper triangle: one number a pair
 *   -θ_i          biases                  [N]
 *   E             energy()                [B]           nats (temperature 1); p(s) = exp(-E) / Z
 *   p_k           drawn by sweep()        [B]           probability that unit k is 1, given the others (Eq. 3)
 *   p_ij, p'_ij   gradient of energy()                  units i and j both on: with pixels held, and free
 *   G             nats                                  up to the data's entropy
 *
 * Departs from the paper: no annealing, but chains that go on from step to step (see rbm.ts); statistics are not noisy on purpose; small machines may be
 * learned by counting all states instead.
 * Next: rbm.ts, where ties inside a side are cut and a whole side is drawn at once.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { Parameter, State } from "../../graph/leaf.ts";
import { stopGradient } from "../../graph/ops/control.ts";
import { floor } from "../../graph/ops/elementwise.ts";
import { oneHot } from "../../graph/ops/gather.ts";
import { eye, triuMask } from "../../graph/ops/grid.ts";
import { concat } from "../../graph/ops/movement.ts";
import { scan } from "../../graph/ops/scan.ts";
import { constant } from "../../graph/ops/source.ts";
import { logsumexp } from "../../graph/ops/stats.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { currentTrace, type Rng } from "../../graph/trace.ts";
import { normal } from "../../nn/init.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import {
  type Batch,
  defineModel,
  type Estimate,
  type EstimateContext,
  type Estimates,
  type Pictures,
  type Players,
  type SampleContext,
} from "../model.ts";
import { type Annealed, logConstant } from "./annealing.ts";
import { annealingFields, binaryFields, drawUnits, portions, toUnits, unitsOf, walkOptions } from "./blocks.ts";

/** Units of which all states are counted in one step of learning, and in an estimate, at most. */
const [mostLearned, mostCounted] = [16, 24];

const config = z
  .strictObject({
    ...binaryFields,
    hidden: z.int().min(1).max(12).describe("hidden units; all their states are counted for a picture's free energy"),
    learning: z.enum(["exact", "sampled"]).describe("exact: by counting all states (at most 16 units); sampled: from chains, as the paper"),
    sweeps: z.int().min(1).max(1000).describe("draws of every unit in turn, before the statistics of a step are taken (sampled)"),
    chains: z.int().min(1).max(10_000).describe("chains that run free and go on from step to step (sampled)"),
    ...annealingFields,
  })
  .refine(({ image, hidden, learning }) => learning !== "exact" || unitsOf(image) + hidden <= mostLearned, {
    error: `exact learning counts the states of at most ${mostLearned} units, pixels and hidden ones`,
    path: ["learning"],
  });
export type BoltzmannConfig = z.infer<typeof config>;

/** States `from` to `from + count` of so many units, the last unit changing fastest: [count, units] of 0 and 1. */
export function countedStates(units: number, from: number, count: number): Float32Array {
  return Float32Array.from({ length: count * units }, (_, i) => {
    const state = from + Math.floor(i / units);
    return Math.floor(state / 2 ** (units - 1 - (i % units))) % 2;
  });
}

function allStates(units: number): Tensor {
  return constant(countedStates(units, 0, 2 ** units), "float32", [2 ** units, units]);
}

export class BoltzmannMachine extends Module {
  readonly weights: Parameter;
  readonly biases: Parameter;
  /** [chains, N], units of the free chains. */
  readonly chains: State<"float32">;
  readonly config: BoltzmannConfig;

  constructor(settings: BoltzmannConfig, rng: RandomStream) {
    super();
    const n = unitsOf(settings.image) + settings.hidden;
    this.weights = new Parameter([n, n], normal(0.1)([n, n], { fanIn: n, fanOut: n }, rng));
    this.biases = new Parameter([n], new Float32Array(n));
    this.chains = new State([settings.chains, n], "float32");
    rng.fillUniform(this.chains.data);
    this.chains.data.forEach((value, i, data) => {
      data[i] = Math.round(value);
    });
    this.config = settings;
  }

  /** N. */
  get size(): number {
    return this.biases.shape[0];
  }

  /** V. */
  get visible(): number {
    return unitsOf(this.config.image);
  }

  /** w_ij for i < j, else 0: [N, N]. */
  get pairs(): Tensor {
    return this.weights.mul(triuMask(this.size, this.size, 1).cast("float32"));
  }

  /** E = -Σ_{i<j} w_ij s_i s_j - Σ b_i s_i (Eq. 1): [B, N] -> [B], nats. */
  energy(units: Tensor): Tensor {
    return units.matmul(this.pairs).add(this.biases).mul(units).sum(1).neg();
  }

  /** What pulls at each unit, Σ_j w_ij s_j + b_i, the energy gap of Eq. 2: [B, N] -> [B, N]. */
  gaps(units: Tensor): Tensor {
    const pairs = this.pairs;
    return units.matmul(pairs.add(pairs.transpose())).add(this.biases);
  }

  /** -ln Σ_h exp(-E(v, h)), counted over all states of the hidden units: [B, V] -> [B], nats. */
  freeEnergy(v: Tensor): Tensor {
    const [N, V, H] = [this.size, this.visible, this.config.hidden];
    const hidden = allStates(H); // [2^H, H]
    const [across, inside] = [this.pairs.slice(0, 0, V), this.pairs.slice(0, V, N).slice(1, V, N)];
    const [pixels, ties] = [across.slice(1, 0, V), across.slice(1, V, N)];
    const [a, b] = [this.biases.slice(0, 0, V), this.biases.slice(0, V, N)];
    const held = v.matmul(pixels).add(a).mul(v).sum(1, { keepDims: true }); // [B, 1]
    const free = hidden.matmul(inside).add(b).mul(hidden).sum(1); // [2^H]
    return logsumexp(held.add(v.matmul(ties).matmul(hidden.transpose())).add(free), 1).neg();
  }

  /** Draw every unit of `visited` in turn given all others, `times` times over (Eq. 3): [B, N] -> [B, N]. */
  sweep(units: Tensor, visited: readonly [from: number, to: number], times: number, rng: Rng): Tensor {
    const [B, N] = units.dims("B N");
    const turn = eye(N).slice(0, visited[0], visited[1]);
    const turns = concat(new Array<Tensor>(times).fill(turn)); // [times · units, N]
    const { carry } = scan(([at], [unit, drawn]) => ({ carry: [this.redrawn(at, unit.reshape([1, N]), drawn)] }), {
      init: [units],
      xs: [turns, rng.uniform("units in turn", [turns.shape[0], B])],
    });
    return carry[0];
  }

  /** One unit of each chain drawn anew. units [B, N]; unit [1 or B, N], one-hot; drawn [B], uniform; gaps of `factor` times the energy plus `offset` [N]. */
  redrawn(units: Tensor, unit: Tensor, drawn: Tensor, gaps: Tensor = this.gaps(units)): Tensor {
    const on = drawUnits(gaps.mul(unit).sum(1).sigmoid(), drawn).reshape([-1, 1]);
    return units.mul(unit.neg().add(1)).add(unit.mul(on));
  }
}

/** -ln p(v) with all 2^N states counted: [B], nats. */
function exactNats(machine: BoltzmannMachine, v: Tensor): Tensor {
  return machine.freeEnergy(v).add(logsumexp(machine.energy(allStates(machine.size)).neg()));
}

/** Mean energy with pixels held minus mean energy of the free chains; its gradient in w_ij is p'_ij - p_ij (Eq. 7). */
function sampledLoss(machine: BoltzmannMachine, v: Tensor, rng: Rng): Terms {
  const { size, visible, config } = machine;
  const [B] = v.shape;
  const first = drawUnits(
    v.mul(0).sum(1, { keepDims: true }).add(0.5).expand([B, config.hidden]),
    rng.uniform("hidden units", [B, config.hidden]),
  );
  const held = stopGradient(machine.sweep(concat([v, first], 1), [visible, size], config.sweeps, rng));
  const free = stopGradient(machine.sweep(machine.chains, [0, size], config.sweeps, rng));
  currentTrace("Boltzmann machine").update(machine.chains, free);
  const data = machine.energy(held).mean();
  const model = machine.energy(free).mean();
  return { total: data.sub(model), terms: { dataEnergy: data, modelEnergy: model } };
}

function losses(machine: BoltzmannMachine, { images }: Batch, rng: Rng): Record<string, Terms> {
  const v = toUnits(images, machine.config, rng);
  return { machine: machine.config.learning === "exact" ? terms({ nats: exactNats(machine, v) }) : sampledLoss(machine, v, rng) };
}

export function players(): Players<BoltzmannMachine> {
  return { parts: (machine) => ({ machine }), phases: [{ moves: ["machine"], losses }] };
}

/** The free energy of held-out pictures, and how far that of noise is above it: [B] each. */
function metrics(machine: BoltzmannMachine, { images }: Batch, rng: Rng): Record<string, Tensor> {
  const v = toUnits(images, machine.config, rng);
  const freeEnergy = machine.freeEnergy(v);
  const noise = drawUnits(v.mul(0).add(0.5), rng.uniform("noise", v.shape));
  return { freeEnergy, noiseGap: machine.freeEnergy(noise).sub(freeEnergy) };
}

/** From fair coins to the machine: p_β ∝ exp(-β E). In each step one unit of each chain, chosen at random, is drawn anew. */
export function annealedBoltzmann(machine: BoltzmannMachine): Annealed {
  const { size, biases } = machine;
  return {
    units: size,
    uniforms: 2,
    logFirst: biases
      .sum()
      .mul(0)
      .add(size * Math.LN2),
    first: (uniforms) => uniforms.less(0.5).cast("float32"),
    step: (units, from, to, uniforms) => {
      const unit = oneHot(floor(uniforms.slice(1, 0, 1).reshape([-1]).mul(size)).cast("int32"), size);
      const next = machine.redrawn(units, unit, uniforms.slice(1, 1, 2).reshape([-1]), machine.gaps(units).mul(to));
      return { next, gain: machine.energy(units).mul(from.sub(to)) };
    },
  };
}

/** ln Z with every state counted, in nats. */
async function countedLogZ(machine: BoltzmannMachine, { compile }: EstimateContext): Promise<Estimate> {
  const n = machine.size;
  const rows = Math.min(2 ** n, 2 ** 14);
  const program = await compile<"units", "part">(({ units }) => ({ part: logsumexp(machine.energy(units).neg()) }), {
    inputs: { units: { shape: [rows, n] } },
    frozen: true,
  });
  const parts: number[] = [];
  for (let from = 0; from < 2 ** n; from += rows) parts.push(Number((await program.run({ units: countedStates(n, from, rows) })).part[0]));
  await program.dispose();
  const most = Math.max(...parts);
  return { value: most + Math.log(parts.reduce((sum, part) => sum + Math.exp(part - most), 0)), error: 0 };
}

/** ln Z by annealing and, where they are few enough, with all states counted; and with it the held-out log-likelihood. */
async function estimates(machine: BoltzmannMachine, context: EstimateContext): Promise<Estimates> {
  const annealedLogZ = await logConstant(annealedBoltzmann(machine), machine.config, context);
  const counted: Record<string, Estimate> = machine.size > mostCounted ? {} : { logZ: await countedLogZ(machine, context) };
  const { value, error } = counted.logZ ?? annealedLogZ;
  return { annealedLogZ, ...counted, nats: { value: context.metrics.freeEnergy + value, error } };
}

const sampling = walkOptions("draws of every unit in turn, from noise to a sample", 200);

async function* sample(machine: BoltzmannMachine, { count, compile, options = {} }: SampleContext): AsyncGenerator<Pictures> {
  const { size, visible, config } = machine;
  const start = await compile((_, rng) => ({ units: rng.uniform("first units", [count, size]).less(0.5).cast("float32") }));
  let units: Float32Array = ((await start.run()).units as Float32Array).slice();
  await start.dispose();
  const { steps } = sampling.parse(options);
  const sweeps = Math.ceil(steps / 50);
  const program = await compile<"units", "units" | "pictures">(
    ({ units: at }, rng) => {
      const next = machine.sweep(at, [0, size], sweeps, rng);
      return { units: next, pictures: next.slice(1, 0, visible) };
    },
    { inputs: { units: { shape: [count, size] } }, frozen: true },
  );
  for (const _ of portions(steps, sweeps)) {
    const drawn = await program.run({ units });
    units = drawn.units as Float32Array;
    yield { data: (drawn.pictures as Float32Array).slice(), shape: [count, ...config.image] };
  }
  await program.dispose();
}

const bars: BoltzmannConfig = {
  image: [1, 3, 3],
  binarize: "threshold",
  hidden: 7,
  learning: "exact",
  sweeps: 5,
  chains: 200,
  temperatures: 20_000,
  annealedChains: 500,
};
const training = { batch: 100, learningRate: 0.05, schedule: "cosine" } as const;

export const boltzmannMachine = defineModel<BoltzmannConfig, BoltzmannMachine>({
  name: "boltzmann-machine",
  title: "Boltzmann machine",
  family: "energy",
  year: 1985,
  paper: "Ackley, Hinton and Sejnowski 1985, doi:10.1207/s15516709cog0901_7",
  summary:
    "Units of 0 and 1 that all pull at each other and settle into pictures by chance. The ancestor of the energy models, small enough here for every state to be counted.",
  config,
  presets: {
    smoke: {
      config: { ...bars, hidden: 3, learning: "sampled", sweeps: 2, chains: 5, temperatures: 50, annealedChains: 10 },
      training: { ...training, epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: bars,
      training: { ...training, epochs: 60 },
      about: "nine pixels and seven hidden units, learned by counting all 65,536 states; under a minute",
    },
    ten: {
      config: { ...bars, hidden: 1 },
      training: { ...training, epochs: 30 },
      about: "ten units, learned by counting all 1,024 states; seconds",
    },
    paper: {
      config: { ...bars, learning: "sampled", sweeps: 10, chains: 500 },
      training: { ...training, epochs: 100, learningRate: 0.02 },
      about: "`small` learned as in the paper, from chains with pixels held and free; minutes",
    },
    four: {
      config: { ...bars, image: [1, 4, 4], hidden: 8, learning: "sampled", sweeps: 10, chains: 500 },
      training: { ...training, epochs: 100, learningRate: 0.02 },
      about: "4 x 4 pixels and eight hidden units, too many states to count in every step; minutes",
      data: "bars-and-stripes:side=4",
    },
  },
  data: { sets: ["bars-and-stripes", "bars-and-stripes:side=4"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new BoltzmannMachine(settings, rng),
  players,
  metrics,
  metricInfo: {
    freeEnergy: { unit: "nats", better: "lower", about: "free energy of held-out pictures; only differences mean something" },
    noiseGap: { unit: "nats", better: "higher", about: "free energy of noise minus that of held-out pictures" },
  },
  estimates,
  estimateInfo: {
    annealedLogZ: { unit: "nats", better: "lower", about: "ln Z, by annealed importance sampling" },
    logZ: { unit: "nats", better: "lower", about: "ln Z, all states counted" },
    nats: { unit: "nats per picture", better: "lower", about: "negative log-likelihood of held-out pictures: mean free energy + ln Z" },
  },
  sampling,
  sample,
});
