import type { DType, Shape } from "../../core/dtype.ts";
import { type Emitter, I, onnxType } from "../onnx.ts";
import type { Attrs, LowerArgs } from "../op.ts";

// Forms of ops for ONNX Runtime's WebGPU kernels, where these lack the usual one. What is missing was found by running every op with the
// fallback to the CPU switched off (docs/engine-facts.md, section 15).

/** Indices as int32: of 64-bit integers the device can do little but convert them. */
export function narrowIndices(onnx: Emitter, indices: string, dtype: DType): string {
  return onnx.target === "webgpu" && dtype === "int64" ? onnx.node("Cast", [indices], { to: I(onnxType.int32) }) : indices;
}

/** OneHot by comparing with 0 .. depth-1, as float32: exact for a depth up to 2^24. */
export function oneHotByComparison(onnx: Emitter, indices: string, depth: number): string {
  const float = { to: I(onnxType.float32) };
  const column = onnx.node("Unsqueeze", [onnx.node("Cast", [indices], float), onnx.ints([-1])]);
  const positions = onnx.constant(
    "float32",
    [depth],
    Float32Array.from({ length: depth }, (_, i) => i),
  );
  return onnx.node("Cast", [onnx.node("Equal", [column, positions])], float);
}

/** Pow; on the device with both operands stretched first, for its kernel fails where both are broadcast. */
export function lowerPow({ onnx, inputs, node }: LowerArgs<Attrs>): string[] {
  if (onnx.target !== "webgpu") return [onnx.node("Pow", inputs)];
  const [{ shape }] = node.outputs;
  const isWhole = (own: Shape) => own.length === shape.length && own.every((dim, axis) => dim === shape[axis]);
  const whole = node.inputs.map((operand, i) => (isWhole(operand.shape) ? inputs[i] : onnx.node("Expand", [inputs[i], onnx.ints(shape)])));
  return [onnx.node("Pow", whole)];
}

/** Batch normalisation by its formula. @returns names of y, mean [C] and variance [C] */
export function batchNormByHand(onnx: Emitter, [x, scale, bias]: readonly string[], shape: Shape, epsilon: number): string[] {
  const axes = onnx.ints(shape.flatMap((_, axis) => (axis === 1 ? [] : [axis])));
  const flat = onnx.ints([shape[1]]);
  const perChannel = onnx.ints([shape[1], ...shape.slice(2).map(() => 1)]);
  const mean = onnx.node("ReduceMean", [x, axes]);
  const centred = onnx.node("Sub", [x, mean]);
  const variance = onnx.node("ReduceMean", [onnx.node("Mul", [centred, centred]), axes]);
  const deviation = onnx.node("Sqrt", [onnx.node("Add", [variance, onnx.scalar(epsilon)])]);
  const scaled = onnx.node("Mul", [onnx.node("Div", [centred, deviation]), onnx.node("Reshape", [scale, perChannel])]);
  const y = onnx.node("Add", [scaled, onnx.node("Reshape", [bias, perChannel])]);
  return [y, onnx.node("Reshape", [mean, flat]), onnx.node("Reshape", [variance, flat])];
}

/** Zeros between the entries of each spatial axis of [N, C, ...spatial], stride - 1 of them: what a strided convolution has skipped. */
export function spreadOut(onnx: Emitter, x: string, shape: Shape, strides: readonly number[]): string {
  const now = [...shape];
  let spread = x;
  strides.forEach((stride, i) => {
    if (stride === 1) return;
    const axis = i + 2;
    const [before, after] = [now.slice(0, axis + 1), now.slice(axis + 1)];
    const lone = onnx.node("Reshape", [spread, onnx.ints([...before, 1, ...after])]);
    const zeros = onnx.zeros([...before, stride - 1, ...after]);
    const padded = onnx.node("Concat", [lone, zeros], { axis: I(axis + 1) });
    const length = (now[axis] - 1) * stride + 1;
    const flat = onnx.node("Reshape", [padded, onnx.ints([...now.slice(0, axis), now[axis] * stride, ...after])]);
    spread = onnx.node("Slice", [flat, onnx.ints([0]), onnx.ints([length]), onnx.ints([axis])]);
    now[axis] = length;
  });
  return spread;
}
