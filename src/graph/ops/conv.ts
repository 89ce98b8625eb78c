import { type Shape, sizeOf } from "../../core/dtype.ts";
import { forEachIndex, ndZeros } from "../nd.ts";
import { type Attrs, defineOp, type Example, type NdArray, type OpRecord } from "../op.ts";
import { requireFloats, type Spec, shapeError, stridesOf } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { lowerConv, lowerConvFilter, lowerConvInput } from "./conv-lowering.ts";
import { sum } from "./reduce.ts";

// Convolution of any number of spatial axes (the field's cross-correlation), its input gradient and its filter gradient. Each of the three is
// bilinear and its derivatives are the other two, so second derivatives never meet an im2col form. The input gradient is transposed convolution.

export interface ConvAttrs extends Attrs {
  readonly strides: readonly number[];
  /** Zeros added before each spatial axis, then after each (ONNX order). */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly groups: number;
}

export interface ConvInputAttrs extends ConvAttrs {
  /** Spatial shape of the result: strides alone do not determine it. */
  readonly spatial: readonly number[];
}

export interface ConvFilterAttrs extends ConvAttrs {
  /** Spatial shape of the filter. */
  readonly kernel: readonly number[];
}

function outputSpatial(input: Shape, kernel: Shape, { strides, pads, dilations }: ConvAttrs): number[] {
  const axes = input.length;
  return input.map((size, i) => Math.floor((size + pads[i] + pads[i + axes] - dilations[i] * (kernel[i] - 1) - 1) / strides[i]) + 1);
}

/** Throw unless input and filter are float32 of one rank, and the input's axis 1 has the channels that the filter reads. @throws ShapeError */
function requireChannels(op: string, inputs: readonly Spec[], channels: number): void {
  const [x, w] = inputs;
  requireFloats(op, inputs);
  if (x.shape.length < 3 || w.shape.length !== x.shape.length) {
    const hint = x.shape.length === w.shape.length - 1 ? "a single example needs a batch axis: x.reshape([1, ...x.shape])" : undefined;
    throw shapeError(op, inputs, "the input must be [batch, channels, ...spatial], with as many spatial axes as the filter", hint);
  }
  if (x.shape[1] !== channels) throw shapeError(op, inputs, `the input has ${x.shape[1]} channels (axis 1), the filter reads ${channels}`);
}

function convSpec(inputs: readonly Spec[], attrs: ConvAttrs): Spec {
  const [x, w, b] = inputs;
  requireChannels("conv", inputs, w.shape[1] * attrs.groups);
  if (w.shape[0] % attrs.groups !== 0)
    throw shapeError("conv", inputs, `${w.shape[0]} output channels do not divide into ${attrs.groups} groups`);
  if (b !== undefined && (b.shape.length !== 1 || b.shape[0] !== w.shape[0]))
    throw shapeError("conv", inputs, `the bias must have shape [${w.shape[0]}]`);
  const spatial = outputSpatial(x.shape.slice(2), w.shape.slice(2), attrs);
  if (spatial.some((size) => size < 1)) throw shapeError("conv", inputs, "the filter is larger than the padded input");
  return { shape: [x.shape[0], w.shape[0], ...spatial], dtype: "float32" };
}

/** Visit every product of the sum that defines a convolution, by flat offsets into x, w and y. */
function forEachTerm(x: Shape, w: Shape, y: Shape, attrs: ConvAttrs, visit: (xAt: number, wAt: number, yAt: number) => void): void {
  const { strides, pads, dilations, groups } = attrs;
  const xStrides = stridesOf(x);
  const perGroup = w[0] / groups;
  const filter = w.slice(1);
  const taps = sizeOf(filter);
  forEachIndex(y, (yIndex, yAt) => {
    const [n, k] = yIndex;
    const firstChannel = Math.floor(k / perGroup) * w[1];
    forEachIndex(filter, (wIndex, tap) => {
      let xAt = n * xStrides[0] + (firstChannel + wIndex[0]) * xStrides[1];
      for (let i = 2; i < x.length; i++) {
        const at = yIndex[i] * strides[i - 2] - pads[i - 2] + wIndex[i - 1] * dilations[i - 2];
        if (at < 0 || at >= x[i]) return;
        xAt += at * xStrides[i];
      }
      visit(xAt, k * taps + tap, yAt);
    });
  });
}

