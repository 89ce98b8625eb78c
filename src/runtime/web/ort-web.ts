import type { TypedArray } from "../../core/dtype.ts";
import type { ValueMetadata } from "../value-info.ts";

// The part of the package onnxruntime-web that is used, and of the browser's WebGPU, whose types the library does not otherwise need.

export interface WebTensor {
  readonly data: TypedArray;
  dispose(): void;
}

export interface WebSession {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  run(feeds: Readonly<Record<string, WebTensor>>, fetches: Readonly<Record<string, WebTensor | null>>): Promise<Record<string, WebTensor>>;
  release(): Promise<void>;
}

export interface GpuBuffer {
  readonly size: number;
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

export interface GpuDevice {
  createBuffer(descriptor: { size: number; usage: number }): GpuBuffer;
  createCommandEncoder(): {
    copyBufferToBuffer(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, size: number): void;
    finish(): unknown;
  };
  readonly queue: {
    writeBuffer(buffer: GpuBuffer, offset: number, data: ArrayBufferView): void;
    submit(commands: readonly unknown[]): void;
  };
}

/** `import * as ort from "onnxruntime-web"`. */
export interface OrtWeb {
  readonly Tensor: {
    new (type: string, data: TypedArray, dims: readonly number[]): WebTensor;
    fromGpuBuffer(buffer: GpuBuffer, options: { dataType: string; dims: readonly number[] }): WebTensor;
  };
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<WebSession>;
  };
  readonly env: {
    logLevel?: string;
    readonly versions: { readonly web?: string };
    readonly wasm: { numThreads?: number; wasmPaths?: unknown; wasmBinary?: Uint8Array };
    readonly webgpu: { readonly device: Promise<GpuDevice> };
  };
}
