/**
 * LSTM language model (Foster, "Generative Deep Learning", 2nd ed., 2023, chapter 5; the network of Hochreiter and Schmidhuber, "Long short-term memory",
 * 1997). Read a text token by token, keep what matters in a state, and say at each step how likely every token is to come next.
 *
 *   source       here                    shape             range or unit
 *   x_t          tokens[:, t]            [B, T] int32      ids in [0, V)
 *   E            embedding.weight        [V, E]            a vector a token
 *   h_t, c_t     state                   [layers, B, H]    what the network carries; zeros before a window
 *   W            head                    [V, H]            scores of the next token: logits [B, T, V]
 *   -log p       objective(), `nats`     scalar            nats per token, mean over B and T
 *
 * `paper` is the book's network: embedding 100, one LSTM of 128, 10,000 words, windows of 200, batches of 32, Adam at 0.001, 25 epochs. Departs from the book:
 * it trains on 20,000 recipes, each a sequence of its own that is filled up with blanks; here a text is one long sequence of which windows are drawn, and no
 * token is filling. First weights are PyTorch's, not Keras's.
 * `cell`: gru is Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014. `tied`: Press and Wolf, "Using the output embedding to improve
 * language models", 2017; the embedding then begins as U(-0.1, 0.1), as a head's weights must be small. `dropout` acts on the embedding, between layers and before
 * the head (Zaremba et al., "Recurrent neural network regularization", 2014). No bidirectional variant: a model that has read the next token cannot predict it.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { Parameter } from "../../graph/leaf.ts";
import { linear } from "../../graph/ops/linalg.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { Dropout } from "../../nn/dropout.ts";
import { Embedding } from "../../nn/embedding.ts";
import { type Initializer, torchDefault } from "../../nn/init.ts";
import { Linear } from "../../nn/linear.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { GRU, LSTM } from "../../nn/recurrent.ts";
import { type Batch, defineModel } from "../model.ts";
import { inputsAndTargets, languageMetricInfo, languageMetrics, natsPerToken, type TextConfig, textData, textFields } from "./blocks.ts";

const fields = z.strictObject({
  ...textFields,
  embedding: z.int().min(1).max(16_384).describe("numbers of a token's vector"),
  hidden: z.int().min(1).max(16_384).describe("units of a layer's state"),
  layers: z.int().min(1).max(16).describe("recurrent layers on top of each other"),
  cell: z.enum(["lstm", "gru"]).describe("the recurrent unit"),
  dropout: z.number().min(0).max(0.95).describe("probability of zeroing a number of the embedding, between layers and before the head"),
  tied: z.boolean().describe("the head's weights are the embedding's; both sizes must then be the same"),
});
const config = fields.refine(({ tied, embedding, hidden }) => !tied || embedding === hidden, {
  message: "tied weights need an embedding as wide as the state: embedding and hidden must be one number",
  path: ["tied"],
});

export interface LstmConfig extends TextConfig {
  readonly embedding: number;
  readonly hidden: number;
  readonly layers: number;
  readonly cell: "lstm" | "gru";
  readonly dropout: number;
  readonly tied: boolean;
}

/** U(-0.1, 0.1): with a hundred inputs PyTorch's default reaches to 1/√100. */
const small: Initializer = (shape, { fanOut }, rng) => torchDefault(shape, { fanIn: 100, fanOut }, rng);

/** What the network carries from token to token: `h`, and of an LSTM `c`, [layers, B, H] each. */
export type RecurrentState = Readonly<Record<string, Tensor>>;

export class RecurrentLanguageModel extends Module {
  readonly embedding: Embedding;
  readonly rnn: LSTM | GRU;
  /** Untied weights and the bias; tied, the bias alone. */
  readonly head: Linear | undefined;
  readonly bias: Parameter | undefined;
  readonly config: LstmConfig;
  readonly #dropout: Dropout;

  constructor(settings: LstmConfig, rng: RandomStream) {
    super();
    const { vocabulary, embedding: width, hidden, layers: numLayers, dropout, tied, cell } = settings;
    this.embedding = new Embedding({ count: vocabulary, width, rng, ...(tied ? { init: small } : {}) });
    const options = { in: width, hidden, numLayers, rng, dropout: numLayers > 1 ? dropout : 0 };
    this.rnn = cell === "lstm" ? new LSTM(options) : new GRU(options);
    if (tied) this.bias = new Parameter([vocabulary], new Float32Array(vocabulary));
    else this.head = new Linear({ in: hidden, out: vocabulary, rng });
    this.#dropout = new Dropout(dropout);
    this.config = settings;
  }

