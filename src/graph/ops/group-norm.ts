import { sizeOf } from "../../core/dtype.ts";
import { ndZeros } from "../nd.ts";
import { F, I } from "../onnx.ts";
import { type Attrs, defineOp, type GradientArgs, type LowerArgs } from "../op.ts";
import { type Spec, shapeError } from "../shape.ts";
import { apply, type Tensor } from "../tensor.ts";
import { add, mul, sub } from "./elementwise.ts";
import { matmul } from "./linalg.ts";
import { expand, reshape } from "./movement.ts";
import { sum } from "./reduce.ts";

// Normalisation of rows by their root mean square, and of groups of channels. Their statistics are further outputs, which the gradients need.

interface EpsilonAttrs extends Attrs {
  readonly epsilon: number;
}

/** A sum that starts from nothing. */
function plus(total: Tensor | null, addend: Tensor): Tensor {
  return total === null ? addend : add(total, addend);
}

const cube = (x: Tensor): Tensor => mul(mul(x, x), x);

/**
 * y = x / sqrt(mean(x²) + ε) · scale over the last axis. Outputs y [..., D] and the inverse root mean square [..., 1].
 * (Zhang and Sennrich 2019, Eq. 4.) With inv the second output: dx = dy · scale · inv - x · inv³ · mean(dy · x · scale), dscale = Σ dy · x · inv.
 */
const rmsNormOp = defineOp<EpsilonAttrs>({
  name: "rmsNorm",
  shape: (inputs) => {
    const [x, scale] = inputs;
    const width = x.shape[x.shape.length - 1];
    if (x.shape.length === 0 || scale.shape.length !== 1 || scale.shape[0] !== width)
      throw shapeError("rmsNorm", inputs, `the scale must have shape [${width ?? ""}], the input's last axis`);
    return [x, { shape: [...x.shape.slice(0, -1), 1], dtype: "float32" }];
  },
  gradient: rmsNormGradient,
  lower: ({ onnx, inputs: [x, scale], attrs, node }) => {
    const width = node.inputs[1].shape[0];
    const total = onnx.node("ReduceSum", [onnx.node("Mul", [x, x]), onnx.ints([-1])], { keepdims: I(1) });
    const meanSquare = onnx.node("Add", [onnx.node("Mul", [total, onnx.scalar(1 / width)]), onnx.scalar(attrs.epsilon)]);
    const inverse = onnx.node("Reciprocal", [onnx.node("Sqrt", [meanSquare])]);
    return [onnx.node("Mul", [onnx.node("Mul", [x, inverse]), scale]), inverse];
  },
  evaluate: ([x, scale], { epsilon }, [, statistics]) => {
    const width = scale.data.length;
    const y = ndZeros(x.shape);
    const inverse = ndZeros(statistics.shape);
    inverse.data.forEach((_, row) => {
      const values = x.data.subarray(row * width, (row + 1) * width);
      inverse.data[row] = 1 / Math.sqrt(values.reduce((total, v) => total + v * v, 0) / width + epsilon);
      values.forEach((v, i) => {
        y.data[row * width + i] = v * inverse.data[row] * scale.data[i];
      });
    });
    return [y, inverse];
  },
  examples: [
    {
      inputs: [
        { shape: [2, 3, 5], range: [-2, 2] },
        { shape: [5], range: [0.5, 1.5] },
      ],
      attrs: { epsilon: 1e-3 },
    },
    {
      inputs: [
        { shape: [4], range: [-2, 2] },
        { shape: [4], range: [0.5, 1.5] },
      ],
      attrs: { epsilon: 1e-3 },
    },
  ],
});

function rmsNormGradient({
  inputs: [x, scale],
  outputs: [, inverse],
  dOutputs: [dy, dInverse],
}: GradientArgs<EpsilonAttrs>): (Tensor | null)[] {
  const width = scale.size;
  const rows = x.size / width;
  let dx: Tensor | null = null;
  let dScale: Tensor | null = null;
  // d inv = -inv³ / D · x, and the same factor stands before x in what y passes back.
  let factor: Tensor | null = dInverse === null ? null : mul(dInverse, 1 / width);
  if (dy !== null) {
    const u = reshape(mul(dy, x), [rows, width]);
    const column = mul(reshape(scale, [width, 1]), 1 / width);
    factor = plus(factor, reshape(matmul(u, column), inverse.shape));
    dScale = reshape(matmul(reshape(inverse, [1, rows]), u), scale.shape);
    dx = mul(mul(dy, scale), inverse);
  }
  if (factor !== null) {
    const back = mul(x, mul(factor, cube(inverse)));
    dx = dx === null ? back.neg() : sub(dx, back);
  }
  return [dx, dScale];
}

