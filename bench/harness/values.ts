import type { Shape } from "../../src/core/dtype.ts";
import { sizeOf } from "../../src/core/dtype.ts";
import { constant } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Rng } from "../../src/graph/trace.ts";
import { type Module, namedParameters } from "../../src/nn/module.ts";

// Numbers that ours and every peer make alike (see peers/pytorch/values.py): a hash of (stream, index).

export const STREAMS = { images: 1000, labels: 1001, noise: 1002, ids: 1003, draws: 1100 } as const;

/** Batches made once and cycled through. */
export const POOL = 8;

/** uint32 number `index` of a stream: the finalizer of MurmurHash3. */
function hashed(stream: number, index: number): number {
  let h = (index + Math.imul(stream, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** `count` numbers of a stream in [low, high), from number `start` on. */
export function uniform(stream: number, count: number, low = -1, high = 1, start = 0): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => low + (hashed(stream, start + i) / 2 ** 32) * (high - low));
}

/** `count` integers of a stream in [0, below), from number `start` on. */
export function integers(stream: number, count: number, below: number, start = 0): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => hashed(stream, start + i) % below);
}

/** {@link POOL} batches of pictures or points in [low, high). */
export function pictures(shape: Shape, low = 0, high = 1): Float32Array[] {
  const size = sizeOf(shape);
  return Array.from({ length: POOL }, (_, i) => uniform(STREAMS.images, size, low, high, i * size));
}

/** {@link POOL} batches of integers in [0, below). */
export function tokens(stream: number, shape: Shape, below: number): Int32Array[] {
  const size = sizeOf(shape);
  return Array.from({ length: POOL }, (_, i) => integers(stream, size, below, i * size));
}

/** Give networks the start values that all peers share, by the order of their parameters. Vectors named `weight` are a norm's scales. */
export function fill(...modules: readonly Module[]): void {
  let index = 0;
  for (const [name, { shape, data }] of modules.flatMap((module) => [...namedParameters(module)])) {
    const bias = /bias[^.]*$/i.test(name);
    if (bias) data.set(uniform(index, data.length, -0.1, 0.1));
    else if (shape.length === 1) data.set(uniform(index, data.length, 0.9, 1.1));
    else {
      const bound = Math.sqrt(3 / sizeOf(shape.slice(1)));
      data.set(uniform(index, data.length, -bound, bound));
    }
    index++;
  }
}

/** Draws that ours and the peers share in `--check`: the same in each step, uniform in [-1, 1) where a normal number is asked for. */
export function fixedRng(firstStream: number): Rng {
  let stream = firstStream;
  const draw = (shape: Shape, low: number): Tensor => constant(uniform(stream++, sizeOf(shape), low), "float32", shape);
  return {
    normal: (_name, shape) => draw(shape, -1),
    uniform: (_name, shape) => draw(shape, 0),
    bernoulli: (_name, shape, probability) => draw(shape, 0).less(probability).cast("float32"),
  };
}
