import { AtelierError } from "../core/errors.ts";
import { Parameter, State } from "../graph/leaf.ts";
import { stopGradient } from "../graph/ops/control.ts";
import { floor, less, minimum, where } from "../graph/ops/elementwise.ts";
import { gather, scatterAdd } from "../graph/ops/gather.ts";
import { full } from "../graph/ops/movement.ts";
import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { currentTrace, type Trace } from "../graph/trace.ts";
import type { WeightOptions } from "./init.ts";
import { sumPerExample } from "./losses.ts";
import { Module, requireSize } from "./module.ts";

// Vector quantisation: real vectors are replaced by the nearest of a few learned ones, and gradients pass as if nothing had happened.

/** Keeps counts of unused codes from dividing by zero. (van den Oord et al.'s own code.) */
const countEpsilon = 1e-5;

export interface VectorQuantizerOptions {
  /** Codes in the book, K. */
  count: number;
  /** Numbers in a code, D. */
  width: number;
  rng: WeightOptions["rng"];
  /**
   * How codes follow the vectors that chose them: `gradient` leaves them to the optimizer (van den Oord et al. 2017, Eq. 3, second term), `averages` makes
   * each the moving mean of its vectors (Appendix A.1).
   */
  learning: "gradient" | "averages";
  /** Decay of the moving averages and of the counted uses, in (0, 1). Default 0.99. */
  decay?: number;
  /** A code whose uses a step, averaged over time, fall below this is put on a random vector of the batch; 0 (default) for never. */
  revival?: number;
}

/** What {@link VectorQuantizer.call} gives. */
export interface Quantized {
  /** [B, D, H, W], the nearest codes; the gradient passes straight through to the vectors. */
  quantized: Tensor;
  /** [B, H, W], int32, which code. */
  indices: Tensor;
  /** [B], Σ |sg(z) - e|²: moves the codes. It has no gradient where codes are averages. */
  codebookLoss: Tensor;
  /** [B], Σ |z - sg(e)|²: keeps the vectors near their codes. */
  commitment: Tensor;
}

/** Where each row's nearest code is: rows [N, D], codes [K, D] -> [N], int32; the first of equal ones. |z - e|² = |z|² - 2 z·e + |e|². */
export function nearest(rows: Tensor, codes: Tensor): Tensor {
  return rows.matmul(codes.transpose()).mul(2).sub(codes.square().sum(1)).argmax(1).cast("int32");
}

/** Uses of each of `count` codes: indices [...] int32 -> [count], float32. */
export function codeUses(indices: Tensor, count: number): Tensor {
  return scatterAdd(full([indices.size], 1), indices.flatten(0), 0, count);
}

/** exp of the entropy of a distribution: how many codes are as good as in use, from 1 to K. uses [K], at least 0, of any sum -> scalar. */
export function usePerplexity(uses: Tensor): Tensor {
  const shares = uses.div(uses.sum());
  return shares.mul(shares.add(1e-10).log()).sum().neg().exp();
}

/**
 * A book of K vectors; each position's vector is replaced by the nearest (van den Oord, Vinyals and Kavukcuoglu 2017, Eq. 1 and 2). First codes are uniform
 * in [-1/K, 1/K]. While training it counts how often codes are used, moves codes that are averages, and revives dead ones, with draws of the stream
 * "revived codes".
 */
export class VectorQuantizer extends Module {
  /** [K, D], where codes are learned by gradient. */
  readonly weight: Parameter | undefined;
  /** [K, D], added to the weight: how revived codes get to their new place without the optimizer. */
  readonly shift: State<"float32"> | undefined;
  /** [K, D], where codes are averages. */
  readonly codes: State<"float32"> | undefined;
  /** [K, D], moving sums of the vectors that chose each code. */
  readonly sums: State<"float32"> | undefined;
  /** [K], moving counts of a step's uses. */
  readonly uses: State<"float32">;
  readonly options: Readonly<{ count: number; width: number; decay: number; revival: number }>;

