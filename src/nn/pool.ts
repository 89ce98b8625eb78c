import {
  type AveragePoolOptions,
  adaptiveAveragePool,
  adaptiveMaxPool,
  averagePool,
  type MaxPoolOptions,
  maxPool,
} from "../graph/ops/pooling.ts";
import type { Tensor } from "../graph/tensor.ts";
import { requireAxes } from "./axes.ts";
import { Module } from "./module.ts";

export type { AveragePoolOptions, MaxPoolOptions } from "../graph/ops/pooling.ts";

abstract class MaxPool extends Module {
  readonly axes: number;
  readonly options: MaxPoolOptions;

  constructor(axes: number, options: MaxPoolOptions) {
    super();
    this.axes = axes;
    this.options = options;
  }

  /** x [N, C, ...] -> [N, C, ...windows]. The gradient goes to the first of equal maxima. @throws ShapeError */
  call(x: Tensor): Tensor {
    requireAxes(this, x, this.axes);
    return maxPool(x, this.options);
  }
}

/** The largest number of each window: [N, C, L] -> [N, C, L']. PyTorch's options. */
export class MaxPool1d extends MaxPool {
  constructor(options: MaxPoolOptions) {
    super(1, options);
  }
}

/** The largest number of each window: [N, C, H, W] -> [N, C, H', W']. PyTorch's options. */
export class MaxPool2d extends MaxPool {
  constructor(options: MaxPoolOptions) {
    super(2, options);
  }
}

/** The largest number of each window: [N, C, D, H, W] -> [N, C, D', H', W']. PyTorch's options. */
export class MaxPool3d extends MaxPool {
  constructor(options: MaxPoolOptions) {
    super(3, options);
  }
}

abstract class AvgPool extends Module {
  readonly axes: number;
  readonly options: AveragePoolOptions;

  constructor(axes: number, options: AveragePoolOptions) {
    super();
    this.axes = axes;
    this.options = options;
  }

  /** x [N, C, ...] -> [N, C, ...windows]. @throws ShapeError */
  call(x: Tensor): Tensor {
    requireAxes(this, x, this.axes);
    return averagePool(x, this.options);
  }
}

/** The mean of each window: [N, C, L] -> [N, C, L']. PyTorch's options. */
export class AvgPool1d extends AvgPool {
  constructor(options: AveragePoolOptions) {
    super(1, options);
  }
}

/** The mean of each window: [N, C, H, W] -> [N, C, H', W']. PyTorch's options. */
export class AvgPool2d extends AvgPool {
  constructor(options: AveragePoolOptions) {
    super(2, options);
  }
}

/** The mean of each window: [N, C, D, H, W] -> [N, C, D', H', W']. PyTorch's options. */
export class AvgPool3d extends AvgPool {
  constructor(options: AveragePoolOptions) {
    super(3, options);
  }
}

export interface AdaptivePoolOptions {
  /** Positions of the result, per spatial axis or one number for all; null keeps an axis as it is. */
  size: number | readonly (number | null)[];
}

/** Means over windows of nearly equal size, for any number of spatial axes: [N, C, ...] -> [N, C, ...size]. */
class AdaptiveAvgPool extends Module {
  readonly axes: number;
  readonly size: AdaptivePoolOptions["size"];

  constructor(axes: number, { size }: AdaptivePoolOptions) {
    super();
    this.axes = axes;
    this.size = size;
  }

  /** x [N, C, ...] -> [N, C, ...size]. @throws ShapeError */
  call(x: Tensor): Tensor {
    requireAxes(this, x, this.axes);
    return adaptiveAveragePool(x, this.size);
  }
}

/** [N, C, L] -> [N, C, size]. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool {
  constructor(options: AdaptivePoolOptions) {
    super(1, options);
  }
}

/** [N, C, H, W] -> [N, C, ...size]. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPool {
  constructor(options: AdaptivePoolOptions) {
    super(2, options);
  }
}

/** [N, C, D, H, W] -> [N, C, ...size]. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPool {
  constructor(options: AdaptivePoolOptions) {
    super(3, options);
  }
}

/** Maxima over windows of nearly equal size: [N, C, H, W] -> [N, C, ...size]. */
export class AdaptiveMaxPool2d extends Module {
  readonly size: AdaptivePoolOptions["size"];

  constructor({ size }: AdaptivePoolOptions) {
    super();
    this.size = size;
  }

  /** x [N, C, H, W] -> [N, C, ...size]. @throws ShapeError */
  call(x: Tensor): Tensor {
    requireAxes(this, x, 2);
    return adaptiveMaxPool(x, this.size);
  }
}
