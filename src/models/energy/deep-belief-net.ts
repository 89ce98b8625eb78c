/**
 * Deep belief net.
 * Papers: Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets", Neural Computation 18, 2006, doi:10.1162/neco.2006.18.7.1527; its
 * likelihood: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
 *
 * A restricted Boltzmann machine knows how its hidden units behave only as far as its own weights tell. So another machine is put on top, which learns what
 * these hidden units do when the first one looks at data, and takes the place of the first one's opinion. One after the other, each machine stays as it is once
 * the next one is put on it. To dream, the top machine is left running, and what it shows goes down layer by layer.
 *
 *   paper               here                          shape       range or unit
 *   v                   units (toUnits())             [B, V]      0 or 1
 *   h^0 = v, h^1, ...   climb()                       [B, H_l]    0 or 1, drawn from q
 *   Q(h^1 | v)          up() of each machine          [B, H_l]    probabilities
 *   P(v | h^1)          down() of each machine        [B, V]      probabilities
 *   P(h^{L-1})          top machine, exp(-F) / Z      [B]
 *   bound               -boundEnergy() - ln Z         [B]         nats; at most ln P(v)
 *
 * Departs from the papers: no labels in the top machine, no fine-tuning by the wake-sleep algorithm; machines learn from persistent chains or by contrastive
 * divergence, as rbm.ts.
 * Next: ebm.ts, where one deep network gives the energy.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { pad } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { binaryCrossEntropy, type Terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type Estimate, type EstimateContext, type Estimates, type Phase, type Players } from "../model.ts";
import { logConstant } from "./annealing.ts";
import { annealingFields, binaryFields, drawUnits, toUnits, unitsOf } from "./blocks.ts";
import { annealedMachine, contrastiveDivergence, gibbsOptions, gibbsPictures, Machine, Memory, machineTraining, RbmUnits } from "./rbm.ts";

const config = z
  .strictObject({
    ...binaryFields,
    layers: z.array(z.int().min(1).max(65_536)).min(2).max(6).describe("hidden units of each machine, from the pixels up"),
    start: z
      .enum(["transposed", "random"])
      .describe(
        "transposed: a machine begins as the one below turned over, where the bound is that one's likelihood; random: small weights",
      ),
    firstShare: z.number().min(0.01).max(0.99).describe("the first machine's part of the training; the others share the rest evenly"),
    gibbsSteps: z.int().min(1).max(1000).describe("k: draws of all units of a machine, there and back, in a step"),
    chains: z.int().min(0).max(10_000).describe("persistent chains of each machine; 0: contrastive divergence"),
    ...annealingFields,
  })
  .refine(
    ({ image, layers, start }) => start === "random" || layers.every((size, l) => l === 0 || size >= [unitsOf(image), ...layers][l - 1]),
    {
      error: "a machine that begins as the one below turned over needs at least as many hidden units as that one has visible ones",
      path: ["layers"],
    },
  );
export type DeepBeliefConfig = z.infer<typeof config>;

export class DeepBeliefNet extends Module {
  /** Weights of each machine; above the first and with `transposed`, what is added to the machine below turned over. */
  readonly units: RbmUnits[];
  readonly memories: Memory[];
  readonly config: DeepBeliefConfig;

  constructor(settings: DeepBeliefConfig, rng: RandomStream) {
    super();
    const sizes = [unitsOf(settings.image), ...settings.layers];
    this.units = settings.layers.map((hidden, l) => new RbmUnits(sizes[l], hidden, rng));
    this.memories = settings.layers.map((_, l) => new Memory(sizes[l], settings.chains, rng));
    this.config = settings;
    if (settings.start === "random") return;
    // The part that stands on the machine below begins as nothing; units beyond need small weights to become different.
    this.units.slice(1).forEach(({ weight: { data, shape } }, l) => {
      data.forEach((value, i) => {
        data[i] = i % shape[1] < sizes[l] ? 0 : value;
      });
    });
  }

  /** The machine on layer `l`, from 0. */
  machine(l: number): Machine {
    const own = this.units[l].machine;
    if (l === 0 || this.config.start === "random") return own;
    const below = this.machine(l - 1);
    const more = own.hiddenBias.shape[0] - below.visibleBias.shape[0];
    return new Machine(
      pad(below.weight.transpose(), [0, 0], [0, more]).add(own.weight),
      below.hiddenBias.add(own.visibleBias),
      pad(below.visibleBias, [0], [more]).add(own.hiddenBias),
    );
  }

  get top(): number {
    return this.units.length - 1;
  }

  /** Units of layer `l` drawn from those of layer 0, one layer after the other (Q of Eq. 7): [B, V] -> [B, H_l]. */
  climb(v: Tensor, l: number, rng: Rng): Tensor {
    let h = v;
    for (let at = 0; at < l; at++) {
      const probabilities = this.machine(at).up(h);
      h = drawUnits(probabilities, rng.uniform("climb", probabilities.shape));
    }
    return h;
  }

  /** Probabilities of the pixels, from units of layer `l`; the layers between are drawn, or with no `rng` taken as probabilities. [B, H_l] -> [B, V] */
  descend(h: Tensor, l: number, rng?: Rng): Tensor {
    let at = this.machine(l - 1).down(h);
    for (let below = l - 2; below >= 0; below--) {
      at = this.machine(below).down(rng === undefined ? at : drawUnits(at, rng.uniform("descent", at.shape)));
    }
    return at;
  }

  /**
   * What the bound on -ln P(v) lacks of ln Z of the top machine: [B], nats. Each expectation over Q is one draw.
   * (Salakhutdinov and Murray 2008, Eq. 23: ln P(v) >= Σ_h Q(h|v) [ln P(h) + ln P(v|h)] + entropy of Q.)
   */
  boundEnergy(v: Tensor, rng: Rng): Tensor {
    let [below, energy] = [v, v.sum(1).mul(0)];
    for (let l = 0; l < this.top; l++) {
      const machine = this.machine(l);
      const field = machine.field(below);
      const q = field.sigmoid();
      const h = drawUnits(q, rng.uniform("bound", q.shape));
      const entropy = field.softplus().sub(q.mul(field)).sum(1);
      energy = energy.add(binaryCrossEntropy(machine.downLogits(h), below)).sub(entropy);
      below = h;
    }
    return energy.add(this.machine(this.top).freeEnergy(below));
  }
}

