import { sizeOf } from "../../core/dtype.ts";
import { type Emitter, I, type OnnxAttrs } from "../onnx.ts";
import type { LowerArgs } from "../op.ts";
import type { ConvAttrs, ConvFilterAttrs, ConvInputAttrs } from "./conv.ts";
import { depthwiseFilter, isDepthwise, transposedConvolution } from "./conv-forms-nd.ts";
import { spreadOut } from "./webgpu-lowering.ts";

// The forms are chosen by measurement (docs/engine-facts.md): ONNX has no gradient ops for convolution.

/** Sizes as our own kernels take them: two spatial axes only. */
function sizesOf(x: readonly number[], w: readonly number[], y: readonly number[], { strides, pads, dilations, groups }: ConvAttrs) {
  if (x.length !== 4) return undefined;
  const [pictures, channels, height, width] = x;
  const [, outChannels, outHeight, outWidth] = y;
  const [top, left] = pads;
  return { pictures, channels, height, width, outChannels, outHeight, outWidth, kernel: w.slice(2), strides, dilations, groups, top, left };
}

/** Convolution is an ONNX op as it stands; a runtime's blocked layout and a form for very few output channels are faster where they fit. */
export function lowerConv({ onnx, inputs, attrs, node }: LowerArgs<ConvAttrs>): string[] {
  const [x, w, b] = node.inputs;
  const own = b === undefined || b.size === w.shape[0] ? sizesOf(x.shape, w.shape, node.outputs[0].shape, attrs) : undefined;
  const fast = own && onnx.kernel({ kernel: "conv", settings: { ...own, bias: b !== undefined } }, inputs);
  if (fast !== undefined) return fast.slice(0, 1);
  if (onnx.target !== "portable" && hasFewOutputs(x.shape, w.shape, attrs)) return [fewOutputs(onnx, inputs, x.shape, w.shape, attrs)];
  return [convolve(onnx, inputs, w.shape, attrs)];
}

/** Conv, in the blocked layout where the channels divide into blocks: 20 to 40 % faster, reordering included (not with a single tap: plain products are). */
function convolve(onnx: Emitter, [x, w, ...bias]: readonly string[], filter: readonly number[], attrs: ConvAttrs): string {
  const [k, c, ...kernel] = filter;
  const block = onnx.channelBlock;
  if (block === 0 || kernel.length !== 2 || sizeOf(kernel) === 1 || attrs.groups !== 1 || k % block !== 0 || c % block !== 0) {
    return convolveDirectly(onnx, [x, w, ...bias], filter, attrs);
  }
  const domain = "com.microsoft.nchwc";
  const split = onnx.node("Reshape", [w, onnx.ints([k / block, block, c / block, block, ...kernel])]);
  const turned = onnx.node("Transpose", [split], { perm: I([0, 2, 4, 5, 3, 1]) });
  const blocked = onnx.node("Reshape", [turned, onnx.ints(filter)]);
  const y = onnx.node("Conv", [onnx.node("ReorderInput", [x], {}, domain), blocked, ...bias], convAttrs(attrs, kernel), domain);
  return onnx.node("ReorderOutput", [y], { channels: I(k) }, domain);
}

/** Conv; WebGPU's kernel for three axes knows no groups, so there each group is a convolution of its own. */
function convolveDirectly(onnx: Emitter, inputs: readonly string[], [k, c, ...kernel]: readonly number[], attrs: ConvAttrs): string {
  const { groups } = attrs;
  if (onnx.target !== "webgpu" || kernel.length < 3 || groups === 1) return onnx.node("Conv", inputs, convAttrs(attrs, kernel));
  const parts = inputs.map((value, i) => {
    const sizes = new Array<number>(groups).fill(i === 0 ? c : k / groups);
    return onnx.nodes("Split", [value, onnx.ints(sizes)], groups, { axis: I(i === 0 ? 1 : 0) });
  });
  const alone = convAttrs({ ...attrs, groups: 1 }, kernel);
  const each = Array.from({ length: groups }, (_, g) =>
    onnx.node(
      "Conv",
      parts.map((part) => part[g]),
      alone,
    ),
  );
  return onnx.node("Concat", each, { axis: I(1) });
}

/** One or two output channels make the kernel's matrix product a thin one, bound by memory. */
function hasFewOutputs(x: readonly number[], w: readonly number[], { groups }: ConvAttrs): boolean {
  return groups === 1 && w[0] <= 2 && w[1] >= 16 && w.length === 4 && w[2] * w[3] > 1 && x[2] * x[3] >= 64;
}

