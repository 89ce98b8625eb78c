/**
 * Sequence to sequence with attention: one recurrent network reads a text, another writes what it becomes, and looks back at each word.
 * Papers: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", 2015, arXiv:1409.0473 (`additive`);
 * Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation", 2015, arXiv:1508.04025 (`dot`, `general`).
 *
 *   paper        here                      shape             meaning
 *   x            source                    [B, S]            ids, the end token, padding 0
 *   y            target                    [B, T]            the begin token, ids, the end token, padding 0
 *   h_j          memory.values             [B, S, C]         both directions' states; C = 2 · encoderHidden
 *   s_i, h_t     state[0]                  [B, H]            the decoder's
 *   e_ij         scores                    [B, S]            how well place j fits what is written next
 *   α_ij         weights                   [B, S]            softmax of these: the alignment
 *   c_i          context                   [B, C]            Σ_j α_ij h_j
 *   h̃_t          features                  [B, F]            what the next token is told from
 *
 * `additive`: the context is found from the state before and goes into a GRU; maxout, then the vocabulary (Appendix A.2). Departs from it there: the readout
 * sees the state after the step, as Eq. 4 says and the appendix does not. `dot` and `general`: an LSTM first, the context from its new state, then tanh and
 * the vocabulary (global attention); with `inputFeeding` h̃ is part of the next input (section 3.3). Departs: one layer, not four, and its encoder reads both ways.
 * First weights are PyTorch's. Dropout is on embeddings and features.
 */
import { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import { linear, matmul } from "../../graph/ops/linalg.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import { scan } from "../../graph/ops/scan.ts";
import { split } from "../../graph/ops/split.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { Dropout } from "../../nn/dropout.ts";
import { Embedding } from "../../nn/embedding.ts";
import { Linear } from "../../nn/linear.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { PaddedRecurrent } from "../../nn/padded-recurrent.ts";
import { GRUCell, gruStep, LSTMCell, lstmStep } from "../../nn/recurrent.ts";
import { type Batch, defineModel } from "../model.ts";
import { translationSampling } from "../translation.ts";
import {
  paddingBias,
  paddingOf,
  pairData,
  pairFields,
  pairMetricInfo,
  pairMetrics,
  pairNats,
  perToken,
  shifted,
  sourceVocabularyOf,
} from "./pairs.ts";

const config = z.strictObject({
  ...pairFields,
  attention: z.enum(["additive", "dot", "general"]).describe("how a place is scored: Bahdanau's, or Luong's two"),
  embedding: z.int().min(1).max(8192).describe("width of token vectors"),
  encoderHidden: z.int().min(1).max(8192).describe("units of the encoder, in each direction"),
  hidden: z.int().min(1).max(8192).describe("H, units of the decoder; with dot attention 2 · encoderHidden"),
  alignment: z.int().min(1).max(8192).describe("units of additive attention"),
  readout: z.int().min(1).max(8192).describe("width of the features that tell the next token, with additive attention"),
  inputFeeding: z.boolean().describe("dot, general: the features are part of the next input"),
  dropout: z.number().min(0).max(0.95).describe("of embeddings and features, while training"),
});
export type Seq2SeqConfig = z.infer<typeof config>;

/** What each step of the decoder looks at. */
export interface Memory {
  /** [B, S, A] (additive), [B, S, H]: places as queries meet them. */
  readonly keys: Tensor;
  /** [B, S, C] */
  readonly values: Tensor;
  /** [B, S]: 0, and at padding so little that nobody looks there. */
  readonly bias: Tensor;
}

type Named = Readonly<Record<string, Tensor>>;

/** Scores of places for a state, by one of three formulas. */
export class Attention extends Module {
  readonly queryMap: Linear | undefined;
  readonly keyMap: Linear | undefined;
  readonly score: Linear | undefined;

  constructor({ attention, hidden, alignment, encoderHidden }: Seq2SeqConfig, rng: RandomStream) {
    super();
    const width = 2 * encoderHidden;
    if (attention === "additive") {
      this.queryMap = new Linear({ in: hidden, out: alignment, rng, bias: false });
      this.keyMap = new Linear({ in: width, out: alignment, rng });
      this.score = new Linear({ in: alignment, out: 1, rng, bias: false });
    } else if (attention === "general") this.keyMap = new Linear({ in: width, out: hidden, rng, bias: false });
  }

  /** What of a score does not depend on the state, for all places at once: [B, S, C] -> [B, S, A or H]. */
  keys(values: Tensor): Tensor {
    return this.keyMap?.call(values) ?? values;
  }

  /** The alignment [B, S] of a state [B, H], and the context [B, C]. */
  call(state: Tensor, { keys, values, bias }: Memory): { weights: Tensor; context: Tensor } {
    const [B, S, width] = keys.dims("B S A");
    const scores =
      this.queryMap !== undefined && this.score !== undefined
        ? this.score.call(keys.add(this.queryMap.call(state).reshape([B, 1, width])).tanh()) // v · tanh(W s + U h_j), Appendix A.1.2
        : matmul(keys, state.reshape([B, width, 1])); // h_t · h_s and h_t · W h_s, Luong et al. Eq. 8
    const weights = scores.reshape([B, S]).add(bias).softmax(); // Eq. 6
    const context = matmul(weights.reshape([B, 1, S]), values); // Eq. 5
    return { weights, context: context.reshape([B, values.shape[2]]) };
  }
}

/** One step of writing: the next state, what the next token is told from, and where it looked. */
interface Step {
  /** [B, H] each: h; of an LSTM its cells; with input feeding the features. */
  readonly state: readonly Tensor[];
  /** [B, F] */
  readonly features: Tensor;
  /** [B, S] */
  readonly weights: Tensor;
}

export class Seq2Seq extends Module {
  readonly sourceEmbedding: Embedding;
  readonly encoder: PaddedRecurrent;
  readonly bridge: Linear;
  readonly targetEmbedding: Embedding;
  readonly cell: GRUCell | LSTMCell;
  readonly attention: Attention;
  readonly readout: Linear;
  readonly head: Linear;
  readonly dropout: Dropout;
  readonly config: Seq2SeqConfig;

  constructor(settings: Seq2SeqConfig, rng: RandomStream) {
    super();
    const { embedding, encoderHidden, hidden, readout, vocabulary, dropout, inputFeeding } = settings;
    requireFitting(settings);
    const additive = settings.attention === "additive";
    const width = 2 * encoderHidden;
    this.sourceEmbedding = new Embedding({ count: sourceVocabularyOf(settings), width: embedding, rng });
    this.encoder = new PaddedRecurrent({ cell: additive ? "gru" : "lstm", in: embedding, hidden: encoderHidden, rng });
    this.bridge = new Linear({ in: encoderHidden, out: additive ? hidden : 2 * hidden, rng });
    this.targetEmbedding = new Embedding({ count: vocabulary, width: embedding, rng });
    const cell = { in: embedding + (additive ? width : inputFeeding ? hidden : 0), hidden, rng };
    this.cell = additive ? new GRUCell(cell) : new LSTMCell(cell);
    this.attention = new Attention(settings, rng);
    this.readout = additive
      ? new Linear({ in: hidden + width + embedding, out: 2 * readout, rng })
      : new Linear({ in: width + hidden, out: hidden, rng, bias: false });
    this.head = new Linear({ in: additive ? readout : hidden, out: vocabulary, rng });
    this.dropout = new Dropout(dropout);
    this.config = settings;
  }

  /** Read sources [B, S]: what the decoder looks at, and its first state s_0 = tanh(W ←h_1) (Appendix A.2.2). */
  encode(source: Tensor): { memory: Memory; state: readonly Tensor[] } {
    const { hidden, attention, inputFeeding } = this.config;
    const padding = paddingOf(source).cast("float32");
    const { outputs, first } = this.encoder.call(this.dropout.call(this.sourceEmbedding.call(source)), padding);
    const memory = { keys: this.attention.keys(outputs), values: outputs, bias: paddingBias(source) };
    const initial = this.bridge.call(first).tanh();
    if (attention === "additive") return { memory, state: [initial] };
    const fed = inputFeeding ? [full([source.shape[0], hidden], 0)] : [];
    return { memory, state: [...split(initial, [hidden, hidden], 1), ...fed] };
  }

  /** y [B, E], the vector of the token before. */
  step(y: Tensor, state: readonly Tensor[], memory: Memory): Step {
    return this.config.attention === "additive" ? this.#lookThenStep(y, state, memory) : this.#stepThenLook(y, state, memory);
  }

  /** Bahdanau et al.: s_i = GRU(s_{i-1}, y_{i-1}, c_i), and maxout of all three. */
  #lookThenStep(y: Tensor, [h]: readonly Tensor[], memory: Memory): Step {
    const { weights, context } = this.attention.call(h, memory);
    // The token's part of the gates stands apart, so that it is one product for all steps.
    const [ofToken, ofContext] = split(this.cell.weight_ih, [y.shape[1], context.shape[1]], 1);
    const gates = linear(y, ofToken, this.cell.bias_ih).add(linear(context, ofContext));
    const next = gruStep(gates, linear(h, this.cell.weight_hh, this.cell.bias_hh), h);
    const pairs = this.readout.call(concat([next, context, y], 1));
    const features = pairs.reshape([y.shape[0], this.config.readout, 2]).max(2); // maxout
    return { state: [next], features, weights };
  }

  /** Luong et al.: h_t = LSTM(h_{t-1}, y_{t-1}, h̃_{t-1}), h̃_t = tanh(W [c_t; h_t]), their Eq. 5. */
  #stepThenLook(y: Tensor, [h, c, fed]: readonly Tensor[], memory: Memory): Step {
    let gates: Tensor;
    if (fed === undefined) gates = linear(y, this.cell.weight_ih, this.cell.bias_ih);
    else {
      const [ofToken, ofFed] = split(this.cell.weight_ih, [y.shape[1], fed.shape[1]], 1);
      gates = linear(y, ofToken, this.cell.bias_ih).add(linear(fed, ofFed));
    }
    const next = lstmStep(gates.add(linear(h, this.cell.weight_hh, this.cell.bias_hh)), c);
    const { weights, context } = this.attention.call(next.h, memory);
    const features = this.readout.call(concat([context, next.h], 1)).tanh();
    return { state: [next.h, next.c, ...(fed === undefined ? [] : [features])], features, weights };
  }

  /** Scores of each next token with the true ones before it (teacher forcing): source [B, S], inputs [B, T] -> logits [B, T, V], alignment [B, T, S]. */
  call(source: Tensor, inputs: Tensor): { logits: Tensor; alignment: Tensor } {
    const { memory, state } = this.encode(source);
    const y = this.dropout.call(this.targetEmbedding.call(inputs)).transpose([1, 0, 2]);
    const { outputs } = scan(
      (carried, [token]) => {
        const { state: carry, features, weights } = this.step(token, carried, memory);
        return { carry, outputs: [features, weights] };
      },
      { init: state, xs: [y] },
    );
    const [features, weights] = outputs.map((stack) => stack.transpose([1, 0, 2]));
    return { logits: this.head.call(this.dropout.call(features)), alignment: weights };
  }
}

