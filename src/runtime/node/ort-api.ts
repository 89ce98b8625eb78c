/** The kinds of native handles; each becomes a named opaque pointer type. */
const handles = [
  "env",
  "threading",
  "options",
  "session",
  "binding",
  "value",
  "memoryInfo",
  "allocator",
  "typeInfo",
  "tensorInfo",
  "text",
  "textArray",
  "cudaOptions",
  "buffer",
  "opDomain",
] as const;

export type HandleKind = (typeof handles)[number];

/** A native address whose kind the compiler knows. Never 0 where a call needs a handle: the call checks it. */
export type Handle<Kind extends HandleKind> = bigint & { readonly kind: Kind };

/** Memory that a native call reads or writes during the call (an array) or beyond it (an address). */
export type Memory = Uint8Array | BigInt64Array | bigint;

type InArgument = HandleKind | "int" | "size" | "string" | "path" | "memory" | "null";
type OutArgument = `out ${HandleKind}` | "out int" | "out size";
export type Argument = InArgument | OutArgument;

/** One slot of the C API's function table. `status` calls return an error or nothing; `void` calls cannot fail. */
export interface Slot {
  slot: number;
  returns: "status" | "void";
  args: readonly Argument[];
}

/**
 * The part of ONNX Runtime's C API that we call, by member offset in `OrtApi` of API version 23 (onnxruntime_c_api.h; the table is
 * append-only). `out` arguments come back as results; `null` is passed for an argument we never give.
 */
export const slots = {
  createCustomOpDomain: { slot: 26, returns: "status", args: ["string", "out opDomain"] },
  addCustomOp: { slot: 27, returns: "status", args: ["opDomain", "memory"] },
  addCustomOpDomain: { slot: 28, returns: "status", args: ["options", "opDomain"] },
  createSessionFromArray: { slot: 8, returns: "status", args: ["env", "memory", "size", "options", "out session"] },
  createSessionOptions: { slot: 10, returns: "status", args: ["out options"] },
  disableMemoryPattern: { slot: 17, returns: "status", args: ["options"] },
  enableProfiling: { slot: 14, returns: "status", args: ["options", "path"] },
  setLogId: { slot: 20, returns: "status", args: ["options", "string"] },
  setLogSeverity: { slot: 22, returns: "status", args: ["options", "int"] },
  setGraphOptimizationLevel: { slot: 23, returns: "status", args: ["options", "int"] },
  setIntraOpThreads: { slot: 24, returns: "status", args: ["options", "int"] },
  inputCount: { slot: 30, returns: "status", args: ["session", "out size"] },
  outputCount: { slot: 31, returns: "status", args: ["session", "out size"] },
  inputTypeInfo: { slot: 33, returns: "status", args: ["session", "size", "out typeInfo"] },
  outputTypeInfo: { slot: 34, returns: "status", args: ["session", "size", "out typeInfo"] },
  inputName: { slot: 36, returns: "status", args: ["session", "size", "allocator", "out text"] },
  outputName: { slot: 37, returns: "status", args: ["session", "size", "allocator", "out text"] },
  createDeviceTensor: { slot: 48, returns: "status", args: ["allocator", "memory", "size", "int", "out value"] },
  createTensor: { slot: 49, returns: "status", args: ["memoryInfo", "memory", "size", "memory", "size", "int", "out value"] },
  tensorData: { slot: 51, returns: "status", args: ["value", "out buffer"] },
  tensorInfoOfType: { slot: 55, returns: "status", args: ["typeInfo", "out tensorInfo"] },
  elementType: { slot: 60, returns: "status", args: ["tensorInfo", "out int"] },
  dimensionCount: { slot: 61, returns: "status", args: ["tensorInfo", "out size"] },
  dimensions: { slot: 62, returns: "status", args: ["tensorInfo", "memory", "size"] },
  createMemoryInfo: { slot: 68, returns: "status", args: ["string", "int", "int", "int", "out memoryInfo"] },
  createCpuMemoryInfo: { slot: 69, returns: "status", args: ["int", "int", "out memoryInfo"] },
  allocatorFree: { slot: 76, returns: "status", args: ["allocator", "text"] },
  defaultAllocator: { slot: 78, returns: "status", args: ["out allocator"] },
  releaseSession: { slot: 95, returns: "void", args: ["session"] },
  releaseValue: { slot: 96, returns: "void", args: ["value"] },
  releaseTypeInfo: { slot: 98, returns: "void", args: ["typeInfo"] },
  releaseSessionOptions: { slot: 100, returns: "void", args: ["options"] },
  endProfiling: { slot: 110, returns: "status", args: ["session", "allocator", "out text"] },
  createEnvWithGlobalThreadPools: { slot: 119, returns: "status", args: ["int", "string", "threading", "out env"] },
  disablePerSessionThreads: { slot: 120, returns: "status", args: ["options"] },
  createThreadingOptions: { slot: 121, returns: "status", args: ["out threading"] },
  releaseThreadingOptions: { slot: 122, returns: "void", args: ["threading"] },
  availableProviders: { slot: 125, returns: "status", args: ["out textArray", "out int"] },
  releaseAvailableProviders: { slot: 126, returns: "status", args: ["textArray", "int"] },
  addSessionConfig: { slot: 130, returns: "status", args: ["options", "string", "string"] },
  createAllocator: { slot: 131, returns: "status", args: ["session", "memoryInfo", "out allocator"] },
  runWithBinding: { slot: 133, returns: "status", args: ["session", "null", "binding"] },
  createBinding: { slot: 134, returns: "status", args: ["session", "out binding"] },
  releaseBinding: { slot: 135, returns: "void", args: ["binding"] },
  bindInput: { slot: 136, returns: "status", args: ["binding", "string", "value"] },
  bindOutput: { slot: 137, returns: "status", args: ["binding", "string", "value"] },
  setGlobalIntraOpThreads: { slot: 147, returns: "status", args: ["threading", "int"] },
  setGlobalInterOpThreads: { slot: 148, returns: "status", args: ["threading", "int"] },
  setGlobalSpinControl: { slot: 149, returns: "status", args: ["threading", "int"] },
  appendCuda: { slot: 204, returns: "status", args: ["options", "cudaOptions"] },
  createCudaOptions: { slot: 205, returns: "status", args: ["out cudaOptions"] },
  releaseCudaOptions: { slot: 208, returns: "void", args: ["cudaOptions"] },
  addExternalInitializers: { slot: 210, returns: "status", args: ["options", "memory", "memory", "size"] },
  appendProvider: { slot: 216, returns: "status", args: ["options", "string", "memory", "memory", "size"] },
  copyTensors: { slot: 386, returns: "status", args: ["env", "memory", "memory", "null", "size"] },
} as const satisfies Record<string, Slot>;

