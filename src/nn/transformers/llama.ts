import type { RandomStream } from "../../core/random.ts";
import { linear } from "../../graph/ops/linalg.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { silu } from "../activations.ts";
import type { Decoded, DecoderNetwork, DecoderPast, DecoderSizes } from "../decoder.ts";
import { Dropout } from "../dropout.ts";
import type { Embedding } from "../embedding.ts";
import type { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { RMSNorm } from "../norms.ts";
import { DecoderPass, mergeHeads, projection, requireSizes, requireTokens, splitHeads, table } from "./parts.ts";
import { type RopeScaling, Rotation, ropeFrequencies } from "./rope.ts";

export interface LlamaConfig {
  /** Tokens in the vocabulary, V. */
  readonly vocabulary: number;
  /** The most positions it was made for. */
  readonly context: number;
  /** Width of a token's vector, C. */
  readonly width: number;
  readonly layers: number;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values, a divisor of `heads`: fewer are grouped-query attention, 1 is multi-query attention. Default `heads`. */
  readonly keyValueHeads?: number | undefined;
  /** Width of a head, D; even. Default width / heads. */
  readonly headSize?: number | undefined;
  /** Width inside the feed-forward layer. */
  readonly hidden: number;
  /** Of the norms. Default 1e-5. */
  readonly epsilon?: number | undefined;
  /** Base of the rotary wavelengths. Default 10000. */
  readonly ropeBase?: number | undefined;
  readonly ropeScaling?: RopeScaling | undefined;
  /** Which maps of attention have biases: none (Llama), those of queries, keys and values (Qwen 2), or all. Default "none". */
  readonly attentionBias?: "none" | "query-key-value" | "all" | undefined;
  /** Whether the maps of the feed-forward layer have biases. Default false. */
  readonly feedForwardBias?: boolean | undefined;
  /** Whether the logits are products with the embeddings. Default false. */
  readonly tied?: boolean | undefined;
  /** Probability of dropping while training: attention weights and what layers add. Default 0. */
  readonly dropout?: number | undefined;
  /** Standard deviation of the first weights. Default 0.02. */
  readonly deviation?: number | undefined;
}

type Optional = "ropeScaling";
type Settings = { readonly [K in Exclude<keyof LlamaConfig, Optional>]-?: NonNullable<LlamaConfig[K]> } & {
  readonly rng: RandomStream | undefined;
};

class LlamaAttention extends Module {
  readonly q_proj: Linear;
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly o_proj: Linear;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    super();
    const { width, heads, keyValueHeads, headSize, attentionBias } = settings;
    const biases = attentionBias !== "none";
    this.q_proj = projection(width, heads * headSize, biases, settings);
    this.k_proj = projection(width, keyValueHeads * headSize, biases, settings);
    this.v_proj = projection(width, keyValueHeads * headSize, biases, settings);
    this.o_proj = projection(heads * headSize, width, attentionBias === "all", settings);
    this.#settings = settings;
  }

  /** x [B, T, C] -> [B, T, C]. */
  call(x: Tensor, rotation: Rotation, pass: DecoderPass): Tensor {
    const { headSize, dropout } = this.#settings;
    const [q, k, v] = [this.q_proj, this.k_proj, this.v_proj].map((map) => splitHeads(map.call(x), headSize));
    return this.o_proj.call(mergeHeads(pass.attend(rotation.call(q), rotation.call(k), v, dropout)));
  }
}

/** SwiGLU (Shazeer 2020, Eq. 6). */
class LlamaFeedForward extends Module {
  readonly gate_proj: Linear;
  readonly up_proj: Linear;
  readonly down_proj: Linear;

  constructor(settings: Settings) {
    super();
    const { width, hidden, feedForwardBias } = settings;
    this.gate_proj = projection(width, hidden, feedForwardBias, settings);
    this.up_proj = projection(width, hidden, feedForwardBias, settings);
    this.down_proj = projection(hidden, width, feedForwardBias, settings);
  }

  call(x: Tensor): Tensor {
    return this.down_proj.call(silu(this.gate_proj.call(x)).mul(this.up_proj.call(x)));
  }
}

/** Norm, attention, norm, feed-forward layer; each result is added to the stream it was made of. */
class LlamaBlock extends Module {
  readonly input_layernorm: RMSNorm;
  readonly self_attn: LlamaAttention;
  readonly post_attention_layernorm: RMSNorm;
  readonly mlp: LlamaFeedForward;
  readonly #drop: Dropout;

  constructor(settings: Settings) {
    super();
    const { width, epsilon, dropout } = settings;
    this.input_layernorm = new RMSNorm({ width, epsilon });
    this.self_attn = new LlamaAttention(settings);
    this.post_attention_layernorm = new RMSNorm({ width, epsilon });
    this.mlp = new LlamaFeedForward(settings);
    this.#drop = new Dropout(dropout);
  }

