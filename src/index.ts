// The front door: tensors, their functions, gradients, compiled programs, seeds, errors. The rest has doors of its own: atelier/nn, /optim, /data, /models,
// /train, /report, /runtime/node ...
export { checkpoint } from "./autodiff/checkpoint.ts";
export { gradients } from "./autodiff/gradient.ts";
export type { DType, Shape, TypedArray } from "./core/dtype.ts";
export { AtelierError, FileError, RuntimeError, ShapeError, UsageError } from "./core/errors.ts";
export { RandomStream } from "./core/random.ts";
export { RandomStreams } from "./core/streams.ts";
export { Parameter, State } from "./graph/leaf.ts";
export { customGradient, stopGradient } from "./graph/ops/control.ts";
export { convTranspose } from "./graph/ops/conv.ts";
export { cos, erf, floor, maximum, minimum, not, sign, sin, where } from "./graph/ops/elementwise.ts";
export { cumsum, gather, gatherElements, oneHot, scatterAdd } from "./graph/ops/gather.ts";
export { concat, flip, full, pad } from "./graph/ops/movement.ts";
export { min } from "./graph/ops/reduce.ts";
export { constant } from "./graph/ops/source.ts";
export { Tensor, type TensorLike } from "./graph/tensor.ts";
export type { Rng } from "./graph/trace.ts";
export { type Build, type CompileOptions, compile, type InputSpec, type Program } from "./runtime/program.ts";