// Small, since tests differentiate them numerically, yet together they take every branch of the lowerings.
const base2d: ConvAttrs = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 };
const pointwise: ConvAttrs = { ...base2d, pads: [0, 0, 0, 0] };
const strided: ConvAttrs = { ...base2d, strides: [2, 2], pads: [0, 0, 1, 1] };
const grouped: ConvAttrs = { strides: [2, 1], pads: [1, 2, 1, 2], dilations: [1, 2], groups: 2 };
const denseGroups: ConvAttrs = { ...base2d, pads: [1, 0, 0, 1], groups: 2 };
const uneven: ConvAttrs = { strides: [2, 1], pads: [1, 0, 0, 1], dilations: [1, 2], groups: 1 };
const wide: ConvAttrs = { ...base2d, pads: [2, 3, 3, 3] };
const wideSteps: ConvAttrs = { strides: [2, 1], pads: [2, 6, 3, 6], dilations: [1, 2], groups: 1 };
const line: ConvAttrs = { strides: [2], pads: [1, 1], dilations: [1], groups: 1 };
const volume: ConvAttrs = { strides: [1, 2, 1], pads: [1, 0, 0, 0, 0, 1], dilations: [1, 1, 1], groups: 1 };
const gappedVolume: ConvAttrs = { strides: [3, 2, 1], pads: [1, 0, 0, 1, 1, 0], dilations: [1, 1, 2], groups: 2 };
const depthwise: ConvAttrs = { ...base2d, pads: [1, 0, 0, 1], groups: 3 };
const dilatedDepthwise: ConvAttrs = { strides: [1], pads: [2, 1], dilations: [2], groups: 2 };
const depthwiseVolume: ConvAttrs = { strides: [1, 1, 1], pads: [1, 0, 0, 0, 1, 0], dilations: [1, 1, 2], groups: 2 };
const denseVolume: ConvAttrs = { ...volume, strides: [1, 1, 1] };

/** y[n, k, o] = Σ_c Σ_t x[n, c, o·stride - pad + t·dilation] w[k, c, t] (+ b[k]). */
const convOp: OpRecord<ConvAttrs> = defineOp<ConvAttrs>({
  name: "conv",
  shape: (inputs, attrs) => [convSpec(inputs, attrs)],
  gradient: ({ inputs: [x, w, b], attrs, dOutputs: [dy] }) => {
    const dx = convInput(dy!, w, { ...attrs, spatial: x.shape.slice(2) });
    const dw = convFilter(x, dy!, { ...attrs, kernel: w.shape.slice(2) });
    return b === undefined
      ? [dx, dw]
      : [
          dx,
          dw,
          sum(
            dy!,
            dy!.shape.flatMap((_, i) => (i === 1 ? [] : [i])),
          ),
        ];
  },
  lower: lowerConv,
  evaluate: ([x, w, b], attrs, [spec]) => {
    const y = ndZeros(spec.shape);
    forEachTerm(x.shape, w.shape, y.shape, attrs, (xAt, wAt, yAt) => {
      y.data[yAt] += x.data[xAt] * w.data[wAt];
    });
    if (b !== undefined) addBias(y, b);
    return [y];
  },
  examples: [
    { inputs: [{ shape: [1, 16, 2, 3] }, { shape: [16, 16, 1, 2] }, { shape: [16] }], attrs: { ...base2d, pads: [0, 0, 0, 1] } },
    { inputs: [{ shape: [1, 16, 8, 8] }, { shape: [1, 16, 2, 2] }, { shape: [1] }], attrs: { ...strided, pads: [0, 1, 1, 0] } },
    { inputs: [{ shape: [2, 2, 3, 4] }, { shape: [3, 2, 3, 3] }, { shape: [3] }], attrs: base2d },
    { inputs: [{ shape: [2, 2, 4, 4] }, { shape: [2, 2, 3, 3] }], attrs: strided },
    { inputs: [{ shape: [1, 4, 3, 4] }, { shape: [4, 2, 3, 2] }], attrs: grouped },
    { inputs: [{ shape: [2, 3, 5] }, { shape: [2, 3, 3] }], attrs: line },
    { inputs: [{ shape: [1, 2, 2, 3, 2] }, { shape: [2, 2, 2, 2, 2] }], attrs: volume },
    { inputs: [{ shape: [1, 8, 3, 3] }, { shape: [2, 8, 3, 3] }], attrs: base2d },
    { inputs: [{ shape: [2, 3, 2, 3] }, { shape: [4, 3, 1, 1] }], attrs: pointwise },
  ],
});

