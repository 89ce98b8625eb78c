import { FileError } from "../core/errors.ts";
import { Llama, type LlamaConfig } from "../nn/transformers/llama.ts";
import type { RopeScaling } from "../nn/transformers/rope.ts";
import { defineArchitecture } from "./architecture.ts";
import type { ConfigFields } from "./config-fields.ts";

/** Positions: `rope_parameters` (newer files), or `rope_theta` and `rope_scaling`. */
function readRope(fields: ConfigFields): Pick<LlamaConfig, "ropeBase" | "ropeScaling"> {
  const inner = fields.inner("rope_parameters") ?? fields.inner("rope_scaling");
  const base = inner?.has("rope_theta") ? inner.number("rope_theta") : fields.number("rope_theta", { fallback: 10_000 });
  const kind = inner?.values.rope_type ?? inner?.values.type ?? "default";
  if (inner === undefined || kind === "default") return { ropeBase: base };
  if (kind === "linear") return { ropeBase: base, ropeScaling: { kind, factor: inner.number("factor") } };
  if (kind !== "llama3") {
    throw new FileError({
      what: "This scaling of rotary positions is not supported.",
      where: inner.where,
      got: String(kind),
      expected: "default, linear or llama3",
    });
  }
  const ropeScaling: RopeScaling = {
    kind,
    factor: inner.number("factor"),
    low: inner.number("low_freq_factor"),
    high: inner.number("high_freq_factor"),
    originalContext: inner.whole("original_max_position_embeddings"),
  };
  return { ropeBase: base, ropeScaling };
}

/** A window narrower than the context would hide tokens that plain attention sees: then the context is cut to the window. */
function readContext(fields: ConfigFields): number {
  const context = fields.whole("max_position_embeddings", { fallback: 2048 });
  const used = fields.values.model_type !== "qwen2" || fields.flag("use_sliding_window", false);
  return used && fields.has("sliding_window") ? Math.min(context, fields.whole("sliding_window")) : context;
}

function read(fields: ConfigFields): LlamaConfig {
  fields.only("hidden_act", ["silu", "swish"], "the feed-forward layer is SwiGLU");
  fields.only("quantization_config", [], "weights are read as float32, float16 or bfloat16");
  const width = fields.whole("hidden_size", { most: 1 << 17 });
  const heads = fields.whole("num_attention_heads", { most: 4096 });
  const qwen = fields.values.model_type === "qwen2";
  return {
    vocabulary: fields.whole("vocab_size"),
    context: readContext(fields),
    width,
    layers: fields.whole("num_hidden_layers", { most: 4096 }),
    heads,
    keyValueHeads: fields.whole("num_key_value_heads", { fallback: heads, most: 4096 }),
    headSize: fields.whole("head_dim", { fallback: width / heads, most: 1 << 16 }),
    hidden: fields.whole("intermediate_size", { most: 1 << 20 }),
    epsilon: fields.number("rms_norm_eps", { fallback: 1e-6 }),
    ...readRope(fields),
    attentionBias: qwen ? "query-key-value" : fields.flag("attention_bias", false) ? "all" : "none",
    feedForwardBias: fields.flag("mlp_bias", false),
    tied: fields.flag("tie_word_embeddings", false),
  };
}

function writeRope({ ropeBase = 10_000, ropeScaling }: LlamaConfig): Record<string, unknown> {
  const scaling =
    ropeScaling?.kind === "llama3"
      ? {
          rope_type: "llama3",
          factor: ropeScaling.factor,
          low_freq_factor: ropeScaling.low,
          high_freq_factor: ropeScaling.high,
          original_max_position_embeddings: ropeScaling.originalContext,
        }
      : ropeScaling && { rope_type: "linear", factor: ropeScaling.factor };
  // Both forms, so that older and newer readers find theirs.
  return {
    rope_theta: ropeBase,
    rope_scaling: scaling ?? null,
    rope_parameters: { ...(scaling ?? { rope_type: "default" }), rope_theta: ropeBase },
  };
}

function write(config: LlamaConfig): Record<string, unknown> {
  const { vocabulary, context, width, layers, heads, keyValueHeads = heads, headSize = width / heads, hidden, epsilon = 1e-5 } = config;
  const qwen = config.attentionBias === "query-key-value";
  return {
    model_type: qwen ? "qwen2" : "llama",
    architectures: [qwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"],
    vocab_size: vocabulary,
    max_position_embeddings: context,
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    head_dim: headSize,
    intermediate_size: hidden,
    hidden_act: "silu",
    rms_norm_eps: epsilon,
    ...writeRope(config),
    ...(qwen
      ? { use_sliding_window: false }
      : { attention_bias: config.attentionBias === "all", mlp_bias: config.feedForwardBias ?? false }),
    tie_word_embeddings: config.tied ?? false,
  };
}

function parameterCount(config: LlamaConfig): number {
  const { vocabulary, width, layers, heads, keyValueHeads = heads, headSize = width / heads, hidden, tied = false } = config;
  const [queries, keys] = [heads * headSize, keyValueHeads * headSize];
  const { attentionBias = "none", feedForwardBias = false } = config;
  const attention =
    2 * width * (queries + keys) + (attentionBias === "none" ? 0 : queries + 2 * keys) + (attentionBias === "all" ? width : 0);
  const feedForward = 3 * width * hidden + (feedForwardBias ? 2 * hidden + width : 0);
  return vocabulary * width * (tied ? 1 : 2) + layers * (attention + feedForward + 2 * width) + width;
}

/** Llama and its relatives (Mistral, Qwen 2) in Hugging Face's files. */
export const llamaArchitecture = defineArchitecture<LlamaConfig, Llama>({
  kind: "llama",
  modelTypes: ["llama", "mistral", "qwen2"],
  read,
  write,
  build: (config, rng) => new Llama(config, rng),
  owns: (network): network is Llama => network instanceof Llama,
  configOf: (network) => network.config,
  parameterCount,
  stored: (name) => ({ name, transposed: false }),
  present: (name) => {
    if (name.endsWith(".rotary_emb.inv_freq")) return undefined;
    return name.startsWith("model.") || name.startsWith("lm_head.") ? name : `model.${name}`;
  },
  shared: ({ tied = false }): Record<string, string> => (tied ? { "lm_head.weight": "model.embed_tokens.weight" } : {}),
});
