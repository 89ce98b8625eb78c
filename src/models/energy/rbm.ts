/**
 * Restricted Boltzmann machine.
 * Papers: Smolensky 1986; Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation 14, 2002; persistent chains: Tieleman,
 * "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML 2008; its constant: Salakhutdinov and Murray, "On the
 * quantitative analysis of deep belief networks", ICML 2008.
 *
 * Black and white pixels on one side, hidden units on the other, and weights only between the sides. So all hidden units can be drawn at once from a picture,
 * and all pixels at once from the hidden units. Learning lowers the energy of the data and raises that of the machine's own dreams.
 *
 *   paper            here                      shape        range or unit
 *   v                units (toUnits())         [B, V]       0 or 1
 *   h                hidden                    [B, H]       0 or 1
 *   W                weight                    [V, H]
 *   a, b             visibleBias, hiddenBias   [V], [H]
 *   E(v, h)          -v·a - h·b - v·W·h                     nats; p(v, h) = exp(-E) / Z
 *   F(v)             freeEnergy()              [B]          nats; p(v) = exp(-F) / Z
 *   p(h = 1 | v)     up()                      [B, H]
 *   p(v = 1 | h)     down()                    [B, V]
 *   k                gibbsSteps                1 ... 25
 *   ln Z             estimates()               scalar       nats, by annealed importance sampling
 *
 * Departs from the papers: hidden units enter the statistics as probabilities (they are summed out in F), no weight decay, a falling learning rate.
 * Next: deep-belief-net.ts, which puts another machine on the hidden units; boltzmann-machine.ts, without the restriction.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { Parameter, State } from "../../graph/leaf.ts";
import { stopGradient } from "../../graph/ops/control.ts";
import { scan } from "../../graph/ops/scan.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { currentTrace, type Rng } from "../../graph/trace.ts";
import { normal } from "../../nn/init.ts";
import { binaryCrossEntropy, type Terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import {
  type Batch,
  defineModel,
  type EstimateContext,
  type Estimates,
  type Pictures,
  type Players,
  type SampleContext,
} from "../model.ts";
import { type Annealed, logConstant } from "./annealing.ts";
import { annealingFields, type BinaryConfig, binaryFields, drawUnits, portions, toUnits, unitsOf, walkOptions } from "./blocks.ts";

const config = z.strictObject({
  ...binaryFields,
  hidden: z.int().min(1).max(65_536).describe("hidden units"),
  gibbsSteps: z
    .int()
    .min(1)
    .max(1000)
    .describe("k: draws of all units, there and back, before the machine's side of the gradient is measured"),
  chains: z
    .int()
    .min(0)
    .max(10_000)
    .describe("persistent chains, which go on from step to step; 0: each step's chains start at its data (contrastive divergence)"),
  ...annealingFields,
});
export type RbmConfig = z.infer<typeof config>;

/** Both sides of a machine, and its energy. */
export class RbmUnits extends Module {
  readonly weight: Parameter;
  readonly visibleBias: Parameter;
  readonly hiddenBias: Parameter;

  /** Hinton 2010, "A practical guide", section 8: weights from N(0, 0.01²), biases 0. */
  constructor(visible: number, hidden: number, rng: RandomStream) {
    super();
    const fans = { fanIn: visible, fanOut: hidden };
    this.weight = new Parameter([visible, hidden], normal(0.01)([visible, hidden], fans, rng));
    this.visibleBias = new Parameter([visible], new Float32Array(visible));
    this.hiddenBias = new Parameter([hidden], new Float32Array(hidden));
  }

  /** What this machine is just now, as tensors: a deep belief net's upper machines are sums. */
  get machine(): Machine {
    return new Machine(this.weight, this.visibleBias, this.hiddenBias);
  }
}

/** The formulas of a machine with given weights [V, H] and biases [V], [H]. */
export class Machine {
  readonly weight: Tensor;
  readonly visibleBias: Tensor;
  readonly hiddenBias: Tensor;

  constructor(weight: Tensor, visibleBias: Tensor, hiddenBias: Tensor) {
    this.weight = weight;
    this.visibleBias = visibleBias;
    this.hiddenBias = hiddenBias;
  }