  call(x: Tensor, rotation: Rotation, pass: DecoderPass): Tensor {
    const drop = (y: Tensor) => (this.#drop.probability === 0 ? y : this.#drop.call(y));
    const attended = x.add(drop(this.self_attn.call(this.input_layernorm.call(x), rotation, pass)));
    return attended.add(drop(this.mlp.call(this.post_attention_layernorm.call(attended))));
  }
}

/** The network below the head: embeddings, blocks, a last norm. */
class LlamaStem extends Module {
  readonly embed_tokens: Embedding;
  readonly layers: readonly LlamaBlock[];
  readonly norm: RMSNorm;

  constructor(settings: Settings) {
    super();
    const { vocabulary, width, layers, epsilon } = settings;
    this.embed_tokens = table(vocabulary, width, settings);
    this.layers = Array.from({ length: layers }, () => new LlamaBlock(settings));
    this.norm = new RMSNorm({ width, epsilon });
  }

  call(tokens: Tensor, rotation: Rotation, pass: DecoderPass): Tensor {
    let x = this.embed_tokens.call(tokens);
    for (const block of this.layers) x = block.call(x, rotation, pass);
    return this.norm.call(x);
  }
}

/**
 * The decoder of Llama (Touvron et al. 2023) and its relatives: root-mean-square norms before the layers, rotary positions, SwiGLU, no biases, query heads
 * that may share keys and values. Weights have Hugging Face's names and layout.
 */
export class Llama extends Module implements DecoderNetwork {
  readonly config: LlamaConfig;
  readonly model: LlamaStem;
  /** Where the logits have a map of their own. */
  readonly lm_head: Linear | undefined;
  readonly #frequencies: readonly number[];

  /**
   * @param rng where the first weights are drawn from; without one they are zeros, to be read from a file
   * @throws AtelierError for sizes that are not whole or do not divide
   */
  constructor(config: LlamaConfig, rng?: RandomStream) {
    super();
    const { width, layers, heads, vocabulary, context, hidden, keyValueHeads = heads, headSize = width / heads } = config;
    requireSizes("Llama", { width, layers, heads, vocabulary, context, hidden, keyValueHeads, headSize }, [["heads", "keyValueHeads"]]);
    const { epsilon = 1e-5, ropeBase = 10_000, attentionBias = "none", feedForwardBias = false } = config;
    const { tied = false, dropout = 0, deviation = 0.02 } = config;
    const sizes = { width, layers, heads, vocabulary, context, hidden, keyValueHeads, headSize };
    const settings = { ...sizes, epsilon, ropeBase, attentionBias, feedForwardBias, tied, dropout, deviation, rng };
    this.config = config;
    this.#frequencies = ropeFrequencies(headSize, ropeBase, config.ropeScaling);
    this.model = new LlamaStem(settings);
    if (!tied) this.lm_head = projection(width, vocabulary, false, settings);
  }

  /** What generation must know of the sizes. */
  get decoder(): DecoderSizes {
    const { layers, heads, width, context, vocabulary, keyValueHeads = heads, headSize = width / heads } = this.config;
    return { layers, heads, keyValueHeads, headSize, context, vocabulary };
  }

  /** tokens [B, T], T up to `context`, at positions 0 to T - 1 -> logits [B, T, V] of the token that follows each. @throws ShapeError */
  call(tokens: Tensor): Tensor {
    return this.logitsOf(this.hidden(tokens));
  }

  /** tokens [B, T] -> [B, T, C], after the last norm. @throws ShapeError */
  hidden(tokens: Tensor): Tensor {
    return this.#run(tokens, new DecoderPass());
  }

  /** How much each token looks at those before it: per layer [B, heads, T, T], rows that sum to 1. tokens [B, T]. @throws ShapeError */
  attention(tokens: Tensor): readonly Tensor[] {
    const pass = new DecoderPass({ maps: true });
    this.#run(tokens, pass);
    return pass.maps ?? [];
  }

  /** As {@link DecoderNetwork.decode} says. @throws ShapeError */
  decode(tokens: Tensor, positions: Tensor, past?: DecoderPast): Decoded {
    const pass = new DecoderPass({ past });
    const hidden = this.model.call(tokens, new Rotation(this.#frequencies, positions), pass);
    return { logits: this.logitsOf(hidden), keys: pass.keys, values: pass.values, hidden };
  }

  /** [B, T, C] -> logits [B, T, V]. */
  logitsOf(hidden: Tensor): Tensor {
    return this.lm_head === undefined ? linear(hidden, this.model.embed_tokens.weight) : this.lm_head.call(hidden);
  }

  #run(tokens: Tensor, pass: DecoderPass): Tensor {
    requireTokens("Llama", tokens, this.config.context);
    return this.model.call(tokens, new Rotation(this.#frequencies, tokens.shape[1]), pass);
  }
}
