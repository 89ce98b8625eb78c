import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Module } from "./module.ts";

/** A tensor [N, C, ...] with the layer's number of spatial axes. @throws ShapeError */
export function requireAxes(layer: Module, x: Tensor, axes: number): void {
  if (x.rank === axes + 2) return;
  const names = ["L", "H, W", "D, H, W"][axes - 1];
  throw shapeError(layer.constructor.name, [x], `a tensor [N, C, ${names}] was expected`);
}
