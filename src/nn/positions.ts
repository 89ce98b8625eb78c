import { AtelierError } from "../core/errors.ts";
import { cos, sin } from "../graph/ops/elementwise.ts";
import { gather } from "../graph/ops/gather.ts";
import { concat } from "../graph/ops/movement.ts";
import { rotary } from "../graph/ops/rotary.ts";
import { constant } from "../graph/ops/source.ts";
import { split } from "../graph/ops/split.ts";
import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Embedding } from "./embedding.ts";
import { type Initializer, normal, type WeightOptions } from "./init.ts";
import { Module, requireSize } from "./module.ts";

// Where in a sequence a vector stands, told by turning it, by adding to it, or by a bias on attention scores.

function requireEven(layer: string, width: number): void {
  requireSize(layer, "width", width);
  if (width % 2 !== 0) throw new AtelierError({ what: `${layer}: the width must be even.`, got: String(width) });
}

export interface RotaryEmbeddingOptions {
  /** How much of a head is turned: even, at most the head's width (GPT-NeoX turns a quarter of it). */
  width: number;
  /** Base of the wavelengths. Default 10000. */
  base?: number;
  /** Pairs are neighbours (GPT-J, the paper); else pair i is elements i and i + width / 2 ("rotate half": Llama, GPT-NeoX). Default false. */
  interleaved?: boolean;
}

/** Rotary position embedding (Su et al. 2021, Eq. 34): pair i of the vector at position t is turned by t · base^(-2i / width). It has no parameters. */
export class RotaryEmbedding extends Module {
  readonly options: Required<RotaryEmbeddingOptions>;

  constructor({ width, base = 10000, interleaved = false }: RotaryEmbeddingOptions) {
    super();
    requireEven("RotaryEmbedding", width);
    this.options = { width, base, interleaved };
  }

  /** x [B, heads, T, D] -> the same shape. @param start position of the first vector @throws ShapeError */
  call(x: Tensor, start = 0): Tensor {
    const [, , T, D] = x.dims("B heads T D");
    const { width, base, interleaved } = this.options;
    if (width > D) throw shapeError("RotaryEmbedding", [x], `the turned width ${width} is more than the last axis`);
    const angle = (i: number) => (start + Math.floor(i / (width / 2))) * base ** (-(i % (width / 2)) / (width / 2));
    const table = (f: (angle: number) => number) =>
      constant(
        Float32Array.from({ length: (T * width) / 2 }, (_, i) => f(angle(i))),
        "float32",
        [T, width / 2],
      );
    const turn = (part: Tensor) => rotary(part, table(Math.cos), table(Math.sin), { interleaved });
    if (width === D) return turn(x);
    const [turned, rest] = split(x, [width, D - width], -1);
    return concat([turn(turned), rest], -1);
  }
}

/**
 * Sines and cosines of positions or noise levels: element i is sin(v ω_i), element width / 2 + i is cos(v ω_i).
 * values of any shape [...] -> [..., width].
 * @param angular ω_i, width / 2 of them: {@link geometricFrequencies}
 */
export function sinusoidal(values: Tensor, angular: readonly number[]): Tensor {
  const angles = values.reshape([...values.shape, 1]).mul(constant(angular));
  return concat([sin(angles), cos(angles)], -1);
}

/** `count` angular frequencies from `first` to `last`, each a fixed factor from the one before. */
export function geometricFrequencies(count: number, first: number, last: number): number[] {
  return Array.from({ length: count }, (_, i) => first * (last / first) ** (count === 1 ? 0 : i / (count - 1)));
}

/** The frequencies of diffusion models for integer timesteps (Ho et al. 2020): 10000^(-i / (width / 2 - 1)). */
export function timestepFrequencies(width: number): number[] {
  requireEven("timestepFrequencies", width);
  return geometricFrequencies(width / 2, 1, 1e-4);
}

