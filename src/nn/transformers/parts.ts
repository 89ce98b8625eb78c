import { AtelierError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import { add, where } from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/linalg.ts";
import { constant } from "../../graph/ops/source.ts";
import { shapeError } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { gelu, geluTanh, relu, silu } from "../activations.ts";
import { type AttentionOptions, never, scaledDotProductAttention } from "../attention.ts";
import { cachedAttention } from "../cached-attention.ts";
import type { DecoderPast } from "../decoder.ts";
import { Embedding } from "../embedding.ts";
import { normal, zeros } from "../init.ts";
import { Linear } from "../linear.ts";
import { requireSize } from "../module.ts";

// What the Transformer networks of this folder share. Their fields are named as Hugging Face names the weights, so that a parameter's path is its
// name in a checkpoint.

/** Activations between the two maps of a feed-forward layer. */
export const activations: Readonly<Record<"gelu" | "gelu-tanh" | "relu" | "silu", (x: Tensor) => Tensor>> = {
  gelu,
  "gelu-tanh": geluTanh,
  relu,
  silu,
};
export type ActivationName = keyof typeof activations;

/** First values: N(0, deviation²) drawn from `rng`; all zeros without one, for networks whose weights are read from a file. */
export interface FirstValues {
  readonly rng?: RandomStream | undefined;
  readonly deviation: number;
}

const unused = new RandomStream(0, "unused");

/** A linear map with normal weights, and a bias of zeros where there is one. */
export function projection(from: number, to: number, bias: boolean, { rng, deviation }: FirstValues): Linear {
  return new Linear({ in: from, out: to, bias, rng: rng ?? unused, init: rng === undefined ? zeros : normal(deviation), biasInit: zeros });
}

/** A table of `count` vectors with normal numbers. */
export function table(count: number, width: number, { rng, deviation }: FirstValues): Embedding {
  return new Embedding({ count, width, rng: rng ?? unused, init: rng === undefined ? zeros : normal(deviation) });
}

/** [B, T, n · D] -> [B, n, T, D]. */
export function splitHeads(x: Tensor, headSize: number): Tensor {
  const [B, T] = x.dims("B T width");
  return x.reshape([B, T, -1, headSize]).transpose([0, 2, 1, 3]);
}

/** [B, n, T, D] -> [B, T, n · D]. */
export function mergeHeads(x: Tensor): Tensor {
  const [B, n, T, D] = x.dims("B n T D");
  return x.transpose([0, 2, 1, 3]).reshape([B, T, n * D]);
}

/** @throws AtelierError for sizes that are not whole, or where the second of a pair does not divide the first */
export function requireSizes(network: string, sizes: Readonly<Record<string, number>>, divides: readonly [string, string][] = []): void {
  for (const [name, value] of Object.entries(sizes)) requireSize(network, name, value);
  for (const [whole, part] of divides) {
    if (sizes[whole] % sizes[part] === 0) continue;
    throw new AtelierError({
      what: `${network}: ${whole} must be a multiple of ${part}.`,
      got: `${whole} ${sizes[whole]}, ${part} ${sizes[part]}`,
    });
  }
}

/** Tokens [B, T] of integers, at most `context` of them. @throws ShapeError */
export function requireTokens(network: string, tokens: Tensor, context: number): void {
  if (tokens.rank !== 2 || (tokens.dtype !== "int32" && tokens.dtype !== "int64"))
    throw shapeError(network, [tokens], "tokens must be int32 [B, T]");
  if (tokens.shape[1] > context) throw shapeError(network, [tokens], `at most ${context} tokens fit into the context`);
}

/** One way of tokens through a decoder's layers: what they read of the past, and what they leave behind. */
export class DecoderPass {
  readonly past: DecoderPast | undefined;
  /** Per layer [B, K, T, D]. */
  readonly keys: Tensor[] = [];
  readonly values: Tensor[] = [];
  /** Per layer [B, H, T, T]: attention weights, where asked for. */
  readonly maps: Tensor[] | undefined;

  constructor({ past, maps = false }: { past?: DecoderPast | undefined; maps?: boolean } = {}) {
    this.past = past;
    this.maps = maps ? [] : undefined;
  }

  /** Causal attention of the next layer: q [B, H, T, D], k and v [B, K, T, D] -> [B, H, T, D]. @throws ShapeError */
  attend(q: Tensor, k: Tensor, v: Tensor, dropout = 0): Tensor {
    const layer = this.keys.length;
    this.keys.push(k);
    this.values.push(v);
    this.maps?.push(attentionWeights(q, k, { causal: true }));
    if (this.past !== undefined) return cachedAttention(q, k, v, this.past, layer);
    return scaledDotProductAttention(q, k, v, { causal: true, dropout });
  }
}

/** What queries look at: softmax(q kᵀ / √D) under the mask. q [B, H, T, D], k [B, K, S, D] -> [B, H, T, S], rows that sum to 1. */
export function attentionWeights(q: Tensor, k: Tensor, { causal = false, mask }: Pick<AttentionOptions, "causal" | "mask"> = {}): Tensor {
  const [B, H, T, D] = q.dims("B H T D");
  const [, K, S] = k.dims("B K S D");
  const grouped = q.reshape([B, K, (H / K) * T, D]);
  let scores = matmul(grouped, k, { transB: true, alpha: 1 / Math.sqrt(D) }).reshape([B, H, T, S]);
  if (mask !== undefined) scores = add(scores, where(mask, 0, constant(never)));
  if (causal) {
    const hidden = Float32Array.from({ length: T * S }, (_, i) => ((i % S) - Math.floor(i / S) > S - T ? never : 0));
    scores = scores.add(constant(hidden, "float32", [T, S]));
  }
  return scores.softmax();
}
