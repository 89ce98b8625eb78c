import { Bert, type BertConfig } from "../nn/transformers/bert.ts";
import { defineArchitecture } from "./architecture.ts";
import type { ConfigFields } from "./config-fields.ts";
import { activationName, activationNames } from "./gpt2.ts";

function read(fields: ConfigFields): BertConfig {
  fields.only("position_embedding_type", ["absolute"], "positions have vectors of their own");
  fields.only("is_decoder", [false], "every token sees all others");
  fields.only("add_cross_attention", [false], "there is no cross attention in this encoder");
  return {
    vocabulary: fields.whole("vocab_size"),
    context: fields.whole("max_position_embeddings"),
    width: fields.whole("hidden_size", { most: 1 << 17 }),
    layers: fields.whole("num_hidden_layers", { most: 4096 }),
    heads: fields.whole("num_attention_heads", { most: 4096 }),
    hidden: fields.whole("intermediate_size", { most: 1 << 20 }),
    segments: fields.whole("type_vocab_size", { fallback: 2, most: 65_536 }),
    activation: fields.choice("hidden_act", activationNames, "gelu"),
    epsilon: fields.number("layer_norm_eps", { fallback: 1e-12 }),
    dropout: fields.number("hidden_dropout_prob", { fallback: 0.1, zero: true }),
    labels: labelsOf(fields.values.id2label),
  };
}

/** Names by number, as `id2label` has them; undefined where they are not all there. */
function labelsOf(value: unknown): string[] | undefined {
  const named = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const labels = Object.keys(named).map((_, i) => named[String(i)]);
  return labels.length > 0 && labels.every((label) => typeof label === "string") ? labels : undefined;
}

/** The names of classes, in both directions. */
function labelFields(
  classes: number,
  labels: readonly string[] = Array.from({ length: classes }, (_, i) => `LABEL_${i}`),
): Record<string, unknown> {
  return {
    id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  };
}

function write(config: BertConfig): Record<string, unknown> {
  const { vocabulary, context, width, layers, heads, hidden = 4 * width, segments = 2, activation = "gelu", epsilon = 1e-12 } = config;
  const { dropout = 0, masked = true, pooled = true, nextSentence = pooled, classes, labels } = config;
  const heading = classes !== undefined ? "ForSequenceClassification" : nextSentence ? "ForPreTraining" : masked ? "ForMaskedLM" : "Model";
  return {
    model_type: "bert",
    architectures: [`Bert${heading}`],
    vocab_size: vocabulary,
    max_position_embeddings: context,
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: hidden,
    type_vocab_size: segments,
    hidden_act: activationName(activation),
    layer_norm_eps: epsilon,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    ...(classes === undefined ? {} : labelFields(classes, labels)),
  };
}

function present(name: string): string | undefined {
  if (name.endsWith(".position_ids")) return undefined;
  // The bias of the logits stands under two names, and norms had others once.
  const renamed = name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");
  return /^(bert|cls|classifier)\./.test(renamed) ? renamed : `bert.${renamed}`;
}

/** BERT in Hugging Face's files; which heads there are is seen from the names in them. */
export const bertArchitecture = defineArchitecture<BertConfig, Bert>({
  kind: "bert",
  modelTypes: ["bert"],
  read,
  adapt: (config, tensors) => {
    const has = (name: string) => tensors.has(name);
    const classes = tensors.get("classifier.bias")?.[0];
    return {
      ...config,
      labels: config.labels?.length === classes ? config.labels : undefined,
      masked: has("cls.predictions.bias"),
      pooled: has("bert.pooler.dense.weight"),
      nextSentence: has("cls.seq_relationship.weight"),
      ...(classes === undefined ? {} : { classes }),
    };
  },
  write,
  build: (config, rng) => new Bert(config, rng),
  owns: (network): network is Bert => network instanceof Bert,
  configOf: (network) => network.config,
  parameterCount: (config) => {
    const {
      vocabulary,
      context,
      width,
      layers,
      hidden = 4 * width,
      segments = 2,
      masked = true,
      pooled = true,
      nextSentence = pooled,
      classes,
    } = config;
    const square = width * width + width;
    const layer = 4 * square + 2 * width * hidden + hidden + width + 4 * width;
    const heads = (masked ? square + 2 * width + vocabulary : 0) + (nextSentence ? 2 * width + 2 : 0) + (classes ?? 0) * (width + 1);
    return (vocabulary + context + segments + 2) * width + layers * layer + (pooled ? square : 0) + heads;
  },
  stored: (name) => ({ name, transposed: false }),
  present,
  shared: () => ({
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
  }),
});
