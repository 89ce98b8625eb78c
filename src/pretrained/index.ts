export { type AdapterConfig, adapterConfigOf, adapterFrom, adapterTensors, readAdapterConfig } from "./adapter.ts";
export type { Architecture, StoredName } from "./architecture.ts";
export { architectureOf, architectures, readConfig } from "./architectures.ts";
export { readLlama2c, readLlama2cTokenizer } from "./llama2c.ts";
export * from "./onnx-export.ts";
export * from "./safetensors.ts";
export { assignWeights, type StoredTensor, storedWeights } from "./weights.ts";