  /** tokens [B, T] and the state before them (zeros where absent) -> scores of the token after each [B, T, V], and the state after the last. */
  call(tokens: Tensor, state?: RecurrentState): { logits: Tensor; state: RecurrentState } {
    const x = this.#dropped(this.embedding.call(tokens));
    const { outputs, state: last } = this.#run(x, state);
    const hidden = this.#dropped(outputs);
    const logits = this.head?.call(hidden) ?? linear(hidden, this.embedding.weight, this.bias);
    return { logits, state: last };
  }

  #run(x: Tensor, state: RecurrentState | undefined): { outputs: Tensor; state: RecurrentState } {
    if (this.rnn instanceof LSTM) {
      const { outputs, state: last } = this.rnn.call(x, state && { h: state.h, c: state.c });
      return { outputs, state: { h: last.h, c: last.c } };
    }
    const { outputs, state: h } = this.rnn.call(x, state?.h);
    return { outputs, state: { h } };
  }

  #dropped(x: Tensor): Tensor {
    return this.#dropout.probability > 0 ? this.#dropout.call(x) : x;
  }
}

function nats(model: RecurrentLanguageModel, { tokens }: Batch): Tensor {
  const { inputs, targets } = inputsAndTargets(tokens);
  return natsPerToken(model.call(inputs).logits, targets);
}

export function objective(model: RecurrentLanguageModel, batch: Batch): Terms {
  return terms({ nats: nats(model, batch) });
}

const book: LstmConfig = {
  ...{ context: 200, tokenizer: "word", vocabulary: 10_000 },
  ...{ embedding: 100, hidden: 128, layers: 1, cell: "lstm", dropout: 0, tied: false },
};
const characters: LstmConfig = { ...book, context: 100, tokenizer: "char", vocabulary: 256, embedding: 64, hidden: 256 };

export const lstm = defineModel<LstmConfig, RecurrentLanguageModel>({
  name: "lstm",
  title: "LSTM language model",
  family: "language",
  year: 1997,
  paper: "Hochreiter and Schmidhuber, Neural Computation 9(8), 1997",
  summary:
    "Reads a text token by token, keeps what matters in a state of fixed size, and says what comes next. Drawn from again and again, it writes.",
  config,
  presets: {
    smoke: {
      config: { ...book, context: 8, tokenizer: "char", vocabulary: 24, embedding: 6, hidden: 10, layers: 2 },
      training: { epochs: 1, batch: 4 },
      about: "seconds; for tests",
      data: "tinyshakespeare",
    },
    small: {
      config: { ...book, context: 64, vocabulary: 5000, embedding: 192, hidden: 192, dropout: 0.2, tied: true },
      training: { epochs: 5, batch: 32, learningRate: 3e-3, schedule: "cosine", clipNorm: 1 },
      about: "5,000 words of American prose, tied weights and dropout; about five minutes",
      data: "brown",
    },
    paper: {
      config: book,
      training: { epochs: 25, batch: 32, windows: "blocks" },
      about: "the book's network, on a novel; about six minutes",
      data: "moby-dick",
    },
    characters: {
      config: characters,
      training: { steps: 3000, batch: 32, learningRate: 2e-3, schedule: "cosine", clipNorm: 1 },
      about: "a play letter by letter; about three minutes",
      data: "tinyshakespeare",
    },
    gru: {
      config: { ...characters, cell: "gru", layers: 2, hidden: 192, dropout: 0.1 },
      training: { steps: 3000, batch: 32, learningRate: 2e-3, schedule: "cosine", clipNorm: 1 },
      about: "two layers of gated recurrent units, letter by letter; about five minutes",
      data: "tinyshakespeare",
    },
  },
  data: { sets: ["brown", "moby-dick", "tinyshakespeare", "sotu"], ...textData },
  build: (settings, rng) => new RecurrentLanguageModel(settings, rng),
  objective,
  metrics: (model, batch) => languageMetrics(nats(model, batch)),
  metricInfo: languageMetricInfo,
  logits: (model, tokens) => model.call(tokens).logits,
  recurrence: {
    state: ({ config: { layers, hidden, cell } }, batch) => {
      const shape = [layers, batch, hidden];
      return Object.fromEntries((cell === "lstm" ? ["h", "c"] : ["h"]).map((name) => [name, shape]));
    },
    step: (model, tokens, state) => {
      const { logits, state: after } = model.call(tokens.reshape([-1, 1]), state);
      return { logits: logits.reshape([tokens.shape[0], -1]), state: after };
    },
  },
});