/** The fixed table of Vaswani et al. 2017, section 3.5: [T, width], even columns sin(t · 10000^(-2i / width)), odd ones the cosine. */
export function sinusoidalPositions(length: number, width: number): Tensor {
  requireEven("sinusoidalPositions", width);
  const data = Float32Array.from({ length: length * width }, (_, at) => {
    const [t, column] = [Math.floor(at / width), at % width];
    const angle = t * 10000 ** (-(column - (column % 2)) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return constant(data, "float32", [length, width]);
}

/** A trained vector for each position. Weight [length, width]. */
export class LearnedPositions extends Module {
  readonly weight: Embedding["weight"];

  constructor({
    length,
    width,
    rng,
    init = normal(0.02),
  }: { length: number; width: number; rng: WeightOptions["rng"]; init?: Initializer }) {
    super();
    this.weight = new Embedding({ count: length, width, rng, init }).weight;
  }

  /** x [B, T, width] -> x plus the first T rows. @throws ShapeError when T is more than the length */
  call(x: Tensor): Tensor {
    const [, T] = x.dims("B T width");
    if (T > this.weight.shape[0]) throw shapeError("LearnedPositions", [x, this.weight], "there are fewer positions than time steps");
    return x.add(this.weight.slice(0, 0, T));
  }
}

export interface RelativePositionBiasOptions {
  heads: number;
  rng: WeightOptions["rng"];
  /** Rows of the table. Default 32. */
  buckets?: number;
  /** From this distance on all share the last bucket. Default 128. */
  maxDistance?: number;
  /** Whether keys after the query are told from those before it (encoders). Default true. */
  bidirectional?: boolean;
}

/** T5's bias on attention scores: one trained number a head and bucket of distance (Raffel et al. 2020, section 2.1). Weight [buckets, heads]. */
export class RelativePositionBias extends Module {
  readonly weight: Embedding["weight"];
  readonly options: Required<Omit<RelativePositionBiasOptions, "heads" | "rng">>;

  constructor({ heads, rng, buckets = 32, maxDistance = 128, bidirectional = true }: RelativePositionBiasOptions) {
    super();
    this.weight = new Embedding({ count: buckets, width: heads, rng }).weight;
    this.options = { buckets, maxDistance, bidirectional };
  }

  /** The bias of T queries on S keys: [1, heads, T, S]. */
  call(queries: number, keys: number): Tensor {
    const { buckets, maxDistance, bidirectional } = this.options;
    const [, heads] = this.weight.shape;
    const table = gather(
      this.weight.transpose(),
      constant(
        offsets(queries, keys).map((d) => relativeBucket(d, buckets, maxDistance, bidirectional)),
        "int64",
      ),
      1,
    );
    // One column an offset, then each query reads its own stretch of offsets.
    const at = Array.from({ length: queries * keys }, (_, i) => (i % keys) - Math.floor(i / keys) + queries - 1);
    return gather(table, constant(at, "int64", [queries, keys]), 1).reshape([1, heads, queries, keys]);
  }
}

/** Every key position minus query position that occurs, in order. */
function offsets(queries: number, keys: number): number[] {
  return Array.from({ length: queries + keys - 1 }, (_, i) => i - queries + 1);
}

/** T5's bucket of a distance (key position minus query position): exact for small ones, logarithmic up to `maxDistance`. */
export function relativeBucket(distance: number, buckets: number, maxDistance: number, bidirectional: boolean): number {
  const count = bidirectional ? buckets / 2 : buckets;
  const start = bidirectional && distance > 0 ? count : 0;
  const far = bidirectional ? Math.abs(distance) : Math.max(-distance, 0);
  const exact = Math.floor(count / 2);
  if (far < exact) return start + far;
  const logarithmic = exact + Math.floor((Math.log(far / exact) / Math.log(maxDistance / exact)) * (count - exact));
  return start + Math.min(logarithmic, count - 1);
}

/** ALiBi's bias on attention scores (Press, Smith and Lewis 2022): minus the distance times a slope of the head, 2^(-8 h / heads). [1, heads, T, S]. */
export function alibiBias(heads: number, queries: number, keys: number): Tensor {
  requireSize("alibiBias", "heads", heads);
  const distance = Array.from({ length: queries * keys }, (_, i) => -Math.abs((i % keys) - Math.floor(i / keys) - (keys - queries)));
  return constant(distance, "float32", [queries, keys]).mul(constant(alibiSlopes(heads), "float32", [1, heads, 1, 1]));
}

/** A geometric row for a power of two; else that of the power below, and every second one of the power above. */
function alibiSlopes(heads: number): number[] {
  const row = (n: number) => Array.from({ length: n }, (_, h) => 2 ** ((-8 * (h + 1)) / n));
  const power = 2 ** Math.floor(Math.log2(heads));
  return [...row(power), ...row(2 * power).filter((_, h) => h % 2 === 0)].slice(0, heads);
}
