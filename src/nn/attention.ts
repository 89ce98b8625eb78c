import { Parameter } from "../graph/leaf.ts";
import { customGradient } from "../graph/ops/control.ts";
import { where } from "../graph/ops/elementwise.ts";
import { linear, matmul } from "../graph/ops/linalg.ts";
import { concat } from "../graph/ops/movement.ts";
import { constant } from "../graph/ops/source.ts";
import { chunk, split } from "../graph/ops/split.ts";
import { broadcastShapes, sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { currentTrace } from "../graph/trace.ts";
import { glorotUniform, type WeightOptions, zeros } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module, requireSize } from "./module.ts";
import { RMSNorm } from "./norms.ts";

/** What an additive mask holds where a query may not look: its softmax is exactly 0, and a row of nothing else stays finite (and even). */
export const never = -1e30;

export interface AttentionOptions {
  /** Whether query i sees only keys up to i; with more keys than queries the last query sees them all. Default false. */
  causal?: boolean;
  /** Boolean, broadcasts to [B, H, T, S]: true where a query may look at a key. */
  mask?: Tensor | undefined;
  /** Added to the scores; broadcasts to [B, H, T, S]. Gradients flow to it. */
  bias?: Tensor | undefined;
  /** Factor of the scores. Default 1 / √D. */
  scale?: number | undefined;
  /** Probability of dropping an attention weight while training, in [0, 1). Default 0. */
  dropout?: number;
}

/**
 * softmax(q kᵀ · scale + bias) v: scaled dot product attention (Vaswani et al. 2017, Eq. 1).
 * q [B, H, T, D], k [B, K, S, D], v [B, K, S, Dv] -> [B, H, T, Dv]. H is a multiple of K: with fewer key and value heads, H / K neighbouring query
 * heads share one (grouped queries, Ainslie et al. 2023; multi-query with K = 1), and nothing is copied for it.
 * @throws ShapeError
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const [B, H, T, D] = q.dims("B H T D");
  const [, K, S] = k.dims("B K S D");
  const fits = k.shape[0] === B && k.shape[3] === D && H % K === 0 && v.rank === 4 && sameShape(v.shape.slice(0, 3), k.shape.slice(0, 3));
  if (!fits)
    throw shapeError(
      "scaledDotProductAttention",
      [q, k, v],
      "q [B, H, T, D], k [B, K, S, D] and v [B, K, S, Dv] with H a multiple of K were expected",
    );
  const chunks = causalChunks(T, S, options);
  if (chunks > 1) {
    const length = T / chunks;
    const seen = (t: Tensor, i: number) => t.slice(2, 0, (i + 1) * length);
    return concat(
      chunk(q, chunks, 2).map((part, i) => attend(part, seen(k, i), seen(v, i), options)),
      2,
    );
  }
  return attend(q, k, v, options);
}

/**
 * Into how many pieces to cut the queries: under a plain causal mask the earlier ones need not meet the later keys at all, which saves up to
 * half of the scores. Short pieces cost more in small products than they save.
 */
function causalChunks(queries: number, keys: number, { causal, mask, bias, dropout = 0 }: AttentionOptions): number {
  if (causal !== true || queries !== keys || mask !== undefined || bias !== undefined || dropout > 0) return 1;
  const wanted = Math.min(4, Math.floor(queries / 128));
  return wanted > 1 && queries % wanted === 0 ? wanted : 1;
}

/** {@link scaledDotProductAttention} of checked operands in one piece. */
function attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const [B, H, T, D] = q.shape;
  const [, K, S] = k.shape;
  const { scale = 1 / Math.sqrt(D) } = options;
  const grouped = q.reshape([B, K, (H / K) * T, D]);
  let scores = matmul(grouped, k, { transB: true, alpha: scale }).reshape([B, H, T, S]);
  const added = addedTo(scores, options);
  if (added !== undefined) scores = scores.add(added);
  const kept = keptWeights(scores, options.dropout ?? 0);
  return weightedValues(scores, v, kept);
}

/** The causal and the given mask and the bias as one addend, of the smallest shape that holds them. */
function addedTo(scores: Tensor, { causal = false, mask, bias }: AttentionOptions): Tensor | undefined {
  const [, , T, S] = scores.shape;
  const parts: Tensor[] = [];
  if (bias !== undefined) parts.push(bias);
  if (mask !== undefined) {
    if (mask.dtype !== "bool")
      throw shapeError("scaledDotProductAttention", [mask], "the mask must be boolean", "an additive one is the option `bias`");
    parts.push(where(mask, 0, constant(never)));
  }
  if (causal && T > 1) parts.push(causalMask(T, S));
  if (parts.length === 0) return undefined;
  const sum = parts.reduce((a, b) => a.add(b));
  const shape = broadcastShapes(sum.shape, scores.shape);
  if (shape === undefined || !sameShape(shape, scores.shape))
    throw shapeError("scaledDotProductAttention", [scores, sum], "mask and bias must broadcast to the scores [B, H, T, S]");
  return sum;
}

