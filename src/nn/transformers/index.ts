export { Bert, type BertConfig, type BertInputs } from "./bert.ts";
export { type Cache, EncoderDecoder, type EncoderDecoderConfig, type EncoderMemory } from "./encoder-decoder.ts";
export { Gpt2, type Gpt2Config } from "./gpt2.ts";
export { Llama, type LlamaConfig } from "./llama.ts";
export { type ActivationName, activations, attentionWeights } from "./parts.ts";
export { type RopeScaling, ropeFrequencies } from "./rope.ts";
