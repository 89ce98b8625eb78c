/** The two players for points: dense layers, where blocks.ts has convolutions for pictures. */
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { leakyRelu } from "../../nn/activations.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import type { Batch } from "../model.ts";
import { type GanConfig, Generator, Judge, type JudgeOptions, type PlayerOptions, toIntensity, toSigned } from "./blocks.ts";

/** Hidden layers of either player. */
const LAYERS = 3;
/** Of the leaky ReLU below 0, as in the players of pictures. */
const slope = 0.2;

/** Dense layers of one width with leaky ReLUs between them: [B, from] -> [B, to]. */
class Dense extends Module {
  readonly hidden: Linear[];
  readonly last: Linear;

  constructor(from: number, width: number, to: number, rng: RandomStream) {
    super();
    this.hidden = Array.from({ length: LAYERS }, (_, i) => new Linear({ in: i === 0 ? from : width, out: width, rng }));
    this.last = new Linear({ in: width, out: to, rng });
  }

  /** [B, from] -> [B, to] */
  call(x: Tensor): Tensor {
    return this.last.call(this.hidden.reduce((value, layer) => leakyRelu(layer.call(value), slope), x));
  }
}

/** Codes [B, Z] -> points [B, D]. */
export class PointGenerator extends Module {
  readonly layers: Dense;

  constructor(config: GanConfig, rng: RandomStream) {
    super();
    this.layers = new Dense(config.codeSize, config.width, config.image[0], rng);
  }

  /** codes [B, Z] -> points [B, D] */
  call(codes: Tensor): Tensor {
    return this.layers.call(codes);
  }
}

/** Points [B, D] -> scores [B]. */
export class PointJudge extends Module {
  readonly layers: Dense;

  constructor(config: Pick<GanConfig, "image" | "width">, rng: RandomStream) {
    super();
    this.layers = new Dense(config.image[0], config.width, 1, rng);
  }

  /** points [B, D] -> scores [B] */
  call(points: Tensor): Tensor {
    return this.layers.call(points).reshape([-1]);
  }
}

/** Whether a configuration is of points. */
function ofPoints({ image }: Pick<GanConfig, "image">): boolean {
  return image.length === 1;
}

/** The generator of a configuration; that of points has PyTorch's first weights. */
export function makeGenerator(config: GanConfig, options: PlayerOptions): Generator | PointGenerator {
  return ofPoints(config) ? new PointGenerator(config, options.rng) : new Generator(config, options);
}

/** The judge of a configuration; that of points has PyTorch's first weights and neither norm nor dropout. */
export function makeJudge(config: Pick<GanConfig, "image" | "width">, options: JudgeOptions): Judge | PointJudge {
  return ofPoints(config) ? new PointJudge(config, options.rng) : new Judge(config, options);
}

/** What the players see of a batch: pictures in [-1, 1], points as they are. */
export function realOf(config: Pick<GanConfig, "image">, { images, points }: Pick<Batch, "images" | "points">): Tensor {
  return ofPoints(config) ? points : toSigned(images);
}

/** What a generator gives out as the data are: intensities in [0, 1], or points as they are. */
export function asData(config: Pick<GanConfig, "image">, made: Tensor): Tensor {
  return ofPoints(config) ? made : toIntensity(made);
}