  /** Input of the hidden units, b + v W: [B, V] -> [B, H]. */
  field(v: Tensor): Tensor {
    return v.matmul(this.weight).add(this.hiddenBias);
  }

  /** Logits of p(v = 1 | h), a + h Wᵀ: [B, H] -> [B, V]. */
  downLogits(h: Tensor): Tensor {
    return h.matmul(this.weight.transpose()).add(this.visibleBias);
  }

  /** p(h = 1 | v): [B, V] -> [B, H]. */
  up(v: Tensor): Tensor {
    return this.field(v).sigmoid();
  }

  /** p(v = 1 | h): [B, H] -> [B, V]. */
  down(h: Tensor): Tensor {
    return this.downLogits(h).sigmoid();
  }

  /** F(v) = -v·a - Σ ln(1 + exp(b + v W)), -ln Σ_h exp(-E(v, h)): [B, V] -> [B], nats. */
  freeEnergy(v: Tensor): Tensor {
    return v.mul(this.visibleBias).sum(1).add(this.field(v).softplus().sum(1)).neg();
  }

  /** k draws of all hidden, then all visible units, from v [B, V]: the last v. */
  gibbs(v: Tensor, k: number, rng: Rng): Tensor {
    const [B, V] = v.dims("B V");
    const [, H] = this.weight.shape;
    const { carry } = scan(
      ([at], [forHidden, forVisible]) => ({ carry: [drawUnits(this.down(drawUnits(this.up(at), forHidden)), forVisible)] }),
      { init: [v], xs: [rng.uniform("hidden units", [k, B, H]), rng.uniform("visible units", [k, B, V])] },
    );
    return carry[0];
  }
}

/** Persistent chains and the share of white of each unit, which learning keeps beside a machine's weights. */
export class Memory extends Module {
  readonly chains: State<"float32"> | undefined;
  /** [V], running means of the units in the data: what the model with a known sum is made of. */
  readonly rates: State<"float32">;

  constructor(visible: number, chains: number, rng: RandomStream) {
    super();
    this.chains = chains === 0 ? undefined : new State([chains, visible], "float32");
    if (this.chains !== undefined) {
      rng.fillUniform(this.chains.data);
      this.chains.data.forEach((value, i, data) => {
        data[i] = value < 0.5 ? 0 : 1;
      });
    }
    this.rates = new State([visible], "float32", 0.5);
  }

  /** Take a batch [B, V] into the running means. */
  remember(v: Tensor): void {
    const trace = currentTrace("Memory");
    trace.update(this.rates, this.rates.mul(0.99).add(v.mean(0).mul(0.01)));
  }
}

/**
 * The mean free energy of data [B, V] minus that of the machine's own units after k steps: its gradient is that of the negative log-likelihood, as far as the
 * chains have come. (Hinton 2002, Eq. 5 with sums over h; Tieleman 2008, section 3, where there are persistent chains.)
 */
export function contrastiveDivergence(machine: Machine, memory: Memory, v: Tensor, k: number, rng: Rng): Terms {
  memory.remember(v);
  const from = memory.chains ?? v;
  const dream = stopGradient(machine.gibbs(from, k, rng));
  if (memory.chains !== undefined) currentTrace("Memory").update(memory.chains, dream);
  const data = machine.freeEnergy(v).mean();
  const model = machine.freeEnergy(dream).mean();
  return { total: data.sub(model), terms: { dataEnergy: data, modelEnergy: model } };
}

/**
 * The way from independent units, whose sum is known, to a machine: p_β(v) ∝ exp((1 - β) r·v) · exp(-F_β(v)), where F_β has all weights and biases times β.
 * (Salakhutdinov and Murray 2008, section 3.2 and 4.1, with a first model without weights.) r [V] are the log-odds of `rates`.
 */
