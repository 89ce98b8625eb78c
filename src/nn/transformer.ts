import type { Parameter } from "../graph/leaf.ts";
import type { Tensor } from "../graph/tensor.ts";
import { gelu, swiglu } from "./activations.ts";
import { type AttentionCallOptions, MultiheadAttention, type MultiheadAttentionOptions } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import type { WeightOptions } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";

/** A layer from a tensor to one of the same shape. */
type Layer = Module & { call(x: Tensor): Tensor };

export interface FeedForwardOptions extends Pick<WeightOptions, "rng" | "bias"> {
  width: number;
  /** Default 4 · width. */
  hidden?: number;
  /** Default GELU, exact. */
  activation?: (x: Tensor) => Tensor;
}

/** Two linear maps with an activation between them. (Vaswani et al. 2017, Eq. 2.) */
export class FeedForward extends Module {
  readonly up: Linear;
  readonly down: Linear;
  readonly activation: (x: Tensor) => Tensor;

  constructor({ width, hidden = 4 * width, activation = gelu, rng, bias = true }: FeedForwardOptions) {
    super();
    this.up = new Linear({ in: width, out: hidden, rng, bias });
    this.down = new Linear({ in: hidden, out: width, rng, bias });
    this.activation = activation;
  }

  /** x [..., width] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    return this.down.call(this.activation(this.up.call(x)));
  }
}

/** SwiGLU, or another gate, between two linear maps without biases (Shazeer 2020, Eq. 6). The first map holds gate and value, one under the other. */
export class GatedFeedForward extends Module {
  readonly up: Linear;
  readonly down: Linear;
  readonly gate: (x: Tensor) => Tensor;

  /** @param options.hidden default 8 / 3 · width, which has as many parameters as the plain form; `gate` [..., 2 D] -> [..., D], default {@link swiglu} */
  constructor({
    width,
    hidden = Math.round((8 / 3) * width),
    gate = swiglu,
    rng,
    bias = false,
  }: Omit<FeedForwardOptions, "activation"> & { gate?: (x: Tensor) => Tensor }) {
    super();
    this.up = new Linear({ in: width, out: 2 * hidden, rng, bias });
    this.down = new Linear({ in: hidden, out: width, rng, bias });
    this.gate = gate;
  }

  /** x [..., width] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    return this.down.call(this.gate(this.up.call(x)));
  }
}

export interface TransformerBlockOptions extends Omit<MultiheadAttentionOptions, "dropout" | "contextWidth"> {
  /** A norm over the last axis. Default LayerNorm with epsilon 1e-5. */
  norm?: (width: number) => Layer;
  /** Default {@link FeedForward} with GELU and 4 · width. */
  feedForward?: Layer;
  /** Norms after the sums (Vaswani et al. 2017) instead of before the layers (GPT-2). Default false. */
  postNorm?: boolean;
  /** Of attention weights and of both layers' results, while training. Default 0. */
  dropout?: number;
  /** Width of a context to attend to between the two layers (decoders). Default: none. */
  contextWidth?: number;
}

/** Attention and a feed-forward layer, each added to what it reads. */
export class TransformerBlock extends Module {
  readonly attentionNorm: Layer;
  readonly attention: MultiheadAttention;
  readonly contextNorm: Layer | undefined;
  readonly contextAttention: MultiheadAttention | undefined;
  readonly feedForwardNorm: Layer;
  readonly feedForward: Layer;
  readonly dropout: Dropout;
  readonly postNorm: boolean;

  constructor(options: TransformerBlockOptions) {
    super();
    const { norm = (width) => new LayerNorm({ width }), feedForward, postNorm = false, dropout = 0, contextWidth, ...attention } = options;
    const { width, rng, bias = true } = attention;
    this.attentionNorm = norm(width);
    this.attention = new MultiheadAttention({ ...attention, dropout });
    if (contextWidth !== undefined) this.contextNorm = norm(width);
    if (contextWidth !== undefined) this.contextAttention = new MultiheadAttention({ ...attention, contextWidth, dropout });
    this.feedForwardNorm = norm(width);
    this.feedForward = feedForward ?? new FeedForward({ width, rng, bias });
    this.dropout = new Dropout(dropout);
    this.postNorm = postNorm;
  }

  /** x [B, T, width] -> the same shape. The options are the self-attention's; context and its padding are the cross-attention's where there is one. */
  call(x: Tensor, { context, keyPaddingMask, ...options }: AttentionCallOptions = {}): Tensor {
    const cross = this.contextAttention;
    const own = cross === undefined && keyPaddingMask !== undefined ? { ...options, keyPaddingMask } : options;
    let y = this.#around(x, this.attentionNorm, (t) => this.attention.call(t, own));
    if (cross !== undefined && context !== undefined) {
      const other = { context, ...(keyPaddingMask === undefined ? {} : { keyPaddingMask }) };
      y = this.#around(y, this.contextNorm as Layer, (t) => cross.call(t, other));
    }
    return this.#around(y, this.feedForwardNorm, (t) => this.feedForward.call(t));
  }

  #around(x: Tensor, norm: Layer, layer: (x: Tensor) => Tensor): Tensor {
    const result = (t: Tensor) => (this.dropout.probability === 0 ? layer(t) : this.dropout.call(layer(t)));
    return this.postNorm ? norm.call(x.add(result(x))) : x.add(result(norm.call(x)));
  }
}

/** A linear map whose weight is another layer's, such as an embedding's table for the logits. x [..., width], weight [count, width] -> [..., count]. */
export class TiedLinear extends Module {
  readonly weight: Parameter;

  constructor(weight: Parameter) {
    super();
    this.weight = weight;
  }

  /** @throws ShapeError */
  call(x: Tensor): Tensor {
    const [count, width] = this.weight.shape;
    return x
      .reshape([-1, width])
      .matmul(this.weight.transpose())
      .reshape([...x.shape.slice(0, -1), count]);
  }
}
