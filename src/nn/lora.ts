/**
 * Low-rank adapters (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021, arXiv:2106.09685).
 *
 *   paper    here         shape        value
 *   W₀       weight       [out, in]    stays as it is
 *   A        A            [r, in]      first U(-1/√in, 1/√in), as PEFT draws it (the paper: normal)
 *   B        B            [out, r]     first 0, so that training begins with the network as it was
 *   α / r    scale                     of the change
 *
 * h = W₀ x + (α / r) B A x (Eq. 3): of a map's in · out numbers, r · (in + out) are trained.
 */
import { AtelierError, UsageError } from "../core/errors.ts";
import type { RandomStream } from "../core/random.ts";
import { Parameter } from "../graph/leaf.ts";
import { linear } from "../graph/ops/linalg.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Dropout } from "./dropout.ts";
import { torchDefault } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module, namedModules, requireSize } from "./module.ts";

export interface LoraOptions {
  /** r, at least 1. */
  rank: number;
  /** α. Default 2 · rank. */
  alpha?: number | undefined;
  /** Probability of dropping an element of what an adapter reads, while training; in [0, 1). Default 0. */
  dropout?: number | undefined;
  /**
   * Which linear maps: names as PEFT's `target_modules` (a whole path or its end, such as `c_attn` or `self_attn.q_proj`), or `all-linear` for all but the
   * head that gives the logits. Default `all-linear`.
   */
  targets?: readonly string[] | "all-linear" | undefined;
  /** Whether the change is scaled by α / √r instead (Kalajdzievski 2023). Default false. */
  rankStabilised?: boolean | undefined;
}

/** Both matrices of one adapter. */
export interface LoraWeights {
  /** [r, in] */
  A: Float32Array;
  /** [out, r] */
  B: Float32Array;
  rank: number;
}

/** The change of one linear map. */
class LoraAdapter extends Module {
  readonly A: Parameter;
  readonly B: Parameter;
  readonly scale: number;
  readonly #dropout: Dropout;

  constructor(base: Linear, { rank, alpha = 2 * rank, dropout = 0, rankStabilised = false }: LoraOptions, weights: LoraWeights) {
    super();
    const [out, width] = base.weight.shape;
    this.A = new Parameter([rank, width], weights.A);
    this.B = new Parameter([out, rank], weights.B);
    this.scale = alpha / (rankStabilised ? Math.sqrt(rank) : rank);
    this.#dropout = new Dropout(dropout);
  }

