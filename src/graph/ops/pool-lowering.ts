import { type Shape, sizeOf } from "../../core/dtype.ts";
import { type Emitter, I, type OnnxAttrs, S } from "../onnx.ts";
import type { LowerArgs } from "../op.ts";
import type { AveragePoolAttrs, AveragePoolInputAttrs, MaxPoolAttrs, MaxPoolInputAttrs, WindowAttrs } from "./pool.ts";

// Forms of pooling that are fast on the CPU. The runtime's own AveragePool takes 1.5 to 10 times as long as a depthwise convolution with a
// constant filter, its blocked form half as long; spreading over tiles is a nearest Resize.

const blocked = "com.microsoft.nchwc";

function windowAttrs({ kernel, strides, pads }: WindowAttrs): OnnxAttrs {
  return { kernel_shape: I(kernel), strides: I(strides), pads: I(pads) };
}

/** A depthwise filter that weighs every tap alike. */
function evenFilter(onnx: Emitter, channels: number, kernel: readonly number[], weight: number): string {
  const shape = [channels, 1, ...kernel];
  return onnx.constant("float32", shape, new Float32Array(sizeOf(shape)).fill(weight));
}

export function lowerAveragePool({ onnx, inputs: [x], attrs, node }: LowerArgs<AveragePoolAttrs>): string[] {
  const [, channels, ...spatial] = node.inputs[0].shape;
  const block = onnx.channelBlock;
  if (block > 0 && channels % block === 0 && spatial.length === 2) {
    const reordered = onnx.node("ReorderInput", [x], {}, blocked);
    const pooled = onnx.node("AveragePool", [reordered], { ...windowAttrs(attrs), count_include_pad: I(1) }, blocked);
    const y = onnx.node("ReorderOutput", [pooled], { channels: I(channels) }, blocked);
    const factor = sizeOf(attrs.kernel) / attrs.divisor;
    return [factor === 1 ? y : onnx.node("Mul", [y, onnx.scalar(factor)])];
  }
  const filter = evenFilter(onnx, channels, attrs.kernel, 1 / attrs.divisor);
  return [onnx.node("Conv", [x, filter], { ...windowAttrs(attrs), group: I(channels) })];
}

export function lowerAveragePoolInput(args: LowerArgs<AveragePoolInputAttrs>): string[] {
  const { kernel, strides, pads } = args.attrs;
  const tiled = strides.every((stride, i) => stride === kernel[i]) && pads.every((p) => p === 0);
  if (tiled) return [spreadTiles(args)];
  return [strides.every((stride) => stride === 1) ? spreadDense(args) : spreadStrided(args)];
}

/** Windows that tile the input: each number repeated; what no window reaches is 0. */
function spreadTiles({ onnx, inputs: [dy], attrs, node }: LowerArgs<AveragePoolInputAttrs>): string {
  const { kernel, divisor, spatial } = attrs;
  const scaled = divisor === 1 ? dy : onnx.node("Mul", [dy, onnx.scalar(1 / divisor)]);
  const scales = onnx.constant("float32", [kernel.length + 2], Float32Array.of(1, 1, ...kernel));
  const resized = onnx.node("Resize", [scaled, "", scales], {
    mode: S("nearest"),
    coordinate_transformation_mode: S("asymmetric"),
    nearest_mode: S("floor"),
  });
  const rank = spatial.length + 2;
  return spatial.reduce((y, size, i) => onnx.pad(y, rank, i + 2, 0, size - node.inputs[0].shape[i + 2] * kernel[i]), resized);
}

/** Stride 1: the same even filter over dy with the complementary padding. */
function spreadDense({ onnx, inputs: [dy], attrs, node }: LowerArgs<AveragePoolInputAttrs>): string {
  const channels = node.inputs[0].shape[1];
  const pads = attrs.pads.map((p, i) => attrs.kernel[i % attrs.kernel.length] - 1 - p);
  const filter = evenFilter(onnx, channels, attrs.kernel, 1 / attrs.divisor);
  return onnx.node("Conv", [dy, filter], { ...windowAttrs({ ...attrs, pads }), group: I(channels) });
}

/** Transposed convolution, one channel at a time: with channel groups it is slower. */
function spreadStrided({ onnx, inputs: [dy], attrs, node }: LowerArgs<AveragePoolInputAttrs>): string {
  const [n, channels, ...counts] = node.inputs[0].shape;
  const { kernel, strides, pads, spatial, divisor } = attrs;
  const outputPadding = spatial.map((size, i) => {
    const reach = (counts[i] - 1) * strides[i] + kernel[i];
    return size - (reach - pads[i] - pads[i + spatial.length]);
  });
  const single = onnx.node("Reshape", [dy, onnx.ints([n * channels, 1, ...counts])]);
  const filter = evenFilter(onnx, 1, kernel, 1 / divisor);
  const spread = onnx.node("ConvTranspose", [single, filter], { ...windowAttrs(attrs), output_padding: I(outputPadding) });
  return onnx.node("Reshape", [spread, onnx.ints([n, channels, ...spatial])]);
}

function maxAttrs(attrs: MaxPoolAttrs): OnnxAttrs {
  return { ...windowAttrs(attrs), dilations: I(attrs.dilations) };
}

export function lowerMaxPool({ onnx, inputs: [x], attrs }: LowerArgs<MaxPoolAttrs>): string[] {
  return [onnx.node("MaxPool", [x], maxAttrs(attrs))];
}

export function lowerMaxPoolIndices({ onnx, inputs: [x], attrs }: LowerArgs<MaxPoolAttrs>): string[] {
  return [onnx.nodes("MaxPool", [x], 2, maxAttrs(attrs))[1]];
}

/** Windows that do not overlap cannot share a maximum: MaxUnpool, which writes; otherwise ScatterElements, which adds (one after the other). */
export function lowerMaxPoolInput({ onnx, inputs: [dy, indices], attrs, node }: LowerArgs<MaxPoolInputAttrs>): string[] {
  const { kernel, strides, dilations } = attrs;
  const shape = node.outputs[0].shape;
  if (strides.every((stride, i) => stride > dilations[i] * (kernel[i] - 1))) {
    return [onnx.node("MaxUnpool", [dy, indices, onnx.ints(shape)], windowAttrs(attrs))];
  }
  const zeros = onnx.zeros([sizeOf(shape)]);
  const added = onnx.node("ScatterElements", [zeros, flat(onnx, indices), flat(onnx, dy)], { axis: I(0), reduction: S("add") });
  return [reshaped(onnx, added, shape)];
}

export function lowerMaxPoolAt({ onnx, inputs: [g, indices], node }: LowerArgs<MaxPoolInputAttrs>): string[] {
  const read = onnx.node("GatherElements", [flat(onnx, g), flat(onnx, indices)], { axis: I(0) });
  return [reshaped(onnx, read, node.outputs[0].shape)];
}

function flat(onnx: Emitter, x: string): string {
  return onnx.node("Reshape", [x, onnx.ints([-1])]);
}

function reshaped(onnx: Emitter, x: string, shape: Shape): string {
  return onnx.node("Reshape", [x, onnx.ints(shape)]);
}
