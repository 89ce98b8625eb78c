import type { RandomStream } from "../../core/random.ts";
import { gather } from "../../graph/ops/gather.ts";
import { linear } from "../../graph/ops/linalg.ts";
import { split } from "../../graph/ops/split.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Decoded, DecoderNetwork, DecoderPast, DecoderSizes } from "../decoder.ts";
import { Dropout } from "../dropout.ts";
import type { Embedding } from "../embedding.ts";
import type { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { LayerNorm } from "../norm.ts";
import {
  type ActivationName,
  activations,
  DecoderPass,
  mergeHeads,
  projection,
  requireSizes,
  requireTokens,
  splitHeads,
  table,
} from "./parts.ts";

export interface Gpt2Config {
  /** Tokens in the vocabulary, V. */
  readonly vocabulary: number;
  /** The most positions, each with a trained vector. */
  readonly context: number;
  /** Width of a token's vector, C; a multiple of `heads`. */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width between the two maps of the feed-forward layer. Default 4 · width. */
  readonly hidden?: number | undefined;
  /** Default GPT-2's "gelu-tanh". */
  readonly activation?: ActivationName | undefined;
  /** Of the norms. Default 1e-5. */
  readonly epsilon?: number | undefined;
  /** Whether linear maps and norms have biases (GPT-2 yes, nanoGPT's small settings no). Default true. */
  readonly bias?: boolean | undefined;
  /** Whether the logits are products with the embeddings. Default true. */
  readonly tied?: boolean | undefined;
  /** Probability of dropping while training: sums of embeddings, attention weights and what layers add. Default 0. */
  readonly dropout?: number | undefined;
  /** Standard deviation of the first weights; of those that are added to the stream it is divided by √(2 · layers). Default 0.02. */
  readonly deviation?: number | undefined;
}

type Settings = { readonly [K in keyof Gpt2Config]-?: NonNullable<Gpt2Config[K]> } & { readonly rng: RandomStream | undefined };

class Gpt2Attention extends Module {
  readonly c_attn: Linear;
  readonly c_proj: Linear;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    super();
    const { width, bias, layers, deviation, rng } = settings;
    this.c_attn = projection(width, 3 * width, bias, settings);
    this.c_proj = projection(width, width, bias, { rng, deviation: deviation / Math.sqrt(2 * layers) });
    this.#settings = settings;
  }

  /** x [B, T, C] -> [B, T, C]. */
  call(x: Tensor, pass: DecoderPass): Tensor {
    const { width, heads, dropout } = this.#settings;
    const [q, k, v] = split(splitHeads(this.c_attn.call(x), width / heads), [heads, heads, heads], 1);
    return this.c_proj.call(mergeHeads(pass.attend(q, k, v, dropout)));
  }
}

class Gpt2FeedForward extends Module {
  readonly c_fc: Linear;
  readonly c_proj: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(settings: Settings) {
    super();
    const { width, hidden, bias, layers, activation, deviation, rng } = settings;
    this.c_fc = projection(width, hidden, bias, settings);
    this.c_proj = projection(hidden, width, bias, { rng, deviation: deviation / Math.sqrt(2 * layers) });
    this.#activation = activations[activation];
  }

  call(x: Tensor): Tensor {
    return this.c_proj.call(this.#activation(this.c_fc.call(x)));
  }
}

/** Norm, attention, norm, feed-forward layer; each result is added to the stream it was made of. */
class Gpt2Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: Gpt2Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: Gpt2FeedForward;
  readonly #drop: Dropout;

  constructor(settings: Settings) {
    super();
    const { width, epsilon, bias, dropout } = settings;
    this.ln_1 = new LayerNorm({ width, epsilon, bias });
    this.attn = new Gpt2Attention(settings);
    this.ln_2 = new LayerNorm({ width, epsilon, bias });
    this.mlp = new Gpt2FeedForward(settings);
    this.#drop = new Dropout(dropout);
  }

  call(x: Tensor, pass: DecoderPass): Tensor {
    const drop = (y: Tensor) => dropped(this.#drop, y);
    const attended = x.add(drop(this.attn.call(this.ln_1.call(x), pass)));
    return attended.add(drop(this.mlp.call(this.ln_2.call(attended))));
  }
}

/** The network below the head: embeddings of tokens and positions, blocks, a last norm. */
class Gpt2Stem extends Module {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly h: readonly Gpt2Block[];
  readonly ln_f: LayerNorm;
  readonly #drop: Dropout;