/** @throws UsageError where dot attention's two sides differ in width */
function requireFitting({ attention, hidden, encoderHidden }: Seq2SeqConfig): void {
  if (attention !== "dot" || hidden === 2 * encoderHidden) return;
  throw new UsageError({
    what: "Dot attention multiplies the decoder's state with the encoder's: both must be as wide.",
    got: `hidden=${hidden}, encoderHidden=${encoderHidden}`,
    expected: `hidden=${2 * encoderHidden}: twice encoderHidden`,
  });
}

export function objective(network: Seq2Seq, { source, target }: Batch): Terms {
  const { inputs, labels, counted } = shifted(target);
  return terms({ nats: perToken(pairNats(network.call(source, inputs).logits, labels, counted), counted) });
}

export function metrics(network: Seq2Seq, { source, target }: Batch): Record<string, Tensor> {
  const { inputs, labels, counted } = shifted(target);
  return pairMetrics(network.call(source, inputs).logits, labels, counted);
}

const g2p: Seq2SeqConfig = {
  ...{ sourceLength: 16, targetLength: 16, sourceVocabulary: 33, vocabulary: 43, sourceTokenizer: "char", tokenizer: "symbols" },
  ...{ attention: "additive", embedding: 64, encoderHidden: 128, hidden: 256, alignment: 128, readout: 128 },
  ...{ inputFeeding: false, dropout: 0.2 },
};
const luong: Seq2SeqConfig = { ...g2p, attention: "general" };
const messages: Seq2SeqConfig = {
  ...{ ...luong, sourceLength: 48, targetLength: 60, sourceVocabulary: 1500, vocabulary: 1500 },
  ...{ sourceTokenizer: "same", tokenizer: "byte-bpe" },
  ...{ embedding: 128, inputFeeding: true, dropout: 0.3 },
};
const small = { epochs: 2, batch: 128, learningRate: 2e-3, schedule: "cosine", warmup: 100, clipNorm: 5 } as const;