/** Every tap's product first, as one matrix product over channels; then one small convolution shifts the taps' maps into place and adds them. */
function fewOutputs(
  onnx: Emitter,
  [x, w, ...bias]: readonly string[],
  xShape: readonly number[],
  wShape: readonly number[],
  attrs: ConvAttrs,
): string {
  const [n, c, ...spatial] = xShape;
  const [k, , ...kernel] = wShape;
  const taps = sizeOf(kernel);
  const filters = onnx.node("Reshape", [w, onnx.ints([k, c, taps])]);
  const turned = onnx.node("Reshape", [onnx.node("Transpose", [filters], { perm: I([0, 2, 1]) }), onnx.ints([k * taps, c])]);
  const products = onnx.node("MatMul", [turned, onnx.node("Reshape", [x, onnx.ints([n, c, sizeOf(spatial)])])]);
  const maps = onnx.node("Reshape", [products, onnx.ints([n, k * taps, ...spatial])]);
  const shift = new Float32Array(k * k * taps * taps);
  for (let o = 0; o < k; o++) for (let t = 0; t < taps; t++) shift[((o * k + o) * taps + t) * taps + t] = 1;
  return onnx.node("Conv", [maps, onnx.constant("float32", [k, k * taps, ...kernel], shift), ...bias], convAttrs(attrs, kernel));
}

function convAttrs({ strides, pads, dilations, groups }: ConvAttrs, kernel: readonly number[]): OnnxAttrs {
  return { strides: I(strides), pads: I(pads), dilations: I(dilations), group: I(groups), kernel_shape: I(kernel) };
}

/**
 * The input gradient. At stride 1 it is a convolution with the filter turned around and its channel axes swapped, which runs on the faster
 * kernel; otherwise transposed convolution, in the form that suits the number of axes. Very few channels favour it too.
 */
export function lowerConvInput(args: LowerArgs<ConvInputAttrs>): string[] {
  const { onnx, inputs, attrs, node } = args;
  const [dy, w] = inputs;
  const [k, perGroup, ...kernel] = node.inputs[1].shape;
  const { strides, pads, dilations, groups, spatial } = attrs;
  const own = sizesOf(node.outputs[0].shape, node.inputs[1].shape, node.inputs[0].shape, attrs);
  const fast = own && onnx.kernel({ kernel: "convInput", settings: own }, [dy, w]);
  if (fast !== undefined) return fast.slice(0, 1);
  const axes = spatial.length;
  const flippedPads = pads.map((p, i) => dilations[i % axes] * (kernel[i % axes] - 1) - p);
  const dense = strides.every((stride) => stride === 1) && flippedPads.every((p) => p >= 0);
  if (dense && (axes > 2 || perGroup * groups >= 8)) {
    const turned = turnFilter(onnx, w, k, perGroup, kernel, groups);
    return [convolve(onnx, [dy, turned], [groups * perGroup, k / groups, ...kernel], { strides, pads: flippedPads, dilations, groups })];
  }
  if (onnx.target === "webgpu" && axes > 2) return [volumeInput(args)];
  return [transposedConvolution(onnx, dy, w, [node.inputs[0].shape, node.inputs[1].shape], attrs)];
}

/** The same where transposed convolution stops at two axes: zeros put between dy's entries make it one at stride 1. */
function volumeInput({
  onnx,
  inputs: [dy, w],
  attrs: { strides, pads, dilations, groups, spatial },
  node,
}: LowerArgs<ConvInputAttrs>): string {
  const [k, perGroup, ...kernel] = node.inputs[1].shape;
  const shape = node.inputs[0].shape;
  const rank = shape.length;
  const reach = kernel.map((size, i) => dilations[i] * (size - 1));
  const before = reach.map((r, i) => r - pads[i]);
  const after = reach.map((r, i) => spatial[i] + r - before[i] - ((shape[i + 2] - 1) * strides[i] + 1));
  let padded = spreadOut(onnx, dy, shape, strides);
  spatial.forEach((_, i) => {
    padded = onnx.pad(padded, rank, i + 2, before[i], after[i]);
  });
  const turned = turnFilter(onnx, w, k, perGroup, kernel, groups);
  const ones = spatial.map(() => 1);
  const attrs = { strides: ones, pads: new Array<number>(2 * ones.length).fill(0), dilations, groups };
  return convolveDirectly(onnx, [padded, turned], [groups * perGroup, k / groups, ...kernel], attrs);
}

/** [K, C/g, ...k] -> [C, K/g, ...k], taps reversed. */
function turnFilter(onnx: Emitter, w: string, k: number, perGroup: number, kernel: readonly number[], groups: number): string {
  const taps = kernel.map((_, i) => i + 2);
  const flipped = kernel.every((size) => size === 1) ? w : onnx.flip(w, taps);
  if (groups === 1) return onnx.node("Transpose", [flipped], { perm: I([1, 0, ...taps]) });
  const split = onnx.node("Reshape", [flipped, onnx.ints([groups, k / groups, perGroup, ...kernel])]);
  const swapped = onnx.node("Transpose", [split], { perm: I([0, 2, 1, ...taps.map((t) => t + 1)]) });
  return onnx.node("Reshape", [swapped, onnx.ints([groups * perGroup, k / groups, ...kernel])]);
}