/** [T, S] of 0 where query i sees key j, j <= i + S - T. */
function causalMask(queries: number, keys: number): Tensor {
  const data = new Float32Array(queries * keys);
  for (let i = 0; i < queries; i++) data.fill(never, i * keys + Math.min(keys, i + keys - queries + 1), (i + 1) * keys);
  return constant(data, "float32", [queries, keys]);
}

/** A draw of which weights stay, scaled to keep the mean; undefined where all do. */
function keptWeights(scores: Tensor, dropout: number): Tensor | undefined {
  if (dropout === 0) return undefined;
  const trace = currentTrace("scaledDotProductAttention");
  return trace.training ? trace.bernoulli("attention", scores.shape, 1 - dropout).mul(1 / (1 - dropout)) : undefined;
}

/**
 * O = (softmax(scores) ∘ kept) V. Its gradient for the scores takes the row sums of dP ∘ P from the smaller dO ∘ O, which are the same numbers
 * (Dao et al. 2022, Eq. 4 of Appendix B.2): dscores = P ∘ (dP - rowsum(dO ∘ O)).
 */
function weightedValues(scores: Tensor, v: Tensor, kept: Tensor | undefined): Tensor {
  const [B, H, T, S] = scores.shape;
  const [, K, , width] = v.shape;
  const weights = scores.softmax();
  const used = (kept === undefined ? weights : weights.mul(kept)).reshape([B, K, (H / K) * T, S]);
  const out = matmul(used, v);
  const result = customGradient(out, [scores, v], (dO) => {
    const dUsed = matmul(dO, v, { transB: true }).reshape(scores.shape);
    const dWeights = kept === undefined ? dUsed : dUsed.mul(kept);
    const rowSums = dO.mul(out).sum(-1, { keepDims: true }).reshape([B, H, T, 1]);
    return [weights.mul(dWeights.sub(rowSums)), matmul(used, dO, { transA: true })];
  });
  return result.reshape([B, H, T, width]);
}

export interface MultiheadAttentionOptions extends Pick<WeightOptions, "rng" | "bias"> {
  /** Width of queries and results, a multiple of `heads`. */
  width: number;
  heads: number;
  /** Heads of keys and values; a divisor of `heads`. Default: as many. 1 is multi-query attention. */
  keyValueHeads?: number;
  /** Width of what keys and values are made of, in cross attention. Default `width`. */
  contextWidth?: number;
  /** Probability of dropping an attention weight while training. Default 0. */
  dropout?: number;
  /** RMS normalisation of each query and key head (Henry et al. 2020; Qwen 3's form). Default false. */
  queryKeyNorm?: boolean;
}

export interface AttentionCallOptions extends Omit<AttentionOptions, "dropout"> {
  /** `[B, S, contextWidth]`: where keys and values come from. Default: x itself. */
  context?: Tensor;
  /** Boolean `[B, S]`: true where a key is padding and nobody looks (PyTorch's meaning). */
  keyPaddingMask?: Tensor;
  /** Applied to queries and keys [B, heads, T, D], such as the `call` of a {@link RotaryEmbedding}. */
  rotate?: (x: Tensor) => Tensor;
}

/**
 * Multi-head attention (Vaswani et al. 2017, section 3.2.2). `inProjection` holds the queries', keys' and values' maps one under another, as
 * PyTorch's `in_proj_weight` does; where a context of another width is attended to, `queryProjection` and `keyValueProjection` hold them.
 */
export class MultiheadAttention extends Module {
  readonly inWeight: Parameter;
  readonly inBias: Parameter | undefined;
  readonly contextWeight: Parameter | undefined;
  readonly contextBias: Parameter | undefined;
  readonly outProjection: Linear;
  readonly queryNorm: RMSNorm | undefined;
  readonly keyNorm: RMSNorm | undefined;
  readonly options: Readonly<{ width: number; heads: number; keyValueHeads: number; headWidth: number; dropout: number }>;

