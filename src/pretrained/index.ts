export * from "./onnx-export.ts";
export * from "./safetensors.ts";