/** The slots that every status passes through. */
export const statusSlots = { errorCode: 1, errorMessage: 2, release: 93 };

/** The slots that our own kernels call from native code. */
export const kernelSlots = { tensorData: 51, getInput: 90, getOutput: 91, parallelFor: 274 };

/** One more than the highest slot read from the table. */
export const tableLength = 387;

/** The API version we ask for: the first with every feature relied on, ONNX Runtime 1.23. */
export const apiVersion = 23;

export const isHandle = (argument: string): argument is HandleKind => (handles as readonly string[]).includes(argument);

type InValue<A> = A extends HandleKind
  ? Handle<A>
  : A extends "int" | "size"
    ? number
    : A extends "string" | "path"
      ? string
      : A extends "memory"
        ? Memory
        : never;
type OutValue<A> = A extends `out ${infer Kind extends HandleKind}` ? Handle<Kind> : number;

type Inputs<Args extends readonly Argument[]> = Args extends readonly [infer First, ...infer Rest extends readonly Argument[]]
  ? First extends OutArgument | "null"
    ? Inputs<Rest>
    : [InValue<First>, ...Inputs<Rest>]
  : [];
type Outputs<Args extends readonly Argument[]> = Args extends readonly [infer First, ...infer Rest extends readonly Argument[]]
  ? First extends OutArgument
    ? [OutValue<First>, ...Outputs<Rest>]
    : Outputs<Rest>
  : [];
type Result<Outs extends unknown[]> = Outs extends [] ? undefined : Outs extends [infer Only] ? Only : Outs;

/** A native function: called at once on this thread, or with `async` on another thread while the event loop goes on. */
export interface NativeFunction<Args extends unknown[], R> {
  (...args: Args): R;
  async(...args: Args): Promise<R>;
}

/** The C API as typed functions: a failed status is thrown as {@link StatusError}, `out` arguments are returned. */
export type OrtApi = {
  readonly [Name in keyof typeof slots]: NativeFunction<
    Inputs<(typeof slots)[Name]["args"]>,
    Result<Outputs<(typeof slots)[Name]["args"]>>
  >;
};