  /** @throws AtelierError for sizes that are not whole or do not divide */
  constructor({
    width,
    heads,
    keyValueHeads = heads,
    contextWidth = width,
    dropout = 0,
    queryKeyNorm = false,
    rng,
    bias = true,
  }: MultiheadAttentionOptions) {
    super();
    for (const [name, value] of Object.entries({
      width,
      heads,
      keyValueHeads,
      contextWidth,
      "width / heads": width / heads,
      "heads / keyValueHeads": heads / keyValueHeads,
    }))
      requireSize("MultiheadAttention", name, value);
    const headWidth = width / heads;
    const keyValueWidth = 2 * keyValueHeads * headWidth;
    const own = contextWidth === width;
    const weight = (out: number, from: number) => new Parameter([out, from], glorotUniform([out, from], { fanIn: from, fanOut: out }, rng));
    const biasOf = (out: number) => (bias ? new Parameter([out], new Float32Array(out)) : undefined);
    this.inWeight = weight(own ? width + keyValueWidth : width, width);
    this.inBias = biasOf(this.inWeight.shape[0]);
    this.contextWeight = own ? undefined : weight(keyValueWidth, contextWidth);
    this.contextBias = own ? undefined : biasOf(keyValueWidth);
    this.outProjection = new Linear({ in: width, out: width, rng, bias, biasInit: zeros });
    if (queryKeyNorm) this.queryNorm = new RMSNorm({ width: headWidth });
    if (queryKeyNorm) this.keyNorm = new RMSNorm({ width: headWidth });
    this.options = { width, heads, keyValueHeads, headWidth, dropout };
  }

  /** x [B, T, width] -> [B, T, width]. @throws ShapeError */
  call(x: Tensor, { context, keyPaddingMask, rotate, ...attention }: AttentionCallOptions = {}): Tensor {
    const [B, T] = x.dims("B T width");
    const { width, heads, dropout } = this.options;
    let [q, k, v] = this.#project(x, context);
    if (this.queryNorm !== undefined) q = this.queryNorm.call(q);
    if (this.keyNorm !== undefined) k = this.keyNorm.call(k);
    if (rotate !== undefined) [q, k] = [rotate(q), rotate(k)];
    if (keyPaddingMask !== undefined) attention = { ...attention, bias: withPadding(keyPaddingMask, attention.bias) };
    const out = scaledDotProductAttention(q, k, v, { ...attention, dropout });
    return this.outProjection.call(out.transpose([0, 2, 1, 3]).reshape([B, T, heads * (width / heads)]));
  }

  /** Queries [B, heads, T, D], keys and values [B, keyValueHeads, S, D]: one product for all where they come from the same tensor. */
  #project(x: Tensor, context: Tensor | undefined): [Tensor, Tensor, Tensor] {
    const { width, heads, keyValueHeads } = this.options;
    if (context === undefined && this.contextWeight === undefined) {
      const all = this.#heads(linear(x, this.inWeight, this.inBias));
      const [q, k, v] = split(all, [heads, keyValueHeads, keyValueHeads], 1);
      return [q, k, v];
    }
    if (context === undefined)
      throw shapeError("MultiheadAttention", [x], "this layer attends to a context of another width", "pass { context }");
    let [queryWeight, keyValueWeight]: (Tensor | undefined)[] = [this.inWeight, this.contextWeight];
    let [queryBias, keyValueBias]: (Tensor | undefined)[] = [this.inBias, this.contextBias];
    if (keyValueWeight === undefined) {
      const sizes = [width, this.inWeight.shape[0] - width];
      [queryWeight, keyValueWeight] = split(this.inWeight, sizes, 0);
      if (this.inBias !== undefined) [queryBias, keyValueBias] = split(this.inBias, sizes, 0);
    }
    const q = this.#heads(linear(x, queryWeight as Tensor, queryBias));
    const [k, v] = chunk(this.#heads(linear(context, keyValueWeight, keyValueBias)), 2, 1);
    return [q, k, v];
  }

  /** [B, T, n · D] -> [B, n, T, D]. */
  #heads(x: Tensor): Tensor {
    const { headWidth } = this.options;
    return x.reshape([x.shape[0], x.shape[1], -1, headWidth]).transpose([0, 2, 1, 3]);
  }
}

function withPadding(keyPaddingMask: Tensor, bias: Tensor | undefined): Tensor {
  if (keyPaddingMask.rank !== 2 || keyPaddingMask.dtype !== "bool")
    throw shapeError("MultiheadAttention", [keyPaddingMask], "the key padding mask must be boolean [B, S]");
  const padding = where(keyPaddingMask, constant(never), 0).reshape([keyPaddingMask.shape[0], 1, 1, keyPaddingMask.shape[1]]);
  return bias === undefined ? padding : bias.add(padding);
}
