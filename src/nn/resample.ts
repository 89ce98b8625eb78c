import { AtelierError } from "../core/errors.ts";
import { type BorderMode, padBorder } from "../graph/ops/border.ts";
import { pad } from "../graph/ops/movement.ts";
import { resize } from "../graph/ops/resize.ts";
import { pixelShuffle, pixelUnshuffle } from "../graph/ops/shuffle.ts";
import type { Tensor } from "../graph/tensor.ts";
import { requireAxes } from "./axes.ts";
import { Module, requireSize } from "./module.ts";

export interface UpsampleOptions {
  /** Positions of the result, per spatial axis or one number for all. */
  size?: number | readonly number[] | undefined;
  /** Instead of a size: factor per spatial axis or one for all; the size is rounded down. */
  scaleFactor?: number | readonly number[] | undefined;
  /** `nearest` repeats positions; the others interpolate along every axis, whatever their number. Default nearest. */
  mode?: "nearest" | "linear" | "bilinear" | "trilinear" | undefined;
  /** The corner positions of both sizes coincide. Default false. */
  alignCorners?: boolean | undefined;
}

/** Another spatial size: [N, C, ...] -> [N, C, ...size], any number of spatial axes. Where a factor gives no whole size, the scale is taken from the rounded size. */
export class Upsample extends Module {
  readonly options: UpsampleOptions;

  /** @throws AtelierError unless exactly one of size and scaleFactor is given */
  constructor(options: UpsampleOptions) {
    super();
    if ((options.size === undefined) === (options.scaleFactor === undefined))
      throw new AtelierError({ what: "Upsample: give either size or scaleFactor.", got: JSON.stringify(options) });
    this.options = options;
  }

  /** x [N, C, ...] -> [N, C, ...size]. @throws ShapeError */
  call(x: Tensor): Tensor {
    const { size, scaleFactor, mode = "nearest", alignCorners } = this.options;
    const factor = (i: number) => (typeof scaleFactor === "number" ? scaleFactor : (scaleFactor?.[i] ?? 1));
    const target = size ?? x.shape.slice(2).map((n, i) => Math.floor(n * factor(i)));
    return resize(x, target, { mode: mode === "nearest" ? "nearest" : "linear", alignCorners });
  }
}

/** Channels become positions: [N, C·r², H, W] -> [N, C, H·r, W·r]. */
export class PixelShuffle extends Module {
  readonly factor: number;

  constructor({ factor }: { factor: number }) {
    super();
    requireSize("PixelShuffle", "factor", factor);
    this.factor = factor;
  }

  /** x [N, C·r², H, W] -> [N, C, H·r, W·r]. @throws ShapeError */
  call(x: Tensor): Tensor {
    return pixelShuffle(x, this.factor);
  }
}

/** Positions become channels: [N, C, H·r, W·r] -> [N, C·r², H, W]. */
export class PixelUnshuffle extends Module {
  readonly factor: number;

  constructor({ factor }: { factor: number }) {
    super();
    requireSize("PixelUnshuffle", "factor", factor);
    this.factor = factor;
  }

  /** x [N, C, H·r, W·r] -> [N, C·r², H, W]. @throws ShapeError */
  call(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.factor);
  }
}

export interface Pad2dOptions {
  /** Positions on every side, or [left, right, top, bottom]. */
  padding: number | readonly [number, number, number, number];
}

abstract class Pad2d extends Module {
  readonly begins: readonly number[];
  readonly ends: readonly number[];

  constructor({ padding }: Pad2dOptions) {
    super();
    const [left, right, top, bottom] = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
    this.begins = [0, 0, top, left];
    this.ends = [0, 0, bottom, right];
  }

  protected border(x: Tensor, mode: BorderMode): Tensor {
    requireAxes(this, x, 2);
    return padBorder(x, this.begins, this.ends, mode);
  }
}

/** A border that mirrors the picture: [N, C, H, W] -> [N, C, H + top + bottom, W + left + right]. */
export class ReflectionPad2d extends Pad2d {
  /** @throws ShapeError when the border is not shorter than its axis */
  call(x: Tensor): Tensor {
    return this.border(x, "reflect");
  }
}

/** A border that repeats the outermost positions. */
export class ReplicationPad2d extends Pad2d {
  /** @throws ShapeError */
  call(x: Tensor): Tensor {
    return this.border(x, "replicate");
  }
}

/** A border that continues at the opposite side. */
export class CircularPad2d extends Pad2d {
  /** @throws ShapeError when the border is longer than its axis */
  call(x: Tensor): Tensor {
    return this.border(x, "circular");
  }
}

/** A border of zeros. */
export class ZeroPad2d extends Pad2d {
  /** @throws ShapeError */
  call(x: Tensor): Tensor {
    requireAxes(this, x, 2);
    return pad(x, this.begins, this.ends);
  }
}