  constructor(settings: Settings) {
    super();
    const { vocabulary, context, width, layers, epsilon, bias, dropout } = settings;
    this.wte = table(vocabulary, width, settings);
    this.wpe = table(context, width, settings);
    this.h = Array.from({ length: layers }, () => new Gpt2Block(settings));
    this.ln_f = new LayerNorm({ width, epsilon, bias });
    this.#drop = new Dropout(dropout);
  }

  /** tokens [B, T]; positions [B, T], or 0, 1, 2 ... where absent -> [B, T, C]. */
  call(tokens: Tensor, positions: Tensor | undefined, pass: DecoderPass): Tensor {
    const places = positions === undefined ? this.wpe.weight.slice(0, 0, tokens.shape[1]) : gather(this.wpe.weight, positions, 0);
    let x = dropped(this.#drop, this.wte.call(tokens).add(places));
    for (const block of this.h) x = block.call(x, pass);
    return this.ln_f.call(x);
  }
}

function dropped(layer: Dropout, x: Tensor): Tensor {
  return layer.probability === 0 ? x : layer.call(x);
}

/**
 * The decoder-only Transformer of GPT-2 (Radford et al. 2019): trained vectors for positions, norms before the layers and one after them all, GELU,
 * logits by the embeddings themselves. Weights have Hugging Face's names; linear ones are [out, in] here and [in, out] in its files.
 */
export class Gpt2 extends Module implements DecoderNetwork {
  readonly config: Gpt2Config;
  readonly transformer: Gpt2Stem;
  /** Where the logits have a map of their own. */
  readonly lm_head: Linear | undefined;

  /**
   * @param rng where the first weights are drawn from; without one they are zeros, to be read from a file
   * @throws AtelierError for sizes that are not whole or do not divide
   */
  constructor(config: Gpt2Config, rng?: RandomStream) {
    super();
    const { width, layers, heads, vocabulary, context, hidden = 4 * width } = config;
    requireSizes("Gpt2", { width, layers, heads, vocabulary, context, hidden }, [["width", "heads"]]);
    const { activation = "gelu-tanh", epsilon = 1e-5, bias = true, tied = true, dropout = 0, deviation = 0.02 } = config;
    const settings = { width, layers, heads, vocabulary, context, hidden, activation, epsilon, bias, tied, dropout, deviation, rng };
    this.config = config;
    this.transformer = new Gpt2Stem(settings);
    if (!tied) this.lm_head = projection(width, vocabulary, false, settings);
  }

  /** What generation must know of the sizes. */
  get decoder(): DecoderSizes {
    const { layers, heads, width, context, vocabulary } = this.config;
    return { layers, heads, keyValueHeads: heads, headSize: width / heads, context, vocabulary };
  }

  /** tokens [B, T], T up to `context`, at positions 0 to T - 1 -> logits [B, T, V] of the token that follows each. @throws ShapeError */
  call(tokens: Tensor): Tensor {
    return this.logitsOf(this.hidden(tokens));
  }

  /** tokens [B, T] -> [B, T, C], after the last norm. @throws ShapeError */
  hidden(tokens: Tensor): Tensor {
    requireTokens("Gpt2", tokens, this.config.context);
    return this.transformer.call(tokens, undefined, new DecoderPass());
  }

  /** How much each token looks at those before it: per layer [B, heads, T, T], rows that sum to 1. tokens [B, T]. @throws ShapeError */
  attention(tokens: Tensor): readonly Tensor[] {
    requireTokens("Gpt2", tokens, this.config.context);
    const pass = new DecoderPass({ maps: true });
    this.transformer.call(tokens, undefined, pass);
    return pass.maps ?? [];
  }

  /** As {@link DecoderNetwork.decode} says. @throws ShapeError */
  decode(tokens: Tensor, positions: Tensor, past?: DecoderPast): Decoded {
    const pass = new DecoderPass({ past });
    const hidden = this.transformer.call(tokens, positions, pass);
    return { logits: this.logitsOf(hidden), keys: pass.keys, values: pass.values, hidden };
  }

  /** [B, T, C] -> logits [B, T, V]. */
  logitsOf(hidden: Tensor): Tensor {
    return this.lm_head === undefined ? linear(hidden, this.transformer.wte.weight) : this.lm_head.call(hidden);
  }
}