function addBias(y: NdArray, b: NdArray): void {
  const inner = sizeOf(y.shape.slice(2));
  for (let i = 0; i < y.data.length; i++) y.data[i] += b.data[Math.floor(i / inner) % b.data.length];
}

const inputExamples: Example<ConvInputAttrs>[] = [
  { inputs: [{ shape: [2, 3, 3, 4] }, { shape: [3, 2, 3, 3] }], attrs: { ...base2d, spatial: [3, 4] } },
  { inputs: [{ shape: [1, 2, 3, 3] }, { shape: [2, 8, 3, 3] }], attrs: { ...base2d, spatial: [3, 3] } },
  { inputs: [{ shape: [1, 4, 2, 3] }, { shape: [4, 4, 3, 2] }], attrs: { ...denseGroups, spatial: [3, 3] } },
  { inputs: [{ shape: [1, 2, 3, 2] }, { shape: [2, 8, 1, 1] }], attrs: { ...pointwise, spatial: [3, 2] } },
  { inputs: [{ shape: [2, 2, 2, 2] }, { shape: [2, 2, 3, 3] }], attrs: { ...strided, spatial: [4, 4] } },
  { inputs: [{ shape: [1, 4, 2, 6] }, { shape: [4, 2, 3, 2] }], attrs: { ...grouped, spatial: [3, 4] } },
  { inputs: [{ shape: [2, 3, 3] }, { shape: [3, 2, 3] }], attrs: { ...line, spatial: [6] } },
  { inputs: [{ shape: [1, 2, 2, 1, 2] }, { shape: [2, 2, 2, 2, 2] }], attrs: { ...volume, spatial: [2, 3, 2] } },
  { inputs: [{ shape: [1, 2, 2, 1, 2] }, { shape: [2, 2, 2, 2, 2] }], attrs: { ...denseVolume, spatial: [2, 2, 2] } },
  { inputs: [{ shape: [1, 2, 2, 2, 2] }, { shape: [2, 1, 2, 2, 2] }], attrs: { ...gappedVolume, spatial: [4, 3, 4] } },
  { inputs: [{ shape: [1, 2, 2, 2, 1] }, { shape: [2, 1, 4, 2, 1] }], attrs: { ...gappedVolume, spatial: [6, 3, 1] } },
];