export function annealedMachine(machine: Machine, rates: Tensor): Annealed {
  const [V, H] = machine.weight.shape;
  const kept = rates.clip(0.01, 0.99);
  const odds = kept.log().sub(kept.neg().add(1).log());
  return {
    units: V,
    uniforms: V + H,
    logFirst: odds
      .softplus()
      .sum()
      .add(H * Math.LN2),
    first: (uniforms) => drawUnits(kept.expand(uniforms.shape), uniforms),
    step: (v, from, to, uniforms) => {
      const field = machine.field(v);
      // ln p_to - ln p_from unit by unit, before the sum: the differences are small and the terms are not.
      const hidden = field.mul(to).softplus().sub(field.mul(from).softplus()).sum(1);
      const visible = v.mul(machine.visibleBias.sub(odds)).sum(1).mul(to.sub(from));
      const h = drawUnits(field.mul(to).sigmoid(), uniforms.slice(1, 0, H));
      const logits = machine
        .downLogits(h)
        .mul(to)
        .add(odds.mul(to.neg().add(1)));
      return { next: drawUnits(logits.sigmoid(), uniforms.slice(1, H, H + V)), gain: hidden.add(visible) };
    },
  };
}

export class Rbm extends Module {
  readonly units: RbmUnits;
  readonly memory: Memory;
  readonly config: RbmConfig;

  constructor(settings: RbmConfig, rng: RandomStream) {
    super();
    const visible = unitsOf(settings.image);
    this.units = new RbmUnits(visible, settings.hidden, rng);
    this.memory = new Memory(visible, settings.chains, rng);
    this.config = settings;
  }

  get machine(): Machine {
    return this.units.machine;
  }
}

function losses({ machine, memory, config }: Rbm, { images }: Batch, rng: Rng): Record<string, Terms> {
  return { machine: contrastiveDivergence(machine, memory, toUnits(images, config, rng), config.gibbsSteps, rng) };
}

export function players(): Players<Rbm> {
  return { parts: ({ units }) => ({ machine: units }), phases: [{ moves: ["machine"], losses }] };
}

/** F of held-out pictures, how far that of noise is above it, and what one step up and down makes of them: [B] each. */
function metrics({ machine, config }: Rbm, { images }: Batch, rng: Rng): Record<string, Tensor> {
  const v = toUnits(images, config, rng);
  const freeEnergy = machine.freeEnergy(v);
  const noise = drawUnits(v.mean(1, { keepDims: true }).expand(v.shape), rng.uniform("noise", v.shape));
  const reconstruction = binaryCrossEntropy(machine.downLogits(machine.up(v)), v);
  return { freeEnergy, noiseGap: machine.freeEnergy(noise).sub(freeEnergy), reconstruction };
}

/** ln Z, and with it the held-out log-likelihood. */
async function estimates({ machine, memory, config }: Rbm, context: EstimateContext): Promise<Estimates> {
  const logZ = await logConstant(annealedMachine(machine, memory.rates), config, context);
  return { logZ, nats: { value: context.metrics.freeEnergy + logZ.value, error: logZ.error } };
}

export const gibbsOptions = walkOptions("draws of all units, there and back, from noise to a sample", 1000);

/** Draws between two frames of a sampler, at most. */
const frameSteps = 20;

/**
 * Units drawn by Gibbs steps, from noise; what is shown are the probabilities behind the last draw.
 * @param rates [V], the probabilities of the first draw
 * @param show from hidden units [B, H] to the pictures' probabilities [B, pixels]
 */
export async function* gibbsPictures(
  machine: () => Machine,
  rates: Tensor,
  { image }: Pick<BinaryConfig, "image">,
  { count, compile, options = {} }: SampleContext,
  show: (machine: Machine, h: Tensor, rng: Rng) => Tensor = (of, h) => of.down(h),
): AsyncGenerator<Pictures> {
  const [V] = rates.shape;
  const start = await compile((_, rng) => ({ v: drawUnits(rates.expand([count, V]), rng.uniform("first units", [count, V])) }));
  let v: Float32Array = ((await start.run()).v as Float32Array).slice();
  await start.dispose();
  const steps = portions(gibbsOptions.parse(options).steps, frameSteps);
  for (const size of new Set(steps)) {
    const program = await compile<"v", "pictures" | "next">(
      (inputs, rng) => {
        const of = machine();
        const before = size === 1 ? inputs.v : of.gibbs(inputs.v, size - 1, rng);
        const h = drawUnits(of.up(before), rng.uniform("last hidden units", [count, of.weight.shape[1]]));
        const next = drawUnits(of.down(h), rng.uniform("last units", [count, V]));
        return { pictures: show(of, h, rng), next };
      },
      { inputs: { v: { shape: [count, V] } }, frozen: true },
    );
    for (let left = steps.filter((other) => other === size).length; left > 0; left--) {
      const { pictures, next } = await program.run({ v });
      v = next as Float32Array;
      yield { data: (pictures as Float32Array).slice(), shape: [count, ...image] };
    }
    v = v.slice();
    await program.dispose();
  }
}