  /** x [..., in] -> [..., out]: (α / r) B A x. */
  call(x: Tensor): Tensor {
    return linear(linear(this.#dropout.call(x), this.A), this.B).mul(this.scale);
  }

  /** weight [out, in] += sign · (α / r) B A, in place. */
  addTo(weight: Float32Array, sign: 1 | -1): void {
    const [rank, width] = this.A.shape;
    const [A, B] = [this.A.data, this.B.data];
    for (let o = 0; o * width < weight.length; o++) {
      for (let r = 0; r < rank; r++) {
        const factor = sign * this.scale * B[o * rank + r];
        for (let i = 0; i < width; i++) weight[o * width + i] += factor * A[r * width + i];
      }
    }
  }
}

/**
 * Adapters of a network's linear maps. As a module it holds the adapters alone: a trainer that is given it trains nothing else, while graphs of the
 * network contain both.
 *
 *     const lora = Lora.create(network, { rank: 8, targets: ["c_attn"] }, rng);
 *     await Trainer.create({ module: lora, objective: ({ tokens }) => ...network.call(tokens)..., ... });
 *     lora.merge();
 */
export class Lora extends Module {
  /** In the order of `names`. */
  readonly adapters: readonly LoraAdapter[];
  /** Paths of the maps. */
  readonly names: readonly string[];
  readonly options: LoraOptions;
  readonly #maps: readonly Linear[];
  #merged = false;

  private constructor(network: Module, options: LoraOptions, weights: (name: string, map: Linear) => LoraWeights | undefined) {
    super();
    requireSize("Lora", "rank", options.rank);
    const found = [...namedModules(network, Linear)].flatMap(([name, map]) => {
      const own = weights(name, map);
      return own === undefined ? [] : [{ name, map, adapter: new LoraAdapter(map, { ...options, rank: own.rank }, own) }];
    });
    this.options = options;
    this.names = found.map(({ name }) => name);
    this.#maps = found.map(({ map }) => map);
    this.adapters = found.map(({ adapter }) => adapter);
    this.#connect();
  }

  /** New adapters on the maps that `targets` names. @throws UsageError where no map has such a name */
  static create(network: Module, options: LoraOptions, rng: RandomStream): Lora {
    const chosen = new Set(targetsIn(network, options.targets));
    return new Lora(network, options, (name, map) => {
      if (!chosen.has(name)) return undefined;
      const [out, width] = map.weight.shape;
      const { rank } = options;
      const A = torchDefault([rank, width], { fanIn: width, fanOut: rank }, rng.fork(name));
      return { A, B: new Float32Array(out * rank), rank };
    });
  }

  /** Adapters with given matrices, by the paths of their maps, all of which the network must have. @throws AtelierError otherwise */
  static of(network: Module, options: LoraOptions, weights: ReadonlyMap<string, LoraWeights>): Lora {
    const lora = new Lora(network, options, (name) => weights.get(name));
    if (lora.names.length === weights.size) return lora;
    const missing = [...weights.keys()].filter((name) => !lora.names.includes(name));
    throw new AtelierError({ what: "The network has no such linear map.", got: missing.join(", ") });
  }

  /** Each adapter's matrices by the path of its map. */
  get weights(): Map<string, LoraWeights> {
    return new Map(
      this.names.map((name, i) => [name, { A: this.adapters[i].A.data, B: this.adapters[i].B.data, rank: this.adapters[i].A.shape[0] }]),
    );
  }

  /** Whether the changes are in the weights at present. */
  get merged(): boolean {
    return this.#merged;
  }

  /** Put the changes into the network's weights: graphs traced from now on are as fast as without adapters. */
  merge(): void {
    if (this.#merged) return;
    this.#change(1);
    for (const map of this.#maps) map.addToResult(undefined);
    this.#merged = true;
  }

  /** Take the changes out of the weights again, up to rounding, and back into the graphs that are traced from now on. */
  unmerge(): void {
    if (!this.#merged) return;
    this.#change(-1);
    this.#connect();
    this.#merged = false;
  }

  /** Leave the network as it was before the adapters. */
  remove(): void {
    if (this.#merged) this.#change(-1);
    for (const map of this.#maps) map.addToResult(undefined);
    this.#merged = false;
  }

  #connect(): void {
    for (const [i, map] of this.#maps.entries()) map.addToResult((x) => this.adapters[i].call(x));
  }

  #change(sign: 1 | -1): void {
    for (const [i, map] of this.#maps.entries()) this.adapters[i].addTo(map.weight.data, sign);
  }
}

/** Paths of the maps that are meant. @throws UsageError where none is */
function targetsIn(network: Module, targets: LoraOptions["targets"] = "all-linear"): string[] {
  const names = [...namedModules(network, Linear).keys()];
  const chosen =
    targets === "all-linear"
      ? names.filter((name) => name !== "lm_head")
      : names.filter((name) => targets.some((target) => name === target || name.endsWith(`.${target}`)));
  if (chosen.length > 0) return chosen;
  const ends = [...new Set(names.map((name) => name.split(".").at(-1)!))];
  throw new UsageError({
    what: "The network has no linear map of this name.",
    got: typeof targets === "string" ? targets : targets.join(", "),
    expected: ends.length === 0 ? "a network with linear maps" : `one or more of: ${ends.join(", ")}`,
  });
}