/** The gradient of conv with respect to its input, which is transposed convolution: dx[n, c, i] = Σ dy[n, k, o] w[k, c, t] over i = o·stride - pad + t·dilation. */
const convInputOp: OpRecord<ConvInputAttrs> = defineOp<ConvInputAttrs>({
  name: "convInput",
  shape: (inputs, attrs) => {
    requireFloats("convInput", inputs);
    const [dy, w] = inputs;
    if (dy.shape.length < 3 || w.shape.length !== dy.shape.length || dy.shape[1] !== w.shape[0]) {
      throw shapeError("convInput", inputs, "the input must be [N, K, ...spatial] and the filter [K, C / groups, ...kernel]");
    }
    const expected = outputSpatial(attrs.spatial, w.shape.slice(2), attrs);
    if (expected.some((size, i) => size !== dy.shape[i + 2])) {
      throw shapeError(
        "convInput",
        inputs,
        `a result of [${attrs.spatial.join(",")}] convolves to [${expected.join(",")}], not to this input`,
      );
    }
    return [{ shape: [dy.shape[0], w.shape[1] * attrs.groups, ...attrs.spatial], dtype: "float32" }];
  },
  gradient: ({ inputs: [dy, w], attrs, dOutputs: [g] }) => [
    applyOne(convOp, [g!, w], withoutExtras(attrs)),
    convFilter(g!, dy, { ...withoutExtras(attrs), kernel: w.shape.slice(2) }),
  ],
  lower: lowerConvInput,
  evaluate: ([dy, w], attrs, [spec]) => {
    const dx = ndZeros(spec.shape);
    forEachTerm(spec.shape, w.shape, dy.shape, attrs, (xAt, wAt, yAt) => {
      dx.data[xAt] += dy.data[yAt] * w.data[wAt];
    });
    return [dx];
  },
  examples: inputExamples,
});

/** The gradient of conv with respect to its filter: dw[k, c, t] = Σ x[n, c, o·stride - pad + t·dilation] dy[n, k, o]. */
const convFilterOp: OpRecord<ConvFilterAttrs> = defineOp<ConvFilterAttrs>({
  name: "convFilter",
  shape: (inputs, attrs) => {
    requireFloats("convFilter", inputs);
    const [x, dy] = inputs;
    const expected = outputSpatial(x.shape.slice(2), attrs.kernel, attrs);
    if (x.shape.length !== dy.shape.length || x.shape[0] !== dy.shape[0] || expected.some((size, i) => size !== dy.shape[i + 2])) {
      throw shapeError("convFilter", inputs, `a kernel of [${attrs.kernel.join(",")}] makes [${expected.join(",")}] of this input`);
    }
    return [{ shape: [dy.shape[1], x.shape[1] / attrs.groups, ...attrs.kernel], dtype: "float32" }];
  },
  gradient: ({ inputs: [x, dy], attrs, dOutputs: [g] }) => [
    convInput(dy, g!, { ...withoutExtras(attrs), spatial: x.shape.slice(2) }),
    applyOne(convOp, [x, g!], withoutExtras(attrs)),
  ],
  lower: lowerConvFilter,
  evaluate: ([x, dy], attrs, [spec]) => {
    const dw = ndZeros(spec.shape);
    forEachTerm(x.shape, spec.shape, dy.shape, attrs, (xAt, wAt, yAt) => {
      dw.data[wAt] += x.data[xAt] * dy.data[yAt];
    });
    return [dw];
  },
  examples: [
    { inputs: [{ shape: [2, 2, 3, 4] }, { shape: [2, 3, 3, 4] }], attrs: { ...base2d, kernel: [3, 3] } },
    { inputs: [{ shape: [2, 8, 3, 3] }, { shape: [2, 2, 2, 2] }], attrs: { ...uneven, kernel: [2, 2] } },
    { inputs: [{ shape: [2, 4, 3, 3] }, { shape: [2, 2, 3, 2] }], attrs: { ...uneven, strides: [1, 1], kernel: [2, 2] } },
    { inputs: [{ shape: [1, 2, 4, 3] }, { shape: [1, 1, 2, 1] }], attrs: { ...pointwise, kernel: [3, 3] } },
    { inputs: [{ shape: [1, 16, 3] }, { shape: [1, 8, 3] }], attrs: { ...line, strides: [1], kernel: [3] } },
    { inputs: [{ shape: [1, 2, 2, 2, 2] }, { shape: [1, 1, 2, 1, 2] }], attrs: { ...denseVolume, kernel: [2, 2, 2] } },
    { inputs: [{ shape: [2, 16, 3, 3] }, { shape: [2, 2, 2, 2] }], attrs: { ...uneven, kernel: [2, 2] } },
    { inputs: [{ shape: [1, 16, 2, 2] }, { shape: [1, 2, 2, 2] }], attrs: { ...pointwise, kernel: [1, 1] } },
    { inputs: [{ shape: [2, 2, 4, 4] }, { shape: [2, 2, 2, 2] }], attrs: { ...strided, kernel: [3, 3] } },
    { inputs: [{ shape: [1, 4, 3, 4] }, { shape: [1, 4, 2, 6] }], attrs: { ...grouped, kernel: [3, 2] } },
    { inputs: [{ shape: [2, 3, 5] }, { shape: [2, 2, 3] }], attrs: { ...line, kernel: [3] } },
    { inputs: [{ shape: [1, 2, 2, 3, 2] }, { shape: [1, 2, 2, 1, 2] }], attrs: { ...volume, kernel: [2, 2, 2] } },
    { inputs: [{ shape: [2, 3, 2, 3] }, { shape: [2, 4, 2, 3] }], attrs: { ...pointwise, kernel: [1, 1] } },
    { inputs: [{ shape: [2, 3, 3, 4] }, { shape: [2, 3, 3, 3] }], attrs: { ...depthwise, kernel: [2, 3] } },
    { inputs: [{ shape: [1, 3, 2, 8] }, { shape: [1, 3, 3, 9] }], attrs: { ...depthwise, kernel: [1, 1] } },
    { inputs: [{ shape: [2, 2, 4] }, { shape: [2, 2, 5] }], attrs: { ...dilatedDepthwise, kernel: [2] } },
    { inputs: [{ shape: [1, 2, 2, 2, 3] }, { shape: [1, 2, 2, 2, 1] }], attrs: { ...depthwiseVolume, kernel: [2, 2, 2] } },
    { inputs: [{ shape: [2, 2, 4, 5] }, { shape: [2, 2, 2, 3] }], attrs: { ...wide, kernel: [8, 9] } },
    { inputs: [{ shape: [1, 3, 4, 5] }, { shape: [1, 1, 2, 3] }], attrs: { ...wide, kernel: [8, 9] } },
    { inputs: [{ shape: [1, 2, 5, 4] }, { shape: [1, 2, 2, 2] }], attrs: { ...wideSteps, kernel: [8, 8] } },
  ],
});

