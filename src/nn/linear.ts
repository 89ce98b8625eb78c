import type { Parameter } from "../graph/leaf.ts";
import { linear } from "../graph/ops/linalg.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type WeightOptions, weightAndBias } from "./init.ts";
import { Module, requireSize } from "./module.ts";

export interface LinearOptions extends WeightOptions {
  /** Size of the input's last axis. */
  in: number;
  /** Size of the output's last axis. */
  out: number;
}

/** y = x Wᵀ + b. Weight [out, in], bias [out], as PyTorch stores them. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  /** Not a private field: layers with weights of another form call this one on an object of their own that stands in for it. */
  protected addition: ((x: Tensor) => Tensor) | undefined;

  constructor(options: LinearOptions) {
    super();
    requireSize("Linear", "in", options.in);
    requireSize("Linear", "out", options.out);
    const fans = { fanIn: options.in, fanOut: options.out };
    ({ weight: this.weight, bias: this.bias } = weightAndBias([options.out, options.in], fans, options.out, options));
  }

  /** Add another function's result to this map's from now on, such as a low-rank adapter's; undefined takes it away. */
  addToResult(addition: ((x: Tensor) => Tensor) | undefined): void {
    this.addition = addition;
  }

  /** x [..., in] -> [..., out]. @throws ShapeError */
  call(x: Tensor): Tensor {
    const y = linear(x, this.weight, this.bias);
    return this.addition === undefined ? y : y.add(this.addition(x));
  }
}
