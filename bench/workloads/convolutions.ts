import { gradients } from "../../src/autodiff/gradient.ts";
import type { Shape } from "../../src/core/dtype.ts";
import { type ConvOptions, conv } from "../../src/graph/ops/conv.ts";
import { logAbsDeterminant } from "../../src/graph/ops/matrix.ts";
import { input } from "../../src/graph/ops/source.ts";
import type { Workload } from "../harness/workload.ts";
import { kernel } from "./kernels.ts";

// Kernels of convolutions other than dense two-dimensional ones (docs/benchmarks.md, "Convolution kernels"), and of matrices (flows).

function inputGradient(name: string, x: Shape, w: Shape, options: ConvOptions): Workload {
  const dy = conv(input("x", x), input("w", w), options).shape;
  const summary = `input gradient of ${x.join("x")} with filters ${w.join("x")}`;
  return kernel(`conv-${name}-input-gradient`, summary, { x, w, dy }, (v) => ({ dx: gradients(conv(v.x, v.w, options), [v.x], v.dy)[0] }));
}

function filterGradient(name: string, x: Shape, w: Shape, options: ConvOptions): Workload {
  const dy = conv(input("x", x), input("w", w), options).shape;
  const summary = `filter gradient of ${x.join("x")} with filters ${w.join("x")}`;
  return kernel(`conv-${name}-filter-gradient`, summary, { x, w, dy }, (v) => ({ dw: gradients(conv(v.x, v.w, options), [v.w], v.dy)[0] }));
}

export const convolutionWorkloads: readonly Workload[] = [
  inputGradient("1d-k4s2", [16, 64, 512], [128, 64, 4], { stride: 2, padding: 1 }),
  inputGradient("1d-k4s4", [32, 32, 1024], [64, 32, 4], { stride: 4 }),
  inputGradient("3d-k4s2", [4, 16, 16, 16, 16], [32, 16, 4, 4, 4], { stride: 2, padding: 1 }),
  inputGradient("3d-k3s2-groups4", [4, 16, 16, 16, 16], [32, 4, 3, 3, 3], { stride: 2, padding: 1, groups: 4 }),
  inputGradient("3d-bar", [16, 64, 4, 16, 84], [64, 64, 1, 1, 12], { stride: [1, 1, 12] }),
  filterGradient("1d-k3", [32, 64, 256], [64, 64, 3], { padding: 1 }),
  filterGradient("1d-depthwise-k7", [32, 64, 256], [64, 1, 7], { padding: 3, groups: 64 }),
  filterGradient("depthwise-k3", [32, 64, 16, 16], [64, 1, 3, 3], { padding: 1, groups: 64 }),
  filterGradient("depthwise-k7", [16, 64, 16, 16], [64, 1, 7, 7], { padding: 3, groups: 64 }),
  filterGradient("groups4-k3", [32, 64, 16, 16], [64, 16, 3, 3], { padding: 1, groups: 4 }),
  filterGradient("dilated-k3", [32, 64, 16, 16], [64, 64, 3, 3], { padding: 2, dilation: 2 }),
  filterGradient("3d-k3", [4, 32, 8, 16, 16], [32, 32, 3, 3, 3], { padding: 1 }),
  kernel("slogdet-48", "log-determinant of 48 x 48, forward and backward", { a: [48, 48] }, ({ a }) => {
    const { logAbs } = logAbsDeterminant(a);
    return { logAbs, da: gradients(logAbs, [a])[0] };
  }),
];