/** The filter gradient: a batch of matrix products of one side with the taps' views of the other, in the layout that suits the sizes. */
export function lowerConvFilter(args: LowerArgs<ConvFilterAttrs>): string[] {
  const { onnx, inputs, node, attrs } = args;
  const own = sizesOf(node.inputs[0].shape, node.outputs[0].shape, node.inputs[1].shape, attrs);
  const fast = own && onnx.kernel({ kernel: "convFilter", settings: own }, inputs);
  if (fast !== undefined) return fast.slice(0, 1);
  return [isDepthwise(args) ? depthwiseFilter(args) : filterForms[chooseFilterForm(args)](args)];
}

type FilterForm = "columns" | "outputColumns" | "rows";

function chooseFilterForm({ node, attrs }: LowerArgs<ConvFilterAttrs>): FilterForm {
  const [, channels, ...spatial] = node.inputs[0].shape;
  const [, k, ...output] = node.inputs[1].shape;
  if (attrs.groups > 1) return "columns";
  if (spatial.length === 2 && sizeOf(output) <= 64 && channels >= 16) return "rows";
  return 2 * k <= channels && outputPads(attrs) !== undefined ? "outputColumns" : "columns";
}

/** Pads with which dy's taps line up with x at stride 1; undefined where they do not. */
function outputPads({ strides, pads, dilations, kernel }: ConvFilterAttrs): number[] | undefined {
  const axes = kernel.length;
  const turned = pads.map((_, i) => dilations[i % axes] * (kernel[i % axes] - 1) - pads[i]);
  return strides.every((stride) => stride === 1) && turned.every((p) => p >= 0) ? turned : undefined;
}

/**
 * Each tap's view of x is cut out by one depthwise convolution with one-hot filters (handling stride, padding and dilation at no cost),
 * then dw = sum over the batch of dy [K, L] x view [C·taps, L] transposed.
 */
function filterByColumns({ onnx, inputs: [x, dy], attrs, node }: LowerArgs<ConvFilterAttrs>): string {
  const [n, channels, ...spatial] = node.inputs[0].shape;
  const [, k, ...output] = node.inputs[1].shape;
  const { kernel, groups } = attrs;
  const taps = sizeOf(kernel);
  const positions = sizeOf(output);
  const plain = taps === 1 && attrs.strides.every((s) => s === 1) && attrs.pads.every((p) => p === 0);
  const columns = plain ? x : cutTaps(onnx, x, attrs, { n, channels, spatial, output });
  const depth = (channels / groups) * taps;
  const left = onnx.node("Reshape", [dy, onnx.ints([n, groups, k / groups, positions])]);
  const right = onnx.node("Reshape", [columns, onnx.ints([n, groups, depth, positions])]);
  const each = onnx.matmul(left, right, 4, 4, false, true);
  const total = n === 1 ? each : onnx.node("ReduceSum", [each, onnx.ints([0])], { keepdims: I(0) });
  return onnx.node("Reshape", [total, onnx.ints([k, channels / groups, ...kernel])]);
}

/**
 * The same with the roles swapped, for few output channels at stride 1: the views are cut from dy, whose taps run backwards, and
 * dw[k, c, t] = sum over positions q of x[c, q] dy[k, q + pad - t·dilation].
 */
function filterByOutputColumns({ onnx, inputs: [x, dy], attrs, node }: LowerArgs<ConvFilterAttrs>): string {
  const [n, channels, ...spatial] = node.inputs[0].shape;
  const [, k, ...output] = node.inputs[1].shape;
  const taps = sizeOf(attrs.kernel);
  const positions = sizeOf(spatial);
  const columns = cutTaps(onnx, dy, { ...attrs, pads: outputPads(attrs)! }, { n, channels: k, spatial: output, output: spatial }, true);
  const left = onnx.node("Reshape", [columns, onnx.ints([n, k * taps, positions])]);
  const right = onnx.node("Reshape", [x, onnx.ints([n, channels, positions])]);
  const each = onnx.matmul(left, right, 3, 3, false, true);
  const total = n === 1 ? each : onnx.node("ReduceSum", [each, onnx.ints([0])], { keepdims: I(0) });
  const split = onnx.node("Reshape", [total, onnx.ints([k, taps, channels])]);
  return onnx.node("Reshape", [onnx.node("Transpose", [split], { perm: I([0, 2, 1]) }), onnx.ints([k, channels, ...attrs.kernel])]);
}

/** From so many taps on a two-dimensional kernel is cut in two steps: measured, 14 x 27 takes a sixth of the time, 7 x 7 the same. */
const MANY_TAPS = 64;

