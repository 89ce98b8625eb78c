import { AtelierError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import { Parameter } from "../../graph/leaf.ts";
import { linear } from "../../graph/ops/linalg.ts";
import { shapeError } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { scaledDotProductAttention } from "../attention.ts";
import { Dropout } from "../dropout.ts";
import type { Embedding } from "../embedding.ts";
import type { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { LayerNorm } from "../norm.ts";
import {
  type ActivationName,
  activations,
  attentionWeights,
  mergeHeads,
  projection,
  requireSizes,
  requireTokens,
  splitHeads,
  table,
} from "./parts.ts";

export interface BertConfig {
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
  /** Kinds of segments, each with a trained vector. Default 2: first and second sentence. */
  readonly segments?: number | undefined;
  /** Default "gelu", exact. */
  readonly activation?: ActivationName | undefined;
  /** Of the norms. Default 1e-12. */
  readonly epsilon?: number | undefined;
  /** Whether it says which token stands behind a mask. Default true. */
  readonly masked?: boolean | undefined;
  /** Whether it makes one vector of the first token (the next sentence and classes need it). Default true. */
  readonly pooled?: boolean | undefined;
  /** Whether it says if the second sentence followed the first. Default true. */
  readonly nextSentence?: boolean | undefined;
  /** How many classes of texts it tells apart. Default none. */
  readonly classes?: number | undefined;
  /** What the classes are called, for files. Default `LABEL_0`, `LABEL_1` ... */
  readonly labels?: readonly string[] | undefined;
  /** Probability of dropping while training: embeddings, attention weights, what layers add. Default 0. */
  readonly dropout?: number | undefined;
  /** Standard deviation of the first weights. Default 0.02. */
  readonly deviation?: number | undefined;
}

type Settings = { readonly [K in Exclude<keyof BertConfig, "classes" | "labels">]-?: NonNullable<BertConfig[K]> } & {
  readonly rng: RandomStream | undefined;
};

/** A linear map with a bias, what it is added to, and the norm of the sum. (Norms after the sums: Vaswani et al. 2017.) */
class AddAndNorm extends Module {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;
  readonly #drop: Dropout;

  constructor(from: number, settings: Settings) {
    super();
    const { width, epsilon, dropout } = settings;
    this.dense = projection(from, width, true, settings);
    this.LayerNorm = new LayerNorm({ width, epsilon });
    this.#drop = new Dropout(dropout);
  }

  call(x: Tensor, stream: Tensor): Tensor {
    return this.LayerNorm.call(stream.add(dropped(this.#drop, this.dense.call(x))));
  }
}

class BertSelfAttention extends Module {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    super();
    const map = () => projection(settings.width, settings.width, true, settings);
    [this.query, this.key, this.value] = [map(), map(), map()];
    this.#settings = settings;
  }

  /** x [B, T, C]; mask [B, 1, 1, T] true where a token stands. */
  call(x: Tensor, mask: Tensor | undefined, maps: Tensor[] | undefined): Tensor {
    const { width, heads, dropout } = this.#settings;
    const [q, k, v] = [this.query, this.key, this.value].map((map) => splitHeads(map.call(x), width / heads));
    maps?.push(attentionWeights(q, k, { mask }));
    return mergeHeads(scaledDotProductAttention(q, k, v, { mask, dropout }));
  }
}

class BertAttention extends Module {
  readonly self: BertSelfAttention;
  readonly output: AddAndNorm;

  constructor(settings: Settings) {
    super();
    this.self = new BertSelfAttention(settings);
    this.output = new AddAndNorm(settings.width, settings);
  }
}

class BertLayer extends Module {
  readonly attention: BertAttention;
  readonly intermediate: { readonly dense: Linear } & Module;
  readonly output: AddAndNorm;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(settings: Settings) {
    super();
    const { width, hidden, activation } = settings;
    this.attention = new BertAttention(settings);
    this.intermediate = new Dense(width, hidden, settings);
    this.output = new AddAndNorm(hidden, settings);
    this.#activation = activations[activation];
  }

  call(x: Tensor, mask: Tensor | undefined, maps: Tensor[] | undefined): Tensor {
    const attended = this.attention.output.call(this.attention.self.call(x, mask, maps), x);
    return this.output.call(this.#activation(this.intermediate.dense.call(attended)), attended);
  }
}

/** A linear map in a field of its own, as the names have it. */
class Dense extends Module {
  readonly dense: Linear;

  constructor(from: number, to: number, settings: Settings) {
    super();
    this.dense = projection(from, to, true, settings);
  }
}

/** Sums of the vectors of token, position and segment, normalised. */
class BertEmbeddings extends Module {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly #drop: Dropout;

  constructor(settings: Settings) {
    super();
    const { vocabulary, context, segments, width, epsilon, dropout } = settings;
    this.word_embeddings = table(vocabulary, width, settings);
    this.position_embeddings = table(context, width, settings);
    this.token_type_embeddings = table(segments, width, settings);
    this.LayerNorm = new LayerNorm({ width, epsilon });
    this.#drop = new Dropout(dropout);
  }

  call(tokens: Tensor, segments: Tensor | undefined): Tensor {
    const places = this.position_embeddings.weight.slice(0, 0, tokens.shape[1]);
    const kinds = segments === undefined ? this.token_type_embeddings.weight.slice(0, 0, 1) : this.token_type_embeddings.call(segments);
    return dropped(this.#drop, this.LayerNorm.call(this.word_embeddings.call(tokens).add(places).add(kinds)));
  }
}

class BertEncoder extends Module {
  readonly layer: readonly BertLayer[];

  constructor(settings: Settings) {
    super();
    this.layer = Array.from({ length: settings.layers }, () => new BertLayer(settings));
  }
}

class BertStem extends Module {
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: Dense | undefined;

  constructor(settings: Settings) {
    super();
    this.embeddings = new BertEmbeddings(settings);
    this.encoder = new BertEncoder(settings);
    if (settings.pooled) this.pooler = new Dense(settings.width, settings.width, settings);
  }
}

class BertTransform extends Dense {
  readonly LayerNorm: LayerNorm;

  constructor(settings: Settings) {
    super(settings.width, settings.width, settings);
    this.LayerNorm = new LayerNorm({ width: settings.width, epsilon: settings.epsilon });
  }
}

/** Logits of masked tokens: a map, the activation, a norm, then products with the embeddings and a bias. */
class BertPredictions extends Module {
  readonly transform: BertTransform;
  readonly bias: Parameter;

  constructor(settings: Settings) {
    super();
    this.transform = new BertTransform(settings);
    this.bias = new Parameter([settings.vocabulary], new Float32Array(settings.vocabulary));
  }
}

class BertHeads extends Module {
  readonly predictions: BertPredictions | undefined;
  readonly seq_relationship: Linear | undefined;

  constructor(settings: Settings) {
    super();
    if (settings.masked) this.predictions = new BertPredictions(settings);
    if (settings.nextSentence) this.seq_relationship = projection(settings.width, 2, true, settings);
  }
}

function dropped(layer: Dropout, x: Tensor): Tensor {
  return layer.probability === 0 ? x : layer.call(x);
}

export interface BertInputs {
  /** int32 [B, T], which sentence a token is of. Default the first. */
  readonly segments?: Tensor | undefined;
  /** Boolean [B, T], true where a token stands and false for padding. Default everywhere. */
  readonly mask?: Tensor | undefined;
}

/**
 * BERT (Devlin et al. 2018, arXiv:1810.04805): a Transformer encoder in which every token sees all others, with heads for masked tokens, for whether two
 * sentences follow each other, and for classes of texts. Weights have Hugging Face's names and layout.
 */
export class Bert extends Module {
  readonly config: BertConfig;
  readonly bert: BertStem;
  readonly cls: BertHeads;
  readonly classifier: Linear | undefined;
  readonly #settings: Settings;
  readonly #drop: Dropout;

  /**
   * @param rng where the first weights are drawn from; without one they are zeros, to be read from a file
   * @throws AtelierError for sizes that are not whole or do not divide, or heads that need the pooled vector where there is none
   */
  constructor(config: BertConfig, rng?: RandomStream) {
    super();
    const { width, layers, heads, vocabulary, context, hidden = 4 * width, segments = 2 } = config;
    requireSizes("Bert", { width, layers, heads, vocabulary, context, hidden, segments }, [["width", "heads"]]);
    const { activation = "gelu", epsilon = 1e-12, masked = true, pooled = true, nextSentence = pooled, classes } = config;
    const { dropout = 0, deviation = 0.02 } = config;
    if (!pooled && (nextSentence || classes !== undefined))
      throw new AtelierError("Bert: the next sentence and classes are told from the pooled vector: set pooled, too.");
    const sizes = { width, layers, heads, vocabulary, context, hidden, segments };
    const settings = { ...sizes, activation, epsilon, masked, pooled, nextSentence, dropout, deviation, rng };
    this.config = config;
    this.#settings = settings;
    this.#drop = new Dropout(dropout);
    this.bert = new BertStem(settings);
    this.cls = new BertHeads(settings);
    if (classes !== undefined) this.classifier = projection(width, classes, true, settings);
  }

  /** tokens [B, T] -> what each token became among the others, [B, T, C]. @throws ShapeError */
  call(tokens: Tensor, inputs: BertInputs = {}): Tensor {
    return this.#run(tokens, inputs);
  }

  /** How much each token looks at every other: per layer [B, heads, T, T], rows that sum to 1. @throws ShapeError */
  attention(tokens: Tensor, inputs: BertInputs = {}): readonly Tensor[] {
    const maps: Tensor[] = [];
    this.#run(tokens, inputs, maps);
    return maps;
  }

  /** [B, T, C] -> logits [B, T, V] of the token that stands at each place, masked or not. @throws AtelierError without this head */
  maskedLogits(hidden: Tensor): Tensor {
    const { predictions } = this.cls;
    if (predictions === undefined) throw new AtelierError("Bert: this network has no head for masked tokens.");
    const { transform, bias } = predictions;
    const x = transform.LayerNorm.call(activations[this.#settings.activation](transform.dense.call(hidden)));
    return linear(x, this.bert.embeddings.word_embeddings.weight, bias);
  }

  /** [B, T, C] -> one vector of each text, made of its first token, [B, C] in (-1, 1). @throws AtelierError without a pooler */
  pooled(hidden: Tensor): Tensor {
    const { pooler } = this.bert;
    if (pooler === undefined) throw new AtelierError("Bert: this network has no pooler.");
    return pooler.dense.call(hidden.slice(1, 0, 1).reshape([hidden.shape[0], hidden.shape[2]])).tanh();
  }

  /** Pooled vectors [B, C] -> logits [B, 2]: the second sentence followed the first, or is from elsewhere. @throws AtelierError without this head */
  nextSentence(pooled: Tensor): Tensor {
    if (this.cls.seq_relationship === undefined) throw new AtelierError("Bert: this network has no head for the next sentence.");
    return this.cls.seq_relationship.call(pooled);
  }

  /** Pooled vectors [B, C] -> logits of classes [B, K]. @throws AtelierError without this head */
  classify(pooled: Tensor): Tensor {
    if (this.classifier === undefined) throw new AtelierError("Bert: this network tells no classes apart.");
    return this.classifier.call(dropped(this.#drop, pooled));
  }

  #run(tokens: Tensor, { segments, mask }: BertInputs, maps?: Tensor[]): Tensor {
    requireTokens("Bert", tokens, this.config.context);
    if (mask !== undefined && (mask.dtype !== "bool" || mask.shape.join() !== tokens.shape.join()))
      throw shapeError("Bert", [tokens, mask], "the mask must be boolean, of the tokens' shape");
    const places = mask?.reshape([mask.shape[0], 1, 1, mask.shape[1]]);
    let x = this.bert.embeddings.call(tokens, segments);
    for (const layer of this.bert.encoder.layer) x = layer.call(x, places, maps);
    return x;
  }
}
