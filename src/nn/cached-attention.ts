import { where } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/linalg.ts";
import { concat } from "../graph/ops/movement.ts";
import { constant } from "../graph/ops/source.ts";
import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { never, scaledDotProductAttention } from "./attention.ts";
import type { DecoderPast } from "./decoder.ts";

/**
 * Attention of T new tokens to those before them and to each other, for {@link DecoderNetwork.decode}: q [B, H, T, D], k and v [B, K, T, D], both
 * already rotated, -> [B, H, T, D]. Without a past it is causal. The past is read where it lies: scores of old and new keys meet in one softmax, and
 * nothing as long as the buffer is put together.
 * @param layer which of the past's layers
 * @param scale default 1 / √D
 * @throws ShapeError
 */
export function cachedAttention(q: Tensor, k: Tensor, v: Tensor, past: DecoderPast | undefined, layer: number, scale?: number): Tensor {
  if (past === undefined) return scaledDotProductAttention(q, k, v, { causal: true, scale });
  const [B, H, T, D] = q.dims("B H T D");
  const [, K] = k.dims("B K T D");
  const keys = past.keys[layer];
  const values = past.values[layer];
  const [, , S] = keys.dims("B K S D");
  const total = S + T;
  if (past.mask.dtype !== "bool" || past.mask.shape.join() !== [B, 1, T, total].join())
    throw shapeError(
      "cachedAttention",
      [q, keys, past.mask],
      `the mask must be boolean [B, 1, T, S + T] = [${[B, 1, T, total].join(", ")}]`,
    );
  const grouped = q.reshape([B, K, (H / K) * T, D]);
  const product = { transB: true, alpha: scale ?? 1 / Math.sqrt(D) };
  const scores = concat([matmul(grouped, keys, product), matmul(grouped, k, product)], 3).reshape([B, H, T, total]);
  const weights = scores
    .add(where(past.mask, 0, constant(never)))
    .softmax()
    .reshape([B, K, (H / K) * T, total]);
  const old = matmul(weights.slice(3, 0, S), values);
  return old.add(matmul(weights.slice(3, S, total), v)).reshape([B, H, T, D]);
}