/**
 * Divide the last axis by its root mean square. x [..., D], scale [D].
 * @returns y [..., D], inverse root mean square [..., 1]
 */
export function rmsNorm(x: Tensor, scale: Tensor, epsilon: number): { y: Tensor; inverse: Tensor } {
  const rows = x.rank > 2 ? reshape(x, [-1, x.shape[x.rank - 1]]) : x;
  const [y, inverse] = apply(rmsNormOp, [rows, scale], { epsilon });
  return { y: reshape(y, x.shape), inverse: reshape(inverse, [...x.shape.slice(0, -1), 1]) };
}

interface GroupNormAttrs extends EpsilonAttrs {
  readonly groups: number;
}

/** x [N, C, ...] seen as [N, groups, channels of a group, positions]. */
function blocksOf(x: Spec, groups: number): [number, number, number, number] {
  return [x.shape[0], groups, x.shape[1] / groups, sizeOf(x.shape.slice(2))];
}

/**
 * y = (x - mean) / sqrt(var + ε) · scale + bias with the mean and population variance of each example's groups of channels.
 * Outputs y [N, C, ...], mean [N, G, 1] and inverse deviation [N, G, 1]. (Wu and He 2018, Eq. 1 and 7; with G = C it is instance normalisation.)
 * With c = x - mean and per-channel sums over positions s = Σ dy and t = Σ dy · c:
 * dbias = Σ_n s, dscale = Σ_n t · inv, dx = dy · scale · inv - (c · inv³ mean_g(t · scale) + inv · mean_g(s · scale)).
 */
const groupNormOp = defineOp<GroupNormAttrs>({
  name: "groupNorm",
  shape: (inputs, { groups }) => {
    const [x, scale, bias] = inputs;
    const channels = x.shape[1];
    if (x.shape.length < 2) throw shapeError("groupNorm", inputs, "the input must have shape [N, C, ...]");
    if (!(groups >= 1) || channels % groups !== 0)
      throw shapeError("groupNorm", inputs, `${channels} channels do not divide into ${groups} groups`);
    if (scale.shape.length !== 1 || bias.shape.length !== 1 || scale.shape[0] !== channels || bias.shape[0] !== channels)
      throw shapeError("groupNorm", inputs, `scale and bias must have shape [${channels}], one entry per channel`);
    const perGroup: Spec = { shape: [x.shape[0], groups, 1], dtype: "float32" };
    return [x, perGroup, perGroup];
  },
  gradient: groupNormGradient,
  lower: lowerGroupNorm,
  evaluate: ([x, scale, bias], { groups, epsilon }, [, statistics]) => {
    const [, , channels, inner] = blocksOf(x, groups);
    const y = ndZeros(x.shape);
    const mean = ndZeros(statistics.shape);
    const inverse = ndZeros(statistics.shape);
    const length = channels * inner;
    mean.data.forEach((_, row) => {
      const values = x.data.subarray(row * length, (row + 1) * length);
      mean.data[row] = values.reduce((a, b) => a + b, 0) / length;
      const variance = values.reduce((total, v) => total + (v - mean.data[row]) ** 2, 0) / length;
      inverse.data[row] = 1 / Math.sqrt(variance + epsilon);
      values.forEach((v, i) => {
        const c = (row % groups) * channels + Math.floor(i / inner);
        y.data[row * length + i] = (v - mean.data[row]) * inverse.data[row] * scale.data[c] + bias.data[c];
      });
    });
    return [y, mean, inverse];
  },
  examples: [
    {
      inputs: [{ shape: [2, 4, 2, 3], range: [-2, 2] }, { shape: [4], range: [0.5, 1.5] }, { shape: [4] }],
      attrs: { groups: 2, epsilon: 1e-3 },
    },
    {
      inputs: [{ shape: [2, 3, 4], range: [-2, 2] }, { shape: [3], range: [0.5, 1.5] }, { shape: [3] }],
      attrs: { groups: 3, epsilon: 1e-3 },
    },
    { inputs: [{ shape: [3, 4], range: [-2, 2] }, { shape: [4], range: [0.5, 1.5] }, { shape: [4] }], attrs: { groups: 1, epsilon: 1e-3 } },
    {
      inputs: [
        { shape: [2, 2, 3], range: [-2, 2] },
        { shape: [2], values: [1, 1] },
        { shape: [2], values: [0, 0] },
      ],
      attrs: { groups: 2, epsilon: 1e-3 },
    },
  ],
});