/** Machine `l` learns the units that those below make of data. */
function layerLosses(net: DeepBeliefNet, { images }: Batch, rng: Rng, l: number): Record<string, Terms> {
  const { config, memories } = net;
  const units = net.climb(toUnits(images, config, rng), l, rng);
  const { total, terms } = contrastiveDivergence(net.machine(l), memories[l], units, config.gibbsSteps, rng);
  return {
    [`machine${l + 1}`]: { total, terms: { [`dataEnergy${l + 1}`]: terms.dataEnergy, [`modelEnergy${l + 1}`]: terms.modelEnergy } },
  };
}

/** One machine after the other (section 4). */
export function players({ layers, firstShare }: DeepBeliefConfig): Players<DeepBeliefNet> {
  const names = layers.map((_, l) => `machine${l + 1}`);
  const start = (l: number): number => (l === 0 ? 0 : firstShare + ((1 - firstShare) * (l - 1)) / (layers.length - 1));
  return {
    parts: ({ units }) => Object.fromEntries(names.map((name, l) => [name, units[l]])),
    phases: names.map(
      (name, l): Phase<DeepBeliefNet> => ({
        moves: [name],
        losses: (net, batch, rng) => layerLosses(net, batch, rng, l),
        span: [start(l), l === layers.length - 1 ? 1 : start(l + 1)],
      }),
    ),
  };
}

function metrics(net: DeepBeliefNet, { images }: Batch, rng: Rng): Record<string, Tensor> {
  const v = toUnits(images, net.config, rng);
  const again = net.descend(net.climb(v, net.top + 1, rng), net.top + 1, rng).clip(1e-6, 1 - 1e-6);
  const logits = again.log().sub(again.neg().add(1).log());
  return { freeEnergy: net.machine(0).freeEnergy(v), boundEnergy: net.boundEnergy(v, rng), reconstruction: binaryCrossEntropy(logits, v) };
}

/** The likelihood of the first machine and the bound of the whole net, each by its own constant. */
async function estimates(net: DeepBeliefNet, context: EstimateContext): Promise<Estimates> {
  const { freeEnergy, boundEnergy } = context.metrics;
  const constantOf = (l: number): Promise<Estimate> =>
    logConstant(annealedMachine(net.machine(l), net.memories[l].rates), net.config, context);
  const [firstLogZ, logZ] = [await constantOf(0), await constantOf(net.top)];
  const firstNats = { value: freeEnergy + firstLogZ.value, error: firstLogZ.error };
  const nats = { value: boundEnergy + logZ.value, error: logZ.error };
  const gain = { value: firstNats.value - nats.value, error: Math.hypot(firstNats.error, nats.error) };
  return { firstLogZ, logZ, firstNats, nats, gain };
}

