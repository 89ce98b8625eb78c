import type { DType, Shape, TypedArray } from "../core/dtype.ts";
import type { KernelSource, Target } from "../graph/onnx.ts";

export type { Target } from "../graph/onnx.ts";

/** A named value at the edge of a program. A dimension of -1 is free: it is fixed by each binding. */
export interface ValueInfo {
  name: string;
  dtype: DType;
  shape: Shape;
}

export interface LoadOptions {
  /** Shown in errors and profiles. */
  name: string;
  /** The kernels of our own that the model was lowered with. */
  kernels?: KernelSource | undefined;
  /** `none` for training graphs that our own passes optimised, `all` for frozen inference graphs. */
  optimize: "none" | "all";
}

/** Runs ONNX models on one device. The only seam between the library and a runtime. */
export interface Backend {
  /** `cpu`, `webgpu`, ...: what `--device` names. */
  readonly device: string;
  /** Which implementation answers: `onnxruntime (C API)`, `onnxruntime-node`, ... */
  readonly description: string;
  readonly target: Target;
  /** Channels in a block of its blocked convolution layout, found by trying (see channel-block.ts); undefined or 0 where it has none. */
  channelBlock?: number | undefined;
  /** Kernels of our own, collected anew for each program; absent where the processor or the runtime has no use for them. */
  collectKernels?: (() => KernelSource) | undefined;
  /** Make a session of a serialized ONNX ModelProto. @throws RuntimeError when the runtime refuses it. */
  load(model: Uint8Array, options: LoadOptions): Promise<Executable>;
}

/** One loaded model. */
export interface Executable {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * Tie every input and every wanted output to a host array, by name. The arrays are read and written in place by each run; outputs
   * that are left out are not fetched. An array may be bound as input and output at once where the graph's author knows that it is safe.
   * @throws RuntimeError for an unknown or missing name, a wrong dtype or a wrong length.
   */
  bind(inputs: Readonly<Record<string, TypedArray>>, outputs: Readonly<Record<string, TypedArray>>): Binding;
  /** Wait for runs in flight, then free the session. Calling it twice is harmless. */
  dispose(): Promise<void>;
}

/** Arrays tied to a program: made once, run many times. */
export interface Binding {
  /** Run without blocking the event loop. Never two runs of one binding at once. @throws RuntimeError */
  run(): Promise<void>;
  /** Run at once on this thread, for steps of around a millisecond or less; undefined where the runtime has no such call. @throws RuntimeError */
  runSync?: (() => void) | undefined;
  dispose(): void;
}