export const seq2seq = defineModel<Seq2SeqConfig, Seq2Seq>({
  name: "seq2seq",
  title: "Sequence to sequence with attention",
  family: "language",
  year: 2014,
  paper: "1409.0473",
  summary:
    "One recurrent network reads a text, another writes what it becomes: a word's sounds, a translation. At each step it looks back at what it needs.",
  config,
  presets: {
    smoke: {
      config: { ...g2p, sourceLength: 6, targetLength: 5, embedding: 6, encoderHidden: 4, hidden: 8, alignment: 5, readout: 6, dropout: 0 },
      training: { epochs: 1, batch: 16, learningRate: 1e-2 },
      about: "seconds; for tests",
    },
    small: { config: g2p, training: small, about: "the sounds of words with additive attention" },
    luong: { config: luong, training: small, about: "the sounds of words with an LSTM and multiplicative attention" },
    messages: {
      config: messages,
      training: { ...small, epochs: 60, batch: 32 },
      about: "a compiler's messages from English to French",
      data: "ts-diagnostics",
    },
    paper: {
      config: {
        ...{ ...g2p, sourceLength: 51, targetLength: 52, sourceVocabulary: 30_000, vocabulary: 30_000 },
        ...{ sourceTokenizer: "word", tokenizer: "word" },
        ...{ embedding: 620, encoderHidden: 1000, hidden: 1000, alignment: 1000, readout: 500, dropout: 0 },
      },
      training: { epochs: 5, batch: 80, clipNorm: 1 },
      about: "RNNsearch-50's sizes, for a translation corpus of your own (Adam instead of Adadelta)",
      data: "ts-diagnostics",
    },
  },
  data: { sets: ["g2p", "ts-diagnostics"], ...pairData },
  build: (settings, rng) => new Seq2Seq(settings, rng),
  objective,
  metrics,
  metricInfo: pairMetricInfo,
  sampling: translationSampling,
  translation: {
    begin(network, source) {
      const { memory, state } = network.encode(source);
      const { keys, ...rest } = memory;
      return { memory: keys === memory.values ? rest : { keys, ...rest }, state: named(state) };
    },
    step(network, { tokens, memory, state }) {
      const { values, bias, keys = values } = memory;
      const before = Object.keys(state).map((_, i) => state[`state${i}`]);
      const next = network.step(network.targetEmbedding.call(tokens), before, { keys, values, bias });
      return { logits: network.head.call(next.features), state: named(next.state), weights: next.weights };
    },
  },
});

function named(state: readonly Tensor[]): Named {
  return Object.fromEntries(state.map((tensor, i) => [`state${i}`, tensor]));
}