function lowerGroupNorm({ onnx, inputs: [x, scale, bias], attrs: { groups, epsilon }, node }: LowerArgs<GroupNormAttrs>): string[] {
  const { shape } = node.inputs[0];
  const [n, , channels, inner] = blocksOf(node.inputs[0], groups);
  const length = channels * inner;
  const rows = onnx.node("Reshape", [x, onnx.ints([n, groups, length])]);
  // The row kernel gives the statistics; its own scale is all ones.
  const [hat, mean, inverse] = onnx.nodes("LayerNormalization", [rows, onnx.ones(length)], 3, { axis: I(-1), epsilon: F(epsilon) });
  const perChannel = (value: string) => onnx.node("Reshape", [value, onnx.ints([groups * channels, ...shape.slice(2).map(() => 1)])]);
  const plain = onnx.node("Reshape", [hat, onnx.ints(shape)]);
  const scaled = isFilled(node.inputs[1], 1) ? plain : onnx.node("Mul", [plain, perChannel(scale)]);
  return [isFilled(node.inputs[2], 0) ? scaled : onnx.node("Add", [scaled, perChannel(bias)]), mean, inverse];
}

/** Whether a tensor is a constant of one value: a layer without scale and shift pays for neither. */
function isFilled(x: Tensor, value: number): boolean {
  const { data } = x.node.attrs;
  return x.node.op.name === "constant" && ArrayBuffer.isView(data) && (data as Float32Array).every((v) => v === value);
}

function groupNormGradient({
  inputs: [x, scale],
  outputs: [, mean, inverse],
  attrs: { groups },
  dOutputs: [dy, dMean, dInverse],
}: GradientArgs<GroupNormAttrs>): (Tensor | null)[] {
  const [n, , channels, inner] = blocksOf(x, groups);
  const count = channels * inner;
  const rows = (t: Tensor) => reshape(t, [n, groups, count]);
  const centred = sub(rows(x), mean);
  // Per group: what multiplies x - mean, and what is subtracted as it is.
  let slope: Tensor | null = dInverse === null ? null : mul(mul(dInverse, cube(inverse)), 1 / count);
  let level: Tensor | null = dMean === null ? null : mul(dMean, -1 / count);
  let dScale: Tensor | null = null;
  let dBias: Tensor | null = null;
  let direct: Tensor | null = null;
  if (dy !== null) {
    const perChannel = (t: Tensor) => sum(reshape(t, [n, groups, channels, inner]), -1);
    const s = perChannel(dy);
    const t = perChannel(mul(rows(dy), centred));
    const weights = reshape(scale, [groups, channels]);
    const groupMean = (v: Tensor) => mul(sum(mul(v, weights), -1, { keepDims: true }), 1 / count);
    dBias = reshape(sum(s, 0), scale.shape);
    dScale = reshape(sum(mul(t, inverse), 0), scale.shape);
    slope = plus(slope, mul(groupMean(t), cube(inverse)));
    level = plus(level, mul(groupMean(s), inverse));
    const factor = reshape(mul(weights, inverse), [n, groups * channels, 1]);
    direct = rows(mul(reshape(dy, [n, groups * channels, inner]), factor));
  }
  let back = slope === null ? null : mul(centred, slope);
  if (level !== null) back = back === null ? expand(level, [n, groups, count]) : add(back, level);
  const dx = direct === null ? back!.neg() : back === null ? direct : sub(direct, back);
  return [reshape(dx, x.shape), dScale, dBias];
}

/**
 * Normalise each example's groups of channels. x [N, C, ...], scale and bias [C].
 * @returns y [N, C, ...], mean and inverse deviation [N, groups, 1]
 */
export function groupNorm(
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  groups: number,
  epsilon: number,
): { y: Tensor; mean: Tensor; inverse: Tensor } {
  const [y, mean, inverse] = apply(groupNormOp, [x, scale, bias], { groups, epsilon });
  return { y, mean, inverse };
}

export const groupNormOps = { rmsNorm: rmsNormOp, groupNorm: groupNormOp };