const digits: RbmConfig = {
  image: [1, 28, 28],
  binarize: "stochastic",
  hidden: 500,
  gibbsSteps: 10,
  chains: 100,
  temperatures: 10_000,
  annealedChains: 100,
};
/** Of RBMs, alone and stacked: gradient descent with the momentum that Hinton 2010, "A practical guide to training restricted Boltzmann machines", begins with. */
export const machineTraining = { optimizer: "sgd", momentum: 0.5, schedule: "linear", batch: 100 } as const;

export const rbm = defineModel<RbmConfig, Rbm>({
  name: "rbm",
  title: "Restricted Boltzmann machine",
  family: "energy",
  year: 2002,
  paper: "Hinton 2002, doi:10.1162/089976602760128018; Tieleman 2008, doi:10.1145/1390156.1390290",
  summary:
    "Black and white pixels and hidden units that pull at each other, with no ties inside a side. It is drawn from by waking one side from the other in turn, and learns by making its own dreams less likely than the data.",
  config,
  presets: {
    smoke: {
      config: { ...digits, image: [1, 8, 8], hidden: 8, gibbsSteps: 2, chains: 6, temperatures: 20, annealedChains: 8 },
      training: { ...machineTraining, epochs: 1, batch: 16, learningRate: 0.05 },
      about: "seconds; for tests",
    },
    small: {
      config: digits,
      training: { ...machineTraining, epochs: 8, learningRate: 0.05 },
      about: "500 hidden units, 100 persistent chains, 10 draws a step; about six minutes",
    },
    "cd-1": {
      config: { ...digits, gibbsSteps: 1, chains: 0 },
      training: { ...machineTraining, epochs: 10, learningRate: 0.05 },
      about: "chains of one draw from the data: quick, and far from the likelihood; about two minutes",
    },
    "cd-25": {
      config: { ...digits, gibbsSteps: 25, chains: 0 },
      training: { ...machineTraining, epochs: 5, learningRate: 0.05 },
      about: "chains of 25 draws from the data, as the published figure; about ten minutes",
    },
    paper: {
      config: { ...digits, gibbsSteps: 25, chains: 0, temperatures: 14_500 },
      training: { ...machineTraining, epochs: 50, learningRate: 0.05 },
      about: "the same for ten times as long, its constant by 14,500 temperatures; hours",
    },
  },
  data: { sets: ["mnist", "fashion-mnist", "bars-and-stripes"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new Rbm(settings, rng),
  players,
  metrics,
  metricInfo: {
    freeEnergy: { unit: "nats", better: "lower", about: "free energy of held-out pictures; only differences mean something" },
    noiseGap: { unit: "nats", better: "higher", about: "free energy of noise with a picture's share of white minus that of the picture" },
    reconstruction: { unit: "nats per picture", better: "lower", about: "cross entropy of held-out pictures after one step up and down" },
  },
  estimates,
  estimateInfo: {
    logZ: { unit: "nats", better: "lower", about: "ln Z, by annealed importance sampling" },
    nats: {
      unit: "nats per picture",
      better: "lower",
      about: "negative log-likelihood of held-out pictures, black and white by one fixed draw: mean free energy + ln Z",
    },
  },
  encode: ({ machine }, images) => machine.up(images.flatten()),
  decode: ({ machine, config: { image } }, codes) => machine.down(codes).reshape([codes.shape[0], ...image]),
  reconstruct: ({ machine, config: { image } }, images) => machine.down(machine.up(images.flatten())).reshape([images.shape[0], ...image]),
  sampling: gibbsOptions,
  sample: ({ machine, memory, config: settings }, context) => gibbsPictures(() => machine, memory.rates, settings, context),
});