const digits: DeepBeliefConfig = {
  image: [1, 28, 28],
  binarize: "stochastic",
  layers: [200, 784],
  start: "transposed",
  firstShare: 0.5,
  gibbsSteps: 5,
  chains: 100,
  temperatures: 10_000,
  annealedChains: 100,
};
export const deepBeliefNet = defineModel<DeepBeliefConfig, DeepBeliefNet>({
  name: "deep-belief-net",
  title: "Deep belief net",
  family: "energy",
  year: 2006,
  paper: "Hinton, Osindero and Teh 2006, doi:10.1162/neco.2006.18.7.1527",
  summary:
    "Restricted Boltzmann machines on top of each other, trained one at a time, each on what the one below sees. The top one dreams, and its dreams go down to pictures.",
  config,
  presets: {
    smoke: {
      config: {
        ...digits,
        image: [1, 8, 8],
        layers: [8, 64],
        gibbsSteps: 2,
        chains: 6,
        temperatures: 20,
        annealedChains: 8,
      },
      training: { ...machineTraining, epochs: 1, batch: 16, learningRate: 0.05 },
      about: "seconds; for tests",
    },
    small: {
      config: digits,
      training: { ...machineTraining, epochs: 8, learningRate: 0.05 },
      about: "200 hidden units and a second machine of 784 on them; about eight minutes",
    },
    paper: {
      config: { ...digits, layers: [500, 2000], gibbsSteps: 25, chains: 0, firstShare: 0.5, temperatures: 14_500 },
      training: { ...machineTraining, epochs: 100, learningRate: 0.05 },
      about: "500 and 2,000 hidden units by contrastive divergence of 25 draws; hours",
    },
    deep: {
      config: { ...digits, layers: [500, 500, 2000], start: "random" },
      training: { ...machineTraining, epochs: 30, learningRate: 0.05 },
      about: "the three machines of Hinton et al.; hours",
    },
  },
  data: { sets: ["mnist", "fashion-mnist", "bars-and-stripes"], labels: false, shape: ({ image }) => image },
  // The second machine begins as the first turned over: as many hidden units as there are pixels.
  leaderboard: { settings: ([, height, width]) => ({ layers: [200, height * width] }) },
  build: (settings, rng) => new DeepBeliefNet(settings, rng),
  players,
  metrics,
  metricInfo: {
    freeEnergy: {
      unit: "nats",
      better: "lower",
      about: "free energy of held-out pictures in the first machine; only differences mean something",
    },
    boundEnergy: { unit: "nats", better: "lower", about: "the bound on the negative log-likelihood, without the top machine's ln Z" },
    reconstruction: { unit: "nats per picture", better: "lower", about: "cross entropy of held-out pictures after all layers up and down" },
  },
  estimates,
  estimateInfo: {
    firstLogZ: { unit: "nats", better: "lower", about: "ln Z of the first machine, by annealed importance sampling" },
    logZ: { unit: "nats", better: "lower", about: "ln Z of the top machine, by annealed importance sampling" },
    firstNats: {
      unit: "nats per picture",
      better: "lower",
      about: "negative log-likelihood of held-out pictures in the first machine alone",
    },
    nats: {
      unit: "nats per picture",
      better: "lower",
      about: "bound on the negative log-likelihood of held-out pictures in the whole net",
    },
    gain: { unit: "nats per picture", better: "higher", about: "what the machines on top bring: firstNats - nats" },
  },
  encode: (net, images) => net.units.reduce((h, _, l) => net.machine(l).up(h), images.flatten()),
  decode: (net, codes) => net.descend(codes, net.top + 1).reshape([codes.shape[0], ...net.config.image]),
  reconstruct: (net, images) => {
    const codes = net.units.reduce((h, _, l) => net.machine(l).up(h), images.flatten());
    return net.descend(codes, net.top + 1).reshape([images.shape[0], ...net.config.image]);
  },
  sampling: gibbsOptions,
  sample: (net, context) =>
    gibbsPictures(
      () => net.machine(net.top),
      net.memories[net.top].rates,
      net.config,
      context,
      (_, h, rng) => net.descend(h, net.top + 1, rng),
    ),
});
