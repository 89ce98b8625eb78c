export { type AdamOptions, adam, adamw } from "./adam.ts";
export { FlatUpdate, type FlatUpdateOptions, type ParameterGroup } from "./apply.ts";
export { clipFactor, GradientNorm } from "./clip.ts";
export { ExponentialAverage } from "./ema.ts";
export type { Optimizer } from "./optimizer.ts";
export { type RmspropOptions, rmsprop } from "./rmsprop.ts";
export * as schedule from "./schedule.ts";
export { type SgdOptions, sgd } from "./sgd.ts";
