export type { Backend, Binding, DeviceMemory, Executable, LoadOptions, ValueInfo } from "./backend.ts";
export { interpret } from "./interpreter.ts";
export { type Build, type CompileOptions, compile, type InputSpec, Program } from "./program.ts";