  /** @throws AtelierError for sizes that are not whole, a decay outside of (0, 1), a negative revival */
  constructor({ count, width, rng, learning, decay = 0.99, revival = 0 }: VectorQuantizerOptions) {
    super();
    requireSize("VectorQuantizer", "count", count);
    requireSize("VectorQuantizer", "width", width);
    if (!(decay > 0 && decay < 1)) throw new AtelierError({ what: "VectorQuantizer: the decay must be in (0, 1).", got: String(decay) });
    if (!(revival >= 0)) throw new AtelierError({ what: "VectorQuantizer: revival must be at least 0.", got: String(revival) });
    this.options = { count, width, decay, revival };
    const first = new Float32Array(count * width);
    rng.fillUniform(first);
    for (let i = 0; i < first.length; i++) first[i] = (2 * first[i] - 1) / count;
    this.uses = new State([count], "float32", this.#grace);
    if (learning === "gradient") {
      this.weight = new Parameter([count, width], first);
      if (revival > 0) this.shift = new State([count, width], "float32");
    } else {
      this.codes = new State([count, width], "float32");
      this.codes.data.set(first);
      this.sums = new State([count, width], "float32");
      this.sums.data.set(first.map((value) => value * this.#grace));
    }
  }

  /** The uses that a new code starts with: enough to be left alone for ln 2 / (1 - decay) steps. */
  get #grace(): number {
    return this.options.revival > 0 ? 2 * this.options.revival : 1;
  }

  /** The book, [K, D]. */
  vectors(): Tensor {
    if (this.codes !== undefined) return this.codes;
    return this.shift === undefined ? this.weight! : this.weight!.add(this.shift);
  }

  /** Codes by number: indices [B, H, W] of int32 in [0, K) -> [B, D, H, W]. @throws ShapeError */
  look(indices: Tensor): Tensor {
    return gather(this.vectors(), indices, 0).transpose([0, 3, 1, 2]);
  }

  /** Vectors [B, D, H, W] -> codes. @throws ShapeError when D is not the codes' width; AtelierError outside of a traced function */
  call(vectors: Tensor): Quantized {
    const [B, D, H, W] = vectors.dims("B D H W");
    if (D !== this.options.width)
      throw shapeError("VectorQuantizer", [vectors], `vectors must have the codes' width ${this.options.width}`);
    const rows = vectors.transpose([0, 2, 3, 1]).reshape([-1, D]);
    const still = stopGradient(rows);
    const indices = nearest(still, stopGradient(this.vectors()));
    const chosen = gather(this.vectors(), indices, 0); // Eq. 2
    const trace = currentTrace("VectorQuantizer");
    if (trace.training) this.#learn(trace, still, indices);
    const perPicture = (distance: Tensor) => sumPerExample(distance.square().reshape([B, -1]));
    const passed = rows.add(stopGradient(chosen.sub(rows)));
    return {
      quantized: passed.reshape([B, H, W, D]).transpose([0, 3, 1, 2]),
      indices: indices.reshape([B, H, W]),
      codebookLoss: perPicture(still.sub(chosen)),
      commitment: perPicture(rows.sub(stopGradient(chosen))),
    };
  }

  /** Count uses, move averages (Appendix A.1, Eq. 6 to 8), revive what nobody uses. rows [N, D], indices [N]. */
  #learn(trace: Trace, rows: Tensor, indices: Tensor): void {
    const { count, decay, revival } = this.options;
    const blend = (old: Tensor, fresh: Tensor) => old.mul(decay).add(fresh.mul(1 - decay));
    const uses = blend(this.uses, codeUses(indices, count));
    const dead = less(uses, revival);
    const renewed = (value: Tensor, fresh: Tensor) => (revival > 0 ? where(dead.reshape([count, 1]), fresh, value) : value);
    trace.update(this.uses, revival > 0 ? where(dead, this.#grace, uses) : uses);
    const fresh = revival > 0 ? randomRows(trace, rows, count) : rows;
    if (this.codes !== undefined && this.sums !== undefined) {
      const sums = blend(this.sums, scatterAdd(rows, indices, 0, count));
      const total = uses.sum();
      const smoothed = uses.add(countEpsilon).mul(total.div(total.add(count * countEpsilon)));
      trace.update(this.sums, renewed(sums, fresh.mul(this.#grace)));
      trace.update(this.codes, renewed(sums.div(smoothed.reshape([count, 1])), fresh));
    } else if (this.shift !== undefined) {
      trace.update(this.shift, renewed(this.shift, fresh.sub(stopGradient(this.weight!))));
    }
  }
}

/** `count` of the rows [N, D], drawn with replacement. */
function randomRows(trace: Trace, rows: Tensor, count: number): Tensor {
  const N = rows.shape[0];
  // Rounding can lift u · N to N.
  const places = minimum(floor(trace.uniform("revived codes", [count]).mul(N)), N - 1);
  return gather(rows, places.cast("int32"), 0);
}