function withoutExtras({ strides, pads, dilations, groups }: ConvAttrs): ConvAttrs {
  return { strides, pads, dilations, groups };
}

function convInput(dy: Tensor, w: Tensor, { strides, pads, dilations, groups, spatial }: ConvInputAttrs): Tensor {
  return applyOne(convInputOp, [dy, w], { strides, pads, dilations, groups, spatial });
}

function convFilter(x: Tensor, dy: Tensor, { strides, pads, dilations, groups, kernel }: ConvFilterAttrs): Tensor {
  return applyOne(convFilterOp, [x, dy], { strides, pads, dilations, groups, kernel });
}

export interface ConvOptions {
  /** Step between positions, per spatial axis or one for all. Default 1. */
  stride?: number | readonly number[];
  /**
   * Zeros around the input: one number for every border, one per axis, or begins then ends; `"same"` gives ceil(size / stride) positions with
   * the odd zero at the end, as TensorFlow does. Default 0.
   */
  padding?: number | readonly number[] | "same";
  /** Distance between filter taps. Default 1. */
  dilation?: number | readonly number[];
  /** Channel groups that do not see each other. Default 1. */
  groups?: number;
  /** [K], added to every position. */
  bias?: Tensor | undefined;
}

function resolve(op: string, inputs: readonly Tensor[], spatial: Shape, kernel: Shape, options: ConvOptions): ConvAttrs {
  const axes = spatial.length;
  const spread = (value: number | readonly number[] | undefined, name: string, least: number): number[] => {
    const list = typeof value === "object" ? [...value] : new Array<number>(axes).fill(value ?? least);
    if (list.length !== axes || list.some((v) => !Number.isInteger(v) || v < least)) {
      throw shapeError(op, inputs, `${name} must be one whole number of at least ${least}, or ${axes} of them; got ${String(value)}`);
    }
    return list;
  };
  const strides = spread(options.stride, "stride", 1);
  const dilations = spread(options.dilation, "dilation", 1);
  const pads =
    options.padding === "same" ? samePads(spatial, kernel, strides, dilations) : explicitPads(op, inputs, axes, options.padding ?? 0);
  return { strides, pads, dilations, groups: options.groups ?? 1 };
}

