/** What a page and the worker that holds its model say to each other. Everything is plain data. */
import type { Problem } from "../core/errors.ts";
import type { SamplingOptions } from "../generation/engine.ts";
import type { GivenPictures, Pictures, Samples } from "../models/model.ts";
import type { ModelAbout } from "./about.ts";
import type { WrittenToken } from "./model.ts";

/** What a worker opens a model from. */
export interface OpenRequest {
  /** The model's name in the garden. */
  model: string;
  config: Readonly<Record<string, unknown>>;
  /** Safetensors. */
  weights: Uint8Array;
  tokenizer?: unknown;
  sourceTokenizer?: unknown;
  device: "cpu" | "webgpu";
  /** The runtime's program; absent where it is found beside the page's code. */
  wasm?: Uint8Array<ArrayBuffer> | undefined;
  /** Default: as many as the runtime chooses. */
  threads?: number | undefined;
}

/** An opened model, and how it is run. */
export interface Opened {
  about: ModelAbout;
  /** What computes, in words. */
  device: string;
  /** Threads of the processor; 1 on a graphics card and where the page may share no memory. */
  threads: number;
}

/** The calls, with what is given and what comes back; `event` is what is told on the way. */
export interface Calls {
  open: { given: OpenRequest; result: Opened; event: string };
  sample: {
    given: {
      count: number;
      seed: number | string;
      conditions?: Float32Array | undefined;
      given?: GivenPictures | undefined;
      from?: Pictures | undefined;
      sampling?: Readonly<Record<string, unknown>> | undefined;
      /** Whether what the sampler shows on its way is wanted. */
      frames?: boolean | undefined;
    };
    result: Samples;
    event: Samples;
  };
  decode: { given: RowsRequest; result: Float32Array; event: never };
  encode: { given: RowsRequest; result: Float32Array; event: never };
  density: { given: RowsRequest; result: Float32Array; event: never };
  prepare: { given: Record<string, never>; result: null; event: never };
  write: {
    given: { prompt: string; maxTokens: number; sampling?: SamplingOptions | undefined; alternatives?: number | undefined };
    result: { reason: string; tokens: number };
    event: WrittenToken;
  };
  translate: { given: { source: string; sampling?: Readonly<Record<string, unknown>> | undefined }; result: string[]; event: never };
}

export interface RowsRequest {
  values: Float32Array;
  count: number;
  conditions?: Float32Array | undefined;
}

export type CallName = keyof Calls;

export type ToWorker = { id: number; call: CallName; given: unknown } | { cancel: number };

export type FromWorker =
  | { id: number; event: unknown }
  | { id: number; result: unknown }
  | { id: number; error: { message: string; problem?: Omit<Problem, "cause"> | undefined; cancelled: boolean } };
