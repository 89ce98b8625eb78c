import { type Shape, sizeOf } from "../../core/dtype.ts";
import { type Emitter, I } from "../onnx.ts";
import type { LowerArgs } from "../op.ts";
import { stridesOf } from "../shape.ts";
import type { ConvFilterAttrs, ConvInputAttrs } from "./conv.ts";

// Forms for what the runtime's kernels are slow at: transposed convolution of one and three axes, and the filter gradient of depthwise convolution.
// Each was chosen by measurement (docs/benchmarks.md, "Convolution kernels").

/**
 * Transposed convolution, dy [N, K, ...], w [K, C / groups, ...kernel] -> [N, C, ...spatial]. The runtime scatters quickly in two dimensions only, so one
 * axis is taken as a picture of height 1, and three as pictures that are added up along the depth.
 */
export function transposedConvolution(
  onnx: Emitter,
  dy: string,
  w: string,
  shapes: readonly [Shape, Shape],
  attrs: ConvInputAttrs,
): string {
  if (attrs.spatial.length === 1) return transposedLine(onnx, dy, w, shapes, attrs);
  if (attrs.spatial.length === 3) return transposedVolume(onnx, dy, w, shapes, attrs);
  const [, , ...output] = shapes[0];
  const [, , ...kernel] = shapes[1];
  const { strides, pads, dilations, groups, spatial } = attrs;
  const outputPadding = spatial.map((size, i) => {
    const reach = (output[i] - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1;
    return size - (reach - pads[i] - pads[i + spatial.length]);
  });
  return onnx.node("ConvTranspose", [dy, w], {
    strides: I(strides),
    pads: I(pads),
    dilations: I(dilations),
    group: I(groups),
    kernel_shape: I(kernel),
    output_padding: I(outputPadding),
  });
}

function transposedLine(onnx: Emitter, dy: string, w: string, [dyShape, wShape]: readonly [Shape, Shape], attrs: ConvInputAttrs): string {
  const asPicture = ([a, b, length]: Shape): Shape => [a, b, 1, length];
  const picture = (x: string, shape: Shape): string => onnx.node("Reshape", [x, onnx.ints(asPicture(shape))]);
  const { strides, pads, dilations, groups, spatial } = attrs;
  const y = transposedConvolution(onnx, picture(dy, dyShape), picture(w, wShape), [asPicture(dyShape), asPicture(wShape)], {
    strides: [1, ...strides],
    pads: [0, pads[0], 0, pads[1]],
    dilations: [1, ...dilations],
    groups,
    spatial: [1, ...spatial],
  });
  return onnx.node("Reshape", [y, onnx.ints([dyShape[0], wShape[1] * groups, ...spatial])]);
}

/** Each depth of dy and each tap along the depth gives a picture; the picture of depth o and tap t belongs to depth o · stride - pad + t · dilation. */
function transposedVolume(onnx: Emitter, dy: string, w: string, [dyShape, wShape]: readonly [Shape, Shape], attrs: ConvInputAttrs): string {
  const [n, k, depth, ...output] = dyShape;
  const [, c, taps, ...kernel] = wShape;
  const [stride, dilation, begin] = [attrs.strides[0], attrs.dilations[0], attrs.pads[0]];
  const [size, ...picture] = attrs.spatial;
  const { groups } = attrs;
  const depthFirst = (x: string): string => onnx.node("Transpose", [x], { perm: I([0, 2, 1, 3, 4]) });
  const slices = onnx.node("Reshape", [depthFirst(dy), onnx.ints([n * depth, k, ...output])]);
  const filters = onnx.node("Reshape", [depthFirst(w), onnx.ints([k, taps * c, ...kernel])]);
  const pictures = transposedConvolution(
    onnx,
    slices,
    filters,
    [
      [n * depth, k, ...output],
      [k, taps * c, ...kernel],
    ],
    {
      strides: attrs.strides.slice(1),
      pads: [1, 2, 4, 5].map((i) => attrs.pads[i]),
      dilations: attrs.dilations.slice(1),
      groups,
      spatial: picture,
    },
  );
  const byTap = onnx.node("Reshape", [pictures, onnx.ints([n, depth, groups, taps, c * sizeOf(picture)])]);
  const reach = Math.max((depth - 1) * stride + dilation * (taps - 1) + 1, begin + size);
  const steps = Math.ceil(reach / stride);
  const area = groups * c * sizeOf(picture);
  const phases = Array.from({ length: stride }, (_, phase) => {
    const shifted = Array.from({ length: taps }, (_, t) => t)
      .filter((t) => (t * dilation) % stride === phase)
      .map((t) => {
        const shift = (t * dilation - phase) / stride;
        const view = taps === 1 ? byTap : onnx.node("Slice", [byTap, onnx.ints([t]), onnx.ints([t + 1]), onnx.ints([3])]);
        return onnx.pad(onnx.node("Reshape", [view, onnx.ints([n, depth, 1, area])]), 4, 1, shift, steps - depth - shift);
      });
    return shifted.length === 0 ? onnx.zeros([n, steps, 1, area]) : shifted.reduce((sum, part) => onnx.node("Add", [sum, part]));
  });
  const all = stride === 1 ? phases[0] : onnx.node("Concat", phases, { axis: I(2) });
  const depths = onnx.node("Reshape", [all, onnx.ints([n, steps * stride, groups * c, ...picture])]);
  const wanted =
    begin === 0 && size === steps * stride
      ? depths
      : onnx.node("Slice", [depths, onnx.ints([begin]), onnx.ints([begin + size]), onnx.ints([1])]);
  return depthFirst(wanted);
}

/** Whether {@link depthwiseFilter} is for this layer: one filter per channel, stride 1. */
export function isDepthwise({ node, attrs }: LowerArgs<ConvFilterAttrs>): boolean {
  const [channels, k] = [node.inputs[0].shape[1], node.inputs[1].shape[1]];
  return attrs.groups > 1 && attrs.groups === channels && attrs.groups === k && attrs.strides.every((stride) => stride === 1);
}

/** The filter gradient of depthwise convolution at stride 1: by products of rows where rows are short for the filter, else tap by tap. */
export function depthwiseFilter(args: LowerArgs<ConvFilterAttrs>): string {
  const { kernel } = args.attrs;
  const width = args.node.inputs[1].shape[3];
  return kernel.length === 2 && width <= 8 * kernel[1] ? depthwiseByRows(args) : depthwiseByTaps(args);
}

/** x padded, channels first: [C, N, ...padded]. */
function padChannelsFirst(onnx: Emitter, x: string, { pads, kernel }: ConvFilterAttrs): string {
  const axes = kernel.length;
  const turned = onnx.node("Transpose", [x], { perm: I([1, 0, ...kernel.map((_, i) => i + 2)]) });
  return kernel.reduce((padded, _, i) => onnx.pad(padded, axes + 2, i + 2, pads[i], pads[i + axes]), turned);
}

/**
 * For each vertical tap one product of all rows of dy with all rows of x gives every pair of columns, [C, W', W]; the pairs that a horizontal tap
 * joins lie on a diagonal, and a product with constants adds them up.
 */
function depthwiseByRows({ onnx, inputs: [x, dy], attrs, node }: LowerArgs<ConvFilterAttrs>): string {
  const [n, channels, , inputWidth] = node.inputs[0].shape;
  const [, , height, width] = node.inputs[1].shape;
  const [rows, columns] = attrs.kernel;
  const [down, across] = attrs.dilations;
  const padded = padChannelsFirst(onnx, x, attrs);
  const paddedWidth = inputWidth + attrs.pads[1] + attrs.pads[3];
  const left = onnx.node("Reshape", [onnx.node("Transpose", [dy], { perm: I([1, 0, 2, 3]) }), onnx.ints([channels, n * height, width])]);
  const products = Array.from({ length: rows }, (_, i) => {
    const view = onnx.node("Slice", [padded, onnx.ints([i * down]), onnx.ints([i * down + height]), onnx.ints([2])]);
    const right = onnx.node("Reshape", [view, onnx.ints([channels, n * height, paddedWidth])]);
    return onnx.node("Unsqueeze", [onnx.matmul(left, right, 3, 3, true, false), onnx.ints([1])]);
  });
  const pairs = rows === 1 ? products[0] : onnx.node("Concat", products, { axis: I(1) });
  const diagonals = new Float32Array(width * paddedWidth * columns);
  for (let o = 0; o < width; o++) for (let j = 0; j < columns; j++) diagonals[(o * paddedWidth + o + j * across) * columns + j] = 1;
  const sums = onnx.node("MatMul", [
    onnx.node("Reshape", [pairs, onnx.ints([channels * rows, width * paddedWidth])]),
    onnx.constant("float32", [width * paddedWidth, columns], diagonals),
  ]);
  return onnx.node("Reshape", [sums, onnx.ints([channels, 1, rows, columns])]);
}

/** With dy spread over x's padded rows, a tap's view of x is one stretch of its memory: a plain copy, then one dot product per channel. */
function depthwiseByTaps({ onnx, inputs: [x, dy], attrs, node }: LowerArgs<ConvFilterAttrs>): string {
  const [n, channels, ...spatial] = node.inputs[0].shape;
  const [, , ...output] = node.inputs[1].shape;
  const { kernel, pads, dilations } = attrs;
  const axes = kernel.length;
  const padded = spatial.map((size, i) => size + pads[i] + pads[i + axes]);
  const steps = stridesOf(padded);
  const length = output.reduce((reach, size, i) => reach + (size - 1) * steps[i], 1);
  const stretch = (line: string, start: number): string => {
    const view = onnx.node("Slice", [line, onnx.ints([start]), onnx.ints([start + length]), onnx.ints([2])]);
    return onnx.node("Reshape", [view, onnx.ints([channels, 1, n * length])]);
  };
  const flat = (value: string): string => onnx.node("Reshape", [value, onnx.ints([channels, n, sizeOf(padded)])]);
  const turned = onnx.node("Transpose", [dy], { perm: I([1, 0, ...output.map((_, i) => i + 2)]) });
  const spread = output.reduce((value, size, i) => onnx.pad(value, axes + 2, i + 2, 0, padded[i] - size), turned);
  const left = stretch(flat(spread), 0);
  const line = flat(padChannelsFirst(onnx, x, attrs));
  const tapSteps = stridesOf(kernel);
  const sums = Array.from({ length: sizeOf(kernel) }, (_, t) => {
    const start = kernel.reduce((at, size, i) => at + (Math.floor(t / tapSteps[i]) % size) * dilations[i] * steps[i], 0);
    return onnx.matmul(left, stretch(line, start), 3, 3, false, true);
  });
  return onnx.node("Reshape", [onnx.node("Concat", sums, { axis: I(2) }), onnx.ints([channels, 1, ...kernel])]);
}
