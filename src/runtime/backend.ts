import type { DType, Shape, TypedArray } from "../core/dtype.ts";
import type { KernelSource, Target } from "../graph/onnx.ts";
import type { OutsideWeight } from "../lower/outside-weights.ts";

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
  /** Weights that the model names and does not hold, where {@link Backend.takesWeights}: they are copied. */
  weights?: Readonly<Record<string, OutsideWeight>> | undefined;
}

/**
 * Arrays that stay on a device between runs. Each kept array has a twin there; a binding uses the twin where it is given the array, so that nothing is
 * copied between host and device when a program runs. The host's numbers then grow old: copies are made only when asked for.
 */
export interface DeviceMemory {
  /** Give arrays twins with their present values, for bindings made from now on. An array that has one keeps it. @throws RuntimeError */
  keep(arrays: readonly TypedArray[]): void;
  /** Copy arrays to their twins, after the runs that are under way. Arrays without a twin are left as they are. @throws RuntimeError */
  write(arrays: readonly TypedArray[]): Promise<void>;
  /** Copy twins back to their arrays, after the runs that are under way. Arrays without a twin are left as they are. @throws RuntimeError */
  read(arrays: readonly TypedArray[]): Promise<void>;
  /** Forget twins without copying anything. Bindings that use them must be disposed first. */
  release(arrays: readonly TypedArray[]): void;
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
  /** Where the device has a memory of its own; undefined on the CPU, whose programs work on the host's arrays in place. */
  readonly memory?: DeviceMemory | undefined;
  /** Kernels of our own, collected anew for each program; absent where the processor or the runtime has no use for them. */
  collectKernels?: (() => KernelSource) | undefined;
  /** Whether `load` takes weights beside a model. */
  readonly takesWeights?: boolean;
  /** Make a session of a serialized ONNX ModelProto. @throws RuntimeError when the runtime refuses it. */
  load(model: Uint8Array, options: LoadOptions): Promise<Executable>;
  /** Run a model a few times in a session of its own with the runtime's profiler on; absent where the runtime has none. @throws RuntimeError */
  profile?(model: Uint8Array, options: ProfileOptions): Promise<Profile>;
}

export interface ProfileOptions extends LoadOptions {
  /** Values to run with, by input name. They are copied: programs that work in place leave them as they are. */
  inputs: Readonly<Record<string, TypedArray>>;
  /** Arrays whose lengths fix outputs with a free dimension; they are not written. */
  outputs?: Readonly<Record<string, TypedArray>> | undefined;
  /** Runs that count, after `warmup` runs that fault memory in and do not. */
  runs?: number | undefined;
  warmup?: number | undefined;
}

/** One node of the graph as the runtime executed it; nodes inside a Scan, Loop or If count in their parent's time, too. */
export interface ProfileRow {
  /** Operator type, such as `MatMul`. */
  op: string;
  /** The node's name in the model. */
  node: string;
  /** Shapes in and out: `float[32,100] float[100,10] -> float[32,10]`. */
  shapes: string;
  /** Executions per run. */
  count: number;
  /** Mean time of all executions in one run, microseconds. */
  microseconds: number;
}

export interface Profile {
  /** Runs averaged over. */
  runs: number;
  /** Mean time of a run as the runtime sees it, microseconds. */
  runMicroseconds: number;
  /** Slowest first. */
  rows: ProfileRow[];
}

/** One loaded model. */
export interface Executable {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * Tie every input and every wanted output to a host array, by name. The arrays (or their twins, see {@link DeviceMemory}) are read and written in place by each run; outputs
   * that are left out are not fetched. An array may be bound as input and output at once where the graph's author knows that it is safe.
   * @param shapes of values with several free dimensions, by name; one alone follows from the array's length
   * @throws RuntimeError for an unknown or missing name, a wrong dtype or a wrong length.
   */
  bind(
    inputs: Readonly<Record<string, TypedArray>>,
    outputs: Readonly<Record<string, TypedArray>>,
    shapes?: Readonly<Record<string, Shape>>,
  ): Binding;
  /** Wait for runs in flight, then free the session. Calling it twice is harmless. */
  dispose(): Promise<void>;
}

/** Arrays tied to a program: made once, run many times. */
export interface Binding {
  /** Run without blocking the event loop. Never two runs of one binding at once. @throws RuntimeError */
  run(): Promise<void>;
  /** Run at once on this thread, for steps of around a millisecond or less; undefined where the runtime has no such call. @throws RuntimeError */
  runSync?: (() => void) | undefined;
  /** Free the binding, after a run in flight. The arrays stay. */
  dispose(): void;
}