/**
 * [N, C, ...] -> [N, C·taps, ...positions]. With few channels the batch and channel axes are joined, so that the one-hot filter is tiny. A one-hot filter
 * looks at all taps to find its own, so that the work grows with their square: large kernels are cut into rows first, and these into their taps.
 * @param backwards number the taps from the last to the first
 */
function cutTaps(onnx: Emitter, x: string, attrs: ConvFilterAttrs, sizes: CutSizes, backwards = false): string {
  const { n, channels, spatial, output } = sizes;
  const { kernel } = attrs;
  const flat = (value: string, maps: number, size: readonly number[]) => onnx.node("Reshape", [value, onnx.ints([maps, 1, ...size])]);
  if (kernel.length === 2 && Math.min(...kernel) > 1 && sizeOf(kernel) >= MANY_TAPS) {
    const rows = cutByOneHot(onnx, flat(x, n * channels, spatial), alongAxis(attrs, 0), 1, backwards);
    const apart = flat(rows, n * channels * kernel[0], [output[0], spatial[1]]);
    return cutByOneHot(onnx, apart, alongAxis(attrs, 1), 1, backwards);
  }
  const joined = channels < 8 || (onnx.target === "webgpu" && kernel.length > 2);
  return cutByOneHot(onnx, joined ? flat(x, n * channels, spatial) : x, attrs, joined ? 1 : channels, backwards);
}

/** Of what taps are cut from, [N, C, ...spatial], and the positions that each tap's view has. */
interface CutSizes {
  readonly n: number;
  readonly channels: number;
  readonly spatial: readonly number[];
  readonly output: readonly number[];
}

/** What a two-dimensional kernel does along one axis. */
function alongAxis({ kernel, strides, pads, dilations, ...rest }: ConvFilterAttrs, axis: number): ConvFilterAttrs {
  const only = (values: readonly number[], other: number) => values.map((value, i) => (i % 2 === axis ? value : other));
  return { ...rest, kernel: only(kernel, 1), strides: only(strides, 1), pads: only(pads, 0), dilations: only(dilations, 1) };
}

function cutByOneHot(onnx: Emitter, x: string, attrs: ConvFilterAttrs, groups: number, backwards: boolean): string {
  const taps = sizeOf(attrs.kernel);
  const oneHot = new Float32Array(groups * taps * taps);
  for (let c = 0; c < groups; c++) for (let t = 0; t < taps; t++) oneHot[(c * taps + t) * taps + (backwards ? taps - 1 - t : t)] = 1;
  const filter = onnx.constant("float32", [groups * taps, 1, ...attrs.kernel], oneHot);
  return onnx.node("Conv", [x, filter], convAttrs({ ...attrs, groups }, attrs.kernel));
}

/** Few positions and many channels: channels last, taps cut by slices and laid side by side, one large product over batch and positions. */
function filterByRows({ onnx, inputs: [x, dy], attrs, node }: LowerArgs<ConvFilterAttrs>): string {
  const [n, channels] = node.inputs[0].shape;
  const [, k, outHeight, outWidth] = node.inputs[1].shape;
  const { kernel, strides, pads, dilations } = attrs;
  const last = onnx.node("Transpose", [x], { perm: I([0, 2, 3, 1]) });
  const padded = onnx.pad(onnx.pad(last, 4, 1, pads[0], pads[2]), 4, 2, pads[1], pads[3]);
  const views: string[] = [];
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const starts = [i * dilations[0], j * dilations[1]];
      const ends = [starts[0] + (outHeight - 1) * strides[0] + 1, starts[1] + (outWidth - 1) * strides[1] + 1];
      views.push(onnx.node("Slice", [padded, onnx.ints(starts), onnx.ints(ends), onnx.ints([1, 2]), onnx.ints(strides)]));
    }
  }
  const taps = views.length;
  const rows = onnx.node("Reshape", [
    taps === 1 ? views[0] : onnx.node("Concat", views, { axis: I(3) }),
    onnx.ints([n * outHeight * outWidth, taps * channels]),
  ]);
  const turned = onnx.node("Transpose", [dy], { perm: I([1, 0, 2, 3]) });
  const left = onnx.node("Reshape", [turned, onnx.ints([k, n * outHeight * outWidth])]);
  const product = onnx.node("Reshape", [onnx.matmul(left, rows, 2, 2, false, false), onnx.ints([k, taps, channels])]);
  return onnx.node("Reshape", [onnx.node("Transpose", [product], { perm: I([0, 2, 1]) }), onnx.ints([k, channels, ...kernel])]);
}

/** The forms by name, so that the benchmarks can time each. */
export const filterForms: Readonly<Record<FilterForm, (args: LowerArgs<ConvFilterAttrs>) => string>> = {
  columns: filterByColumns,
  outputColumns: filterByOutputColumns,
  rows: filterByRows,
};
