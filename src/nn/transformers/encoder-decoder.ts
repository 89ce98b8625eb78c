import type { RandomStream } from "../../core/random.ts";
import { where } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/gather.ts";
import { matmul } from "../../graph/ops/linalg.ts";
import { full } from "../../graph/ops/movement.ts";
import { constant } from "../../graph/ops/source.ts";
import { chunk } from "../../graph/ops/split.ts";
import { shapeError } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { never, scaledDotProductAttention } from "../attention.ts";
import { Dropout } from "../dropout.ts";
import { Embedding } from "../embedding.ts";
import { glorotUniform, normal, zeros } from "../init.ts";
import { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { LayerNorm } from "../norm.ts";
import { sinusoidalPositions } from "../positions.ts";
import { TiedLinear } from "../transformer.ts";

export interface EncoderDecoderConfig {
  /** Tokens of sources and of targets; one number where all share a table. */
  readonly sourceVocabulary: number;
  readonly vocabulary: number;
  /** C, a multiple of `heads`. */
  readonly width: number;
  readonly heads: number;
  /** Of the encoder, and as many of the decoder. */
  readonly layers: number;
  /** Width between the two maps of a feed-forward layer. */
  readonly hidden: number;
  /** `post`: norms after the sums, as Vaswani et al. have it; `pre`: before the layers, and one at the end. */
  readonly norm: "post" | "pre";
  /** Which tables are one: none; the targets' embedding and the map to logits; these and the sources' embedding. */
  readonly tied: "none" | "target" | "all";
  /** Of each layer's result and of embeddings with positions, while training. */
  readonly dropout: number;
}

const linearOf = (from: number, to: number, rng: RandomStream) =>
  new Linear({ in: from, out: to, rng, init: glorotUniform, biasInit: zeros });

/** [B, T, C] -> [B, heads, T, C / heads] */
function headsOf(x: Tensor, heads: number): Tensor {
  const [B, T, C] = x.dims("B T C");
  return x.reshape([B, T, heads, C / heads]).transpose([0, 2, 1, 3]);
}

/** [B, heads, T, D] -> [B, T, heads · D] */
function joined(x: Tensor): Tensor {
  const [B, H, T, D] = x.dims("B H T D");
  return x.transpose([0, 2, 1, 3]).reshape([B, T, H * D]);
}

/** Attention of a text to itself: queries, keys and values from one map. (Vaswani et al. 2017, section 3.2.) */
class SelfAttention extends Module {
  readonly in_proj: Linear;
  readonly out_proj: Linear;
  readonly heads: number;

  constructor({ width, heads }: EncoderDecoderConfig, rng: RandomStream) {
    super();
    this.in_proj = linearOf(width, 3 * width, rng);
    this.out_proj = linearOf(width, width, rng);
    this.heads = heads;
  }

  /** x [B, T, C]; bias is added to the scores [B, H, T, T]. */
  call(x: Tensor, options: { causal?: boolean; bias?: Tensor }): Tensor {
    const [q, k, v] = chunk(this.in_proj.call(x), 3, 2).map((part) => headsOf(part, this.heads));
    return this.out_proj.call(joined(scaledDotProductAttention(q, k, v, options)));
  }

  /** One token more: x [B, 1, C], keys and values of those before [B, L, C] -> the result [B, 1, C], and both with this token in its place. */
  step(x: Tensor, { keys, values }: Cache, place: StepPlace): { result: Tensor; cache: Cache } {
    const [q, k, v] = chunk(this.in_proj.call(x), 3, 2);
    const cache = { keys: where(place.own, k, keys), values: where(place.own, v, values) };
    const [heads, bias] = [this.heads, place.bias];
    const result = scaledDotProductAttention(headsOf(q, heads), headsOf(cache.keys, heads), headsOf(cache.values, heads), { bias });
    return { result: this.out_proj.call(joined(result)), cache };
  }
}

/** Attention of a text to another one, whose keys and values are made once. */
class CrossAttention extends Module {
  readonly q_proj: Linear;
  readonly kv_proj: Linear;
  readonly out_proj: Linear;
  readonly heads: number;

  constructor({ width, heads }: EncoderDecoderConfig, rng: RandomStream) {
    super();
    this.q_proj = linearOf(width, width, rng);
    this.kv_proj = linearOf(width, 2 * width, rng);
    this.out_proj = linearOf(width, width, rng);
    this.heads = heads;
  }

  /** Of what the encoder says [B, S, C]. */
  memory(encoded: Tensor): Cache {
    const [keys, values] = chunk(this.kv_proj.call(encoded), 2, 2);
    return { keys, values };
  }

  /** x [B, T, C], bias [B, 1, 1, S] -> [B, T, C] */
  call(x: Tensor, { keys, values }: Cache, bias: Tensor): Tensor {
    const [q, k, v] = [this.q_proj.call(x), keys, values].map((part) => headsOf(part, this.heads));
    return this.out_proj.call(joined(scaledDotProductAttention(q, k, v, { bias })));
  }

  /** Where it looks, the mean over heads: [B, T, S]. */
  weights(x: Tensor, { keys }: Cache, bias: Tensor): Tensor {
    const [q, k] = [this.q_proj.call(x), keys].map((part) => headsOf(part, this.heads));
    const scores = matmul(q, k, { transB: true, alpha: 1 / Math.sqrt(q.shape[3]) });
    return scores.add(bias).softmax().mean(1);
  }
}

/** Keys and values of a layer, [B, T, C] each. */
export interface Cache {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Which place of a cache of L a step fills, and what it sees. */
interface StepPlace {
  /** Boolean [1, L, 1] */
  readonly own: Tensor;
  /** [1, 1, 1, L] */
  readonly bias: Tensor;
}

/** What the layers of both sides are: attention, a feed-forward layer, sums and norms around them. */
class Layer extends Module {
  readonly self_attn: SelfAttention;
  readonly self_attn_layer_norm: LayerNorm;
  readonly encoder_attn: CrossAttention | undefined;
  readonly encoder_attn_layer_norm: LayerNorm | undefined;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly final_layer_norm: LayerNorm;
  readonly #dropout: Dropout;
  readonly #post: boolean;

  constructor(config: EncoderDecoderConfig, rng: RandomStream, cross: boolean) {
    super();
    const { width, hidden, dropout, norm } = config;
    this.self_attn = new SelfAttention(config, rng);
    this.self_attn_layer_norm = new LayerNorm({ width });
    if (cross) this.encoder_attn = new CrossAttention(config, rng);
    if (cross) this.encoder_attn_layer_norm = new LayerNorm({ width });
    this.fc1 = linearOf(width, hidden, rng);
    this.fc2 = linearOf(hidden, width, rng);
    this.final_layer_norm = new LayerNorm({ width });
    this.#dropout = new Dropout(dropout);
    this.#post = norm === "post";
  }

  /** LayerNorm(x + layer(x)), or x + layer(LayerNorm(x)). */
  around(x: Tensor, norm: LayerNorm, layer: (x: Tensor) => Tensor): Tensor {
    return this.#post ? norm.call(x.add(this.#dropout.call(layer(x)))) : x.add(this.#dropout.call(layer(norm.call(x))));
  }

  /** What the attention over the encoder is given at x: the query's side of {@link around}. */
  crossed(x: Tensor): Tensor {
    return this.#post ? x : (this.encoder_attn_layer_norm as LayerNorm).call(x);
  }

  cross(x: Tensor, memory: Cache, bias: Tensor): Tensor {
    return this.around(x, this.encoder_attn_layer_norm as LayerNorm, (t) => (this.encoder_attn as CrossAttention).call(t, memory, bias));
  }

  feedForward(x: Tensor): Tensor {
    return this.around(x, this.final_layer_norm, (t) => this.fc2.call(this.fc1.call(t).relu())); // Eq. 2
  }
}

/** One side: its layers, and at the end of `pre` a norm. */
class Stack extends Module {
  readonly layers: Layer[];
  readonly layer_norm: LayerNorm | undefined;

  constructor(config: EncoderDecoderConfig, rng: RandomStream, cross: boolean) {
    super();
    this.layers = Array.from({ length: config.layers }, () => new Layer(config, rng, cross));
    if (config.norm === "pre") this.layer_norm = new LayerNorm({ width: config.width });
  }
}

/** What the decoder looks at: keys and values of the source for each layer, and 0 or next to nothing for each of its places [B, 1, 1, S]. */
export interface EncoderMemory {
  readonly layers: readonly Cache[];
  readonly bias: Tensor;
}

/**
 * The encoder-decoder Transformer (Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762): fixed positions, ReLU between the maps of the
 * feed-forward layers. Embeddings are multiplied with √C. Ids of 0 are padding.
 */
export class EncoderDecoder extends Module {
  readonly embed_tokens: Embedding;
  readonly source_embed_tokens: Embedding | undefined;
  readonly encoder: Stack;
  readonly decoder: Stack;
  readonly lm_head: Linear | TiedLinear;
  readonly config: EncoderDecoderConfig;
  readonly #dropout: Dropout;

  /** @throws AtelierError for sizes that are not whole; ShapeError where a shared table would have two sizes, or heads do not divide the width */
  constructor(config: EncoderDecoderConfig, rng: RandomStream) {
    super();
    const { vocabulary, sourceVocabulary, width, heads, tied, dropout } = config;
    if (width % heads !== 0) throw shapeError("EncoderDecoder", [], `the width ${width} must be a multiple of the ${heads} heads`);
    if (tied === "all" && vocabulary !== sourceVocabulary)
      throw shapeError(
        "EncoderDecoder",
        [],
        `one table for all needs one vocabulary, and there are ${sourceVocabulary} and ${vocabulary} tokens`,
      );
    const table = (count: number) => new Embedding({ count, width, rng, init: normal(1 / Math.sqrt(width)) });
    this.embed_tokens = table(vocabulary);
    if (tied !== "all") this.source_embed_tokens = table(sourceVocabulary);
    this.encoder = new Stack(config, rng, false);
    this.decoder = new Stack(config, rng, true);
    this.lm_head = tied === "none" ? linearOf(width, vocabulary, rng) : new TiedLinear(this.embed_tokens.weight);
    this.config = config;
    this.#dropout = new Dropout(dropout);
  }

  /** source [B, S] -> what the decoder looks at. @throws ShapeError */
  encode(source: Tensor): EncoderMemory {
    const [B, S] = source.dims("B S");
    const bias = where(source.equal(0), constant(never), 0).reshape([B, 1, 1, S]);
    let x = this.#embedded(source, this.source_embed_tokens ?? this.embed_tokens, sinusoidalPositions(S, this.config.width));
    for (const layer of this.encoder.layers)
      x = layer.feedForward(layer.around(x, layer.self_attn_layer_norm, (t) => layer.self_attn.call(t, { bias })));
    const encoded = this.encoder.layer_norm?.call(x) ?? x;
    return { layers: this.decoder.layers.map(({ encoder_attn }) => (encoder_attn as CrossAttention).memory(encoded)), bias };
  }

  /** Scores of the token after each: tokens [B, T] -> logits [B, T, V]. Padding at the end of a target is after all that counts. @throws ShapeError */
  decode(tokens: Tensor, memory: EncoderMemory): Tensor {
    const [, T] = tokens.dims("B T");
    let x = this.#embedded(tokens, this.embed_tokens, sinusoidalPositions(T, this.config.width));
    this.decoder.layers.forEach((layer, i) => {
      x = layer.around(x, layer.self_attn_layer_norm, (t) => layer.self_attn.call(t, { causal: true }));
      x = layer.feedForward(layer.cross(x, memory.layers[i], memory.bias));
    });
    return this.#logits(x);
  }

  /** Caches for targets of at most `length` tokens. */
  emptyCache(batch: number, length: number): Cache[] {
    const zeros = full([batch, length, this.config.width], 0);
    return this.decoder.layers.map(() => ({ keys: zeros, values: zeros }));
  }

  /**
   * One token more of each target.
   * @param tokens [B]
   * @param position [1], how many tokens came before, the same for all
   * @param caches of each layer, [B, L, C]
   * @returns logits [B, V], the caches with this token, and where in the source it looked [B, S], the mean over layers and heads
   */
  step(
    tokens: Tensor,
    position: Tensor,
    caches: readonly Cache[],
    memory: EncoderMemory,
  ): { logits: Tensor; caches: Cache[]; weights: Tensor } {
    const [B] = tokens.dims("B");
    const [, L, C] = caches[0].keys.dims("B L C");
    const places = constant(
      Array.from({ length: L }, (_, i) => i),
      "float32",
    );
    const here = position.cast("float32");
    const place = {
      own: places.equal(here).reshape([1, L, 1]),
      bias: where(places.greater(here), constant(never), 0).reshape([1, 1, 1, L]),
    };
    const next: Cache[] = [];
    const looks: Tensor[] = [];
    let x = this.#embedded(tokens.reshape([B, 1]), this.embed_tokens, gather(sinusoidalPositions(L, C), position, 0));
    this.decoder.layers.forEach((layer, i) => {
      x = layer.around(x, layer.self_attn_layer_norm, (t) => {
        const { result, cache } = layer.self_attn.step(t, caches[i], place);
        next.push(cache);
        return result;
      });
      looks.push((layer.encoder_attn as CrossAttention).weights(layer.crossed(x), memory.layers[i], memory.bias));
      x = layer.feedForward(layer.cross(x, memory.layers[i], memory.bias));
    });
    const weights = looks.reduce((a, b) => a.add(b)).mul(1 / looks.length);
    return { logits: this.#logits(x).reshape([B, -1]), caches: next, weights: weights.reshape([B, -1]) };
  }

  #logits(x: Tensor): Tensor {
    return this.lm_head.call(this.decoder.layer_norm?.call(x) ?? x);
  }

  /** ids [B, T] and positions [T, C] -> [B, T, C] (section 3.4). */
  #embedded(ids: Tensor, table: Embedding, positions: Tensor): Tensor {
    return this.#dropout.call(table.call(ids).mul(Math.sqrt(this.config.width)).add(positions));
  }
}