function explicitPads(op: string, inputs: readonly Tensor[], axes: number, padding: number | readonly number[]): number[] {
  const list =
    typeof padding === "number"
      ? new Array<number>(2 * axes).fill(padding)
      : padding.length === axes
        ? [...padding, ...padding]
        : [...padding];
  if (list.length !== 2 * axes || list.some((v) => !Number.isInteger(v) || v < 0)) {
    throw shapeError(
      op,
      inputs,
      `padding must be a whole number of at least 0, ${axes} of them, or ${2 * axes} (begins, ends); got ${String(padding)}`,
    );
  }
  return list;
}

function samePads(spatial: Shape, kernel: Shape, strides: readonly number[], dilations: readonly number[]): number[] {
  const totals = spatial.map((size, i) =>
    Math.max((Math.ceil(size / strides[i]) - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 - size, 0),
  );
  return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))];
}

/**
 * Convolution (cross-correlation) over any number of spatial axes. x [N, C, ...], filter [K, C / groups, ...kernel] -> [N, K, ...].
 * @throws ShapeError
 */
export function conv(x: Tensor, filter: Tensor, options: ConvOptions = {}): Tensor {
  const inputs = options.bias === undefined ? [x, filter] : [x, filter, options.bias];
  // Before the options are read: of a tensor of another rank these would seem to be wrong.
  requireChannels("conv", inputs, filter.shape[1] * (options.groups ?? 1));
  return applyOne(convOp, inputs, resolve("conv", [x, filter], x.shape.slice(2), filter.shape.slice(2), options));
}

export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  padding?: number | readonly number[];
  /** Extra positions at the end of each axis, to pick among the sizes a stride allows. Default 0. */
  outputPadding?: number | readonly number[];
}

/**
 * Transposed convolution, the input gradient of `conv`. x [N, K, ...], filter [K, C / groups, ...kernel] -> [N, C, ...] with
 * (size - 1) · stride - 2 · padding + dilation · (kernel - 1) + 1 + outputPadding positions per axis (PyTorch's rule).
 * @throws ShapeError
 */
export function convTranspose(x: Tensor, filter: Tensor, options: ConvTransposeOptions = {}): Tensor {
  requireChannels("convTranspose", [x, filter], filter.shape[0]);
  const sizes = x.shape.slice(2);
  const kernel = filter.shape.slice(2);
  const { strides, pads, dilations, groups } = resolve("convTranspose", [x, filter], sizes, kernel, options);
  const extra = options.outputPadding ?? 0;
  const spatial = sizes.map((size, i) => {
    const added = typeof extra === "number" ? extra : extra[i];
    if (added < 0 || added >= Math.max(strides[i], dilations[i])) {
      throw shapeError("convTranspose", [x, filter], `outputPadding ${added} must be below the stride ${strides[i]}`);
    }
    return (size - 1) * strides[i] - pads[i] - pads[i + sizes.length] + dilations[i] * (kernel[i] - 1) + 1 + added;
  });
  const y = convInput(x, filter, { strides, pads, dilations, groups, spatial });
  return options.bias === undefined ? y : y.add(options.bias.reshape([options.bias.size, ...sizes.map(() => 1)]));
}

export const convOps = { conv: convOp, convInput: convInputOp, convFilter: convFilterOp };
