// The front door: tensors, their functions, gradients, compiled programs, seeds, errors. The rest has doors of its own: atelier/nn, /optim, /data, /models,
// /train, /report, /runtime/node ...
export { gradients } from "./autodiff/gradient.ts";
export type { DType, Shape, TypedArray } from "./core/dtype.ts";
export { AtelierError, FileError, RuntimeError, ShapeError, UsageError } from "./core/errors.ts";
export { RandomStream } from "./core/random.ts";
export { RandomStreams } from "./core/streams.ts";
export { Parameter, State } from "./graph/leaf.ts";
export * from "./graph/ops/arrange.ts";
export { type BorderMode, padBorder } from "./graph/ops/border.ts";
export { customGradient, stopGradient } from "./graph/ops/control.ts";
export { convTranspose } from "./graph/ops/conv.ts";
export { einsum } from "./graph/ops/einsum.ts";
export { and, cos, erf, floor, maximum, minimum, not, or, sign, sin, where } from "./graph/ops/elementwise.ts";
export { cumsum, gather, gatherElements, oneHot, scatterAdd, scatterElementsAdd } from "./graph/ops/gather.ts";
export * from "./graph/ops/grid.ts";
export { concat, flip, full, pad } from "./graph/ops/movement.ts";
export * from "./graph/ops/pooling.ts";
export { min } from "./graph/ops/reduce.ts";
export * from "./graph/ops/resize.ts";
export { ceil, greaterOrEqual, lessOrEqual, mod, notEqual, round, trunc } from "./graph/ops/rounding.ts";
export { pixelShuffle, pixelUnshuffle } from "./graph/ops/shuffle.ts";
export { argsort, type SortOptions, sort, type TopK, topK } from "./graph/ops/sort.ts";
export { constant } from "./graph/ops/source.ts";
export * from "./graph/ops/stats.ts";
export { Tensor, type TensorLike } from "./graph/tensor.ts";
export type { Rng } from "./graph/trace.ts";
export { type Build, type CompileOptions, compile, type InputSpec, type Program } from "./runtime/program.ts";
