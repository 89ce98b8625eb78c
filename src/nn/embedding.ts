import { Parameter } from "../graph/leaf.ts";
import { gather } from "../graph/ops/gather.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type Initializer, normal, type WeightOptions } from "./init.ts";
import { Module, requireSize } from "./module.ts";

export interface EmbeddingOptions {
  /** Rows of the table. */
  count: number;
  /** Size of a row. */
  width: number;
  rng: WeightOptions["rng"];
  /** Default N(0, 1), as in PyTorch. */
  init?: Initializer;
}

/** A table of vectors, looked up by integer. Weight [count, width]. */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor({ count, width, rng, init = normal(1) }: EmbeddingOptions) {
    super();
    requireSize("Embedding", "count", count);
    requireSize("Embedding", "width", width);
    this.weight = new Parameter([count, width], init([count, width], { fanIn: width, fanOut: count }, rng));
  }

  /** indices [...] of int32 or int64 in [0, count) -> [..., width]. @throws ShapeError; RuntimeError for an index out of range */
  call(indices: Tensor): Tensor {
    return gather(this.weight, indices, 0);
  }
}
