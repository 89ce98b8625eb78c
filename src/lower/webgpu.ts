import { type Emitter, I, type OnnxAttrs, onnxType } from "../graph/onnx.ts";

/** Writes the value of an op that a target has no kernel for with ops that it has. */
type Replacement = (onnx: Emitter, inputs: readonly string[], attrs: OnnxAttrs) => string;

/** 1 where the comparison with 0 holds, else 0. */
const mask = (onnx: Emitter, comparison: string, x: string): string =>
  onnx.node("Cast", [onnx.node(comparison, [x, onnx.scalar(0)])], { to: I(onnxType.float32) });

/**
 * Standard ops without a kernel in ONNX Runtime's WebGPU provider (docs/engine-facts.md, section 15), by name. An op whose other form depends on shapes or
 * element types has it in its own record instead (graph/ops/webgpu-lowering.ts).
 */
export const webgpuReplacements: Readonly<Record<string, Replacement>> = {
  Sign: (onnx, [x]) => onnx.node("Sub", [mask(onnx, "Greater", x), mask(onnx, "Less", x)]),
  Or: (onnx, [a, b]) => onnx.node("Not", [onnx.node("And", [onnx.node("Not", [a]), onnx.node("Not", [b])])]),
  LogSoftmax: (onnx, [x], { axis }) => {
    const axes = onnx.ints([axis?.kind === "int" ? axis.value : -1]);
    const below = onnx.node("Sub", [x, onnx.node("ReduceMax", [x, axes])]);
    return onnx.node("Sub", [below, onnx.node("Log", [onnx.node("ReduceSum", [onnx.node("Exp", [below]), axes])])]);
  },
};
