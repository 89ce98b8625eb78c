export * from "./activations.ts";
export {
  type AttentionCallOptions,
  type AttentionOptions,
  MultiheadAttention,
  type MultiheadAttentionOptions,
  scaledDotProductAttention,
} from "./attention.ts";
export * from "./blocks.ts";
export * from "./cached-attention.ts";
export * from "./categorical.ts";
export {
  Conv1d,
  type Conv1dOptions,
  Conv2d,
  type Conv2dOptions,
  Conv3d,
  type Conv3dOptions,
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  ConvTranspose3d,
  type ConvTranspose3dOptions,
} from "./conv.ts";
export * from "./coupling.ts";
export { type Decoded, type DecoderNetwork, type DecoderPast, type DecoderSizes, isDecoder } from "./decoder.ts";
export { Dropout } from "./dropout.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export * from "./flow.ts";
export * from "./flow-layers.ts";
export * from "./gated-pixels.ts";
export * as init from "./init.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export * from "./logistic-mixture.ts";
export { Lora, type LoraOptions, type LoraWeights } from "./lora.ts";
export * from "./losses.ts";
export { MaskedConv2d, type MaskedConv2dOptions, ShiftedConv2d, type ShiftedConv2dOptions } from "./masked-conv.ts";
export * from "./modulated-conv.ts";
export { Module, namedModules, namedParameters, namedStates, type Summary, summary } from "./module.ts";
export { BatchNorm, type BatchNormOptions, LayerNorm, type LayerNormOptions } from "./norm.ts";
export * from "./norms.ts";
export * from "./ode/index.ts";
export { PaddedRecurrent, type PaddedRecurrentOptions } from "./padded-recurrent.ts";
export { type PaddingMode, padBorders } from "./padding.ts";
export * from "./pool.ts";
export * from "./positions.ts";
export * from "./quantize.ts";
export * from "./raster.ts";
export { GRU, GRUCell, LSTM, LSTMCell, type LSTMState, RNN, RNNCell, type RNNCellOptions, type RNNOptions } from "./recurrent.ts";
export type { CellOptions, RecurrentOptions } from "./recurrent-weights.ts";
export * from "./resample.ts";
export { Sequential, type Step } from "./sequential.ts";
export * from "./transformer.ts";
export * from "./transformers/index.ts";
export { Warmup } from "./warmup.ts";
export * from "./weights.ts";
