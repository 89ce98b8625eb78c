import { chunk } from "../graph/ops/split.ts";
import type { Tensor } from "../graph/tensor.ts";
import { relu } from "./activations.ts";
import { Conv2d } from "./conv.ts";
import type { WeightOptions } from "./init.ts";
import { Linear } from "./linear.ts";
import { ShiftedConv2d } from "./masked-conv.ts";
import { Module } from "./module.ts";
import type { Surroundings } from "./raster.ts";

// The gated PixelCNN: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders", arXiv:1606.05328.

/** A network that tells each place's distribution from the places before it, and can also do so one place at a time. */
export interface RasterNetwork {
  /**
   * What depends on whole rows above only: maps [B, *, H, W], or [B, *, 1, W] of a row. A network without such a part leaves it out.
   * @param x [B, C, H, W], or [B, C, 1, W] of a row
   */
  rows?(x: Tensor, here?: Surroundings): Tensor[];
  /**
   * Logits [B, K, H, W], or [B, K, 1, 1] of a pixel.
   * @param x [B, C, H, W], or [B, C, 1, 1] of a pixel
   * @param maps what `rows` gave, at the same place
   */
  pixels(x: Tensor, maps: readonly Tensor[], here?: Surroundings): Tensor;
}

/** tanh of the first half of the channels times sigmoid of the second (Eq. 2): [B, 2P, H, W] -> [B, P, H, W]. */
export function gate(x: Tensor): Tensor {
  const [value, door] = chunk(x, 2, 1);
  return value.tanh().mul(door.sigmoid());
}

export interface GatedPixelLayerOptions extends Pick<WeightOptions, "rng"> {
  /** Input channels. */
  in: number;
  /** Output channels P of each stack. */
  channels: number;
  /** Filter size k, odd: k / 2 rows above and k / 2 columns to either side. */
  kernel: number;
  /** The first layer does not see the present row (vertical) or pixel (horizontal), and has no residual path. */
  first: boolean;
  /** Numbers that a condition has (Eq. 4); 0 for none. */
  conditions: number;
}

/** One layer of both stacks (Figure 2). */
export class GatedPixelLayer extends Module {
  readonly vertical: ShiftedConv2d;
  readonly horizontal: ShiftedConv2d;
  readonly down: Conv2d;
  readonly mix: Conv2d;
  readonly condition: Linear | undefined;
  readonly #first: boolean;

  constructor({ in: inputs, channels, kernel, first, conditions, rng }: GatedPixelLayerOptions) {
    super();
    const half = (kernel - 1) / 2;
    const out = 2 * channels;
    this.vertical = first
      ? new ShiftedConv2d({ in: inputs, out, kernel: [half, kernel], align: "centre", shift: [1, 0], rng })
      : new ShiftedConv2d({ in: inputs, out, kernel: [half + 1, kernel], align: "centre", rng });
    this.horizontal = first
      ? new ShiftedConv2d({ in: inputs, out, kernel: [1, half], align: "right", shift: [0, 1], rng })
      : new ShiftedConv2d({ in: inputs, out, kernel: [1, half + 1], align: "right", rng });
    this.down = new Conv2d({ in: out, out, kernel: 1, rng });
    this.mix = new Conv2d({ in: channels, out: channels, kernel: 1, rng });
    this.condition = conditions > 0 ? new Linear({ in: conditions, out: 2 * out, bias: false, rng }) : undefined;
    this.#first = first;
  }

  /** What a condition [B, K] adds to the vertical and the horizontal gates, [B, 2P, 1, 1] each; nothing without one. */
  #added(condition: Tensor | undefined): Tensor[] {
    if (this.condition === undefined || condition === undefined) return [];
    const both = this.condition.call(condition);
    return chunk(both.reshape([...both.shape, 1, 1]), 2, 1);
  }

  /** The vertical stack: v [B, in, H, W] -> v' [B, P, H, W], and what it tells the horizontal gates, [B, 2P, H, W]. */
  rows(v: Tensor, condition: Tensor | undefined, here?: Surroundings): { v: Tensor; map: Tensor } {
    const seen = this.vertical.call(v, here);
    const [toVertical, toHorizontal] = this.#added(condition);
    const map = this.down.call(seen);
    return {
      v: gate(toVertical === undefined ? seen : seen.add(toVertical)),
      map: toHorizontal === undefined ? map : map.add(toHorizontal),
    };
  }

  /** The horizontal stack: h [B, in, H, W] and the vertical stack's map -> h' [B, P, H, W]. */
  pixels(h: Tensor, map: Tensor, here?: Surroundings): Tensor {
    const mixed = this.mix.call(gate(this.horizontal.call(h, here).add(map)));
    return this.#first ? mixed : mixed.add(h);
  }
}

export interface GatedPixelNetOptions extends Pick<WeightOptions, "rng"> {
  /** Channels of the picture as the network reads it. */
  in: number;
  /** Output channels: logits a pixel. */
  out: number;
  /** Channels P of each stack. */
  channels: number;
  /** Gated layers, the first included. */
  layers: number;
  /** Filter size of the first layer, odd. Default 7. */
  firstKernel?: number;
  /** Filter size of the others, odd. Default 3. */
  kernel?: number;
  /** Channels of the hidden 1 x 1 layer before the logits. Default: `channels`. */
  head?: number;
  /** Numbers that a condition has; 0 (default) for none. */
  conditions?: number;
}

/** Gated PixelCNN: each pixel's logits from all pixels before it in the order of reading, without a blind spot once the layers reach far enough. */
export class GatedPixelNet extends Module implements RasterNetwork {
  readonly layers: GatedPixelLayer[];
  readonly hidden: Conv2d;
  readonly head: Conv2d;

  constructor({
    in: inputs,
    out,
    channels,
    layers,
    firstKernel = 7,
    kernel = 3,
    head = channels,
    conditions = 0,
    rng,
  }: GatedPixelNetOptions) {
    super();
    this.layers = Array.from({ length: layers }, (_, i) =>
      i === 0
        ? new GatedPixelLayer({ in: inputs, channels, kernel: firstKernel, first: true, conditions, rng })
        : new GatedPixelLayer({ in: channels, channels, kernel, first: false, conditions, rng }),
    );
    this.hidden = new Conv2d({ in: channels, out: head, kernel: 1, rng });
    this.head = new Conv2d({ in: head, out, kernel: 1, rng });
  }

  /** The vertical stacks of all layers: their maps [B, 2P, H, W]. @param condition [B, K] */
  rows(x: Tensor, here?: Surroundings, condition?: Tensor): Tensor[] {
    let v = x;
    return this.layers.map((layer) => {
      const next = layer.rows(v, condition, here);
      v = next.v;
      return next.map;
    });
  }

  /** The horizontal stacks, and the logits [B, out, H, W]. */
  pixels(x: Tensor, maps: readonly Tensor[], here?: Surroundings): Tensor {
    const h = this.layers.reduce((value, layer, i) => layer.pixels(value, maps[i], here), x);
    return this.head.call(relu(this.hidden.call(relu(h))));
  }

  /** x [B, in, H, W], condition [B, K] -> logits [B, out, H, W]. @throws ShapeError */
  call(x: Tensor, condition?: Tensor): Tensor {
    return this.pixels(x, this.rows(x, undefined, condition));
  }
}
