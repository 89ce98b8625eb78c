import { Gpt2, type Gpt2Config } from "../nn/transformers/gpt2.ts";
import type { ActivationName } from "../nn/transformers/parts.ts";
import { defineArchitecture } from "./architecture.ts";
import type { ConfigFields } from "./config-fields.ts";

/** Hugging Face's names of activations. */
export const activationNames: Readonly<Record<string, ActivationName>> = {
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

/** The name to write for one of our activations. */
export function activationName(ours: ActivationName): string {
  return Object.keys(activationNames).find((name) => activationNames[name] === ours) ?? ours;
}

function read(fields: ConfigFields): Gpt2Config {
  fields.only("scale_attn_weights", [true], "attention scores are divided by the root of the head's width");
  fields.only("scale_attn_by_inverse_layer_idx", [false], "attention is scaled alike in all layers");
  fields.only("add_cross_attention", [false], "there is no cross attention in this decoder");
  return {
    vocabulary: fields.whole("vocab_size", { fallback: 50_257 }),
    context: fields.whole("n_positions", { fallback: 1024 }),
    width: fields.whole("n_embd", { fallback: 768, most: 1 << 17 }),
    layers: fields.whole("n_layer", { fallback: 12, most: 4096 }),
    heads: fields.whole("n_head", { fallback: 12, most: 4096 }),
    ...(fields.has("n_inner") ? { hidden: fields.whole("n_inner", { most: 1 << 19 }) } : {}),
    activation: fields.choice("activation_function", activationNames, "gelu_new"),
    epsilon: fields.number("layer_norm_epsilon", { fallback: 1e-5 }),
    tied: fields.flag("tie_word_embeddings", true),
    dropout: fields.number("resid_pdrop", { fallback: 0.1, zero: true }),
  };
}

function write(config: Gpt2Config): Record<string, unknown> {
  const { vocabulary, context, width, layers, heads, hidden, activation = "gelu-tanh", epsilon = 1e-5, tied = true, dropout = 0 } = config;
  return {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: vocabulary,
    n_positions: context,
    n_embd: width,
    n_layer: layers,
    n_head: heads,
    n_inner: hidden ?? null,
    activation_function: activationName(activation),
    layer_norm_epsilon: epsilon,
    tie_word_embeddings: tied,
    resid_pdrop: dropout,
    embd_pdrop: dropout,
    attn_pdrop: dropout,
  };
}

/** Matrices that GPT-2's files hold as [in, out]. */
const turned = /\.(c_attn|c_proj|c_fc)\.weight$/;

/** GPT-2 in Hugging Face's files. */
export const gpt2Architecture = defineArchitecture<Gpt2Config, Gpt2>({
  kind: "gpt2",
  modelTypes: ["gpt2"],
  read,
  write,
  build: (config, rng) => new Gpt2(config, rng),
  owns: (network): network is Gpt2 => network instanceof Gpt2,
  configOf: (network) => network.config,
  parameterCount: ({ vocabulary, context, width, layers, hidden = 4 * width, bias = true, tied = true }) => {
    const biases = bias ? 5 * width + hidden + 2 * width : 0;
    const layer = 4 * width * width + 2 * width * hidden + 2 * width + biases;
    return vocabulary * width * (tied ? 1 : 2) + context * width + layers * layer + (bias ? 2 : 1) * width;
  },
  stored: (path) => ({ name: path, transposed: turned.test(path) }),
  present: (name) => {
    if (/\.attn\.(bias|masked_bias)$/.test(name)) return undefined;
    return name.startsWith("transformer.") || name.startsWith("lm_head.") ? name : `transformer.${name}`;
  },
  shared: ({ tied = true }): Record<string, string> => (tied ? { "lm_head.weight": "transformer.wte.weight" } : {}),
  zeros: ({ width, layers, hidden = 4 * width, bias = true }) => {
    if (bias) return {};
    const layer = {
      "ln_1.bias": [width],
      "attn.c_attn.bias": [3 * width],
      "attn.c_proj.bias": [width],
      "ln_2.bias": [width],
      "mlp.c_fc.bias": [hidden],
      "mlp.c_proj.bias": [width],
    };
    const blocks = Array.from({ length: layers }, (_, i) =>
      Object.entries(layer).map(([name, shape]): [string, number[]] => [`transformer.h.${i}.${name}`, shape]),
    );
    return Object.fromEntries([...blocks.flat(), ["transformer.ln_f.bias", [width]]]);
  },
});
