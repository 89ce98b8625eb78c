import type { Shape } from "../../core/dtype.ts";
import { forEachIndex, ndZeros } from "../nd.ts";
import { type Emitter, I, S } from "../onnx.ts";
import { type Attrs, defineOp, type LowerArgs, type OpRecord } from "../op.ts";
import { type Spec, shapeError, stridesOf } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";

// Borders made of the tensor's own numbers, and the adjoint: a border's gradient folds back onto the numbers it was made of.

/** `reflect` mirrors at the border position, `replicate` repeats it, `circular` continues at the other end. */
export type BorderMode = "reflect" | "replicate" | "circular";

interface BorderAttrs extends Attrs {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly mode: BorderMode;
}

const onnxMode: Record<BorderMode, string> = { reflect: "reflect", replicate: "edge", circular: "wrap" };

/** Which position of an axis of `size` a padded position shows. */
function source(at: number, size: number, mode: BorderMode): number {
  if (at >= 0 && at < size) return at;
  if (mode === "replicate") return at < 0 ? 0 : size - 1;
  if (mode === "circular") return at < 0 ? at + size : at - size;
  return at < 0 ? -at : 2 * (size - 1) - at;
}

function check(op: string, inputs: readonly Spec[], shape: Shape, { begins, ends, mode }: BorderAttrs): void {
  const longest = (size: number) => (mode === "replicate" ? Number.POSITIVE_INFINITY : mode === "reflect" ? size - 1 : size);
  const fits =
    begins.length === shape.length &&
    ends.length === shape.length &&
    shape.every((size, i) =>
      [begins[i], ends[i]].every((n) => Number.isInteger(n) && n >= 0 && (n === 0 || (size > 0 && n <= longest(size)))),
    );
  if (!fits) throw shapeError(op, inputs, `borders [${begins.join(",")}] and [${ends.join(",")}] do not fit mode ${mode}`, hints[mode]);
}

const hints: Record<BorderMode, string> = {
  reflect: "a mirrored border must be shorter than its axis",
  replicate: "one whole number of at least 0 per axis",
  circular: "a border must not be longer than its axis",
};

const padded = (shape: Shape, { begins, ends }: BorderAttrs): number[] => shape.map((size, i) => size + begins[i] + ends[i]);
const inner = (shape: Shape, { begins, ends }: BorderAttrs): number[] => shape.map((size, i) => size - begins[i] - ends[i]);

/** Visit (position in the padded tensor, position it shows) by flat offsets. */
function forEachShown(small: Shape, large: Shape, { begins, mode }: BorderAttrs, visit: (largeAt: number, smallAt: number) => void): void {
  const strides = stridesOf(small);
  forEachIndex(large, (index, flat) => {
    visit(
      flat,
      index.reduce((offset, at, i) => offset + source(at - begins[i], small[i], mode) * strides[i], 0),
    );
  });
}

const cases: readonly { shape: Shape; attrs: BorderAttrs }[] = [
  { shape: [1, 2, 3, 4], attrs: { begins: [0, 0, 1, 2], ends: [0, 0, 2, 0], mode: "reflect" } },
  { shape: [2, 7], attrs: { begins: [0, 2], ends: [0, 2], mode: "reflect" } },
  { shape: [2, 2, 3], attrs: { begins: [0, 1, 2], ends: [0, 0, 5], mode: "replicate" } },
  { shape: [2, 1], attrs: { begins: [0, 1], ends: [0, 1], mode: "replicate" } },
  { shape: [2, 2, 3], attrs: { begins: [0, 1, 2], ends: [0, 1, 1], mode: "circular" } },
  { shape: [4, 2], attrs: { begins: [3, 0], ends: [2, 1], mode: "circular" } },
  { shape: [3, 2], attrs: { begins: [2, 0], ends: [1, 0], mode: "reflect" } },
  { shape: [3, 2], attrs: { begins: [2, 0], ends: [3, 0], mode: "replicate" } },
  { shape: [5], attrs: { begins: [1], ends: [1], mode: "reflect" } },
];

const padBorderOp: OpRecord<BorderAttrs> = defineOp<BorderAttrs>({
  name: "padBorder",
  shape: ([x], attrs) => {
    check("padBorder", [x], x.shape, attrs);
    return [{ shape: padded(x.shape, attrs), dtype: x.dtype }];
  },
  gradient: ({ attrs, dOutputs: [dy] }) => [applyOne(foldBorderOp, [dy!], attrs)],
  lower: ({ onnx, inputs: [x], attrs: { begins, ends, mode } }) => [
    onnx.node("Pad", [x, onnx.ints([...begins, ...ends])], { mode: S(onnxMode[mode]) }),
  ],
  evaluate: ([x], attrs, [spec]) => {
    const y = ndZeros(spec.shape, x.dtype);
    forEachShown(x.shape, spec.shape, attrs, (to, from) => {
      y.data[to] = x.data[from];
    });
    return [y];
  },
  examples: cases.map(({ shape, attrs }) => ({ inputs: [{ shape }], attrs })),
});

const foldBorderOp: OpRecord<BorderAttrs> = defineOp<BorderAttrs>({
  name: "foldBorder",
  shape: ([x], attrs) => {
    const shape = inner(x.shape, attrs);
    check("foldBorder", [x], shape, attrs);
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ attrs, dOutputs: [dy] }) => [applyOne(padBorderOp, [dy!], attrs)],
  lower: lowerFold,
  evaluate: ([dy], attrs, [spec]) => {
    const dx = ndZeros(spec.shape);
    forEachShown(spec.shape, dy.shape, attrs, (from, to) => {
      dx.data[to] += dy.data[from];
    });
    return [dx];
  },
  examples: cases.map(({ shape, attrs }) => ({ inputs: [{ shape: padded(shape, attrs) }], attrs })),
});

/** One axis after the other: cut the middle out, add what each border folds onto. */
function lowerFold({ onnx, inputs: [dy], attrs, node }: LowerArgs<BorderAttrs>): string[] {
  const { begins, ends, mode } = attrs;
  const shape = node.outputs[0].shape;
  return [
    shape.reduce((y, size, axis) => foldAxis(onnx, y, { rank: shape.length, axis, size, begin: begins[axis], end: ends[axis], mode }), dy),
  ];
}

interface AxisBorder {
  rank: number;
  axis: number;
  /** Length without borders. */
  size: number;
  begin: number;
  end: number;
  mode: BorderMode;
}

/** What is added to `length` positions from `at` on, without borders. */
interface Fold {
  part: string;
  at: number;
  length: number;
}

/** Longest innermost axis for which one small matrix product beats cutting each row in pieces. */
const shortRow = 128;

function foldAxis(onnx: Emitter, x: string, border: AxisBorder): string {
  const { rank, axis, size, begin, end } = border;
  if (begin === 0 && end === 0) return x;
  if (axis === rank - 1 && rank > 1 && size <= shortRow) return onnx.node("MatMul", [x, foldMatrix(onnx, border)]);
  const cut = (from: number, to: number) => onnx.node("Slice", [x, onnx.ints([from]), onnx.ints([to]), onnx.ints([axis]), onnx.ints([1])]);
  const folds: Fold[] = [];
  if (begin > 0) folds.push(foldOf(onnx, cut(0, begin), border, true));
  if (end > 0) folds.push(foldOf(onnx, cut(begin + size, begin + size + end), border, false));
  folds.sort((a, b) => a.at - b.at);
  const inner = (from: number, to: number) => cut(begin + from, begin + to);
  const overlap = folds.length === 2 && folds[0].at + folds[0].length > folds[1].at;
  if (overlap) {
    const widened = folds.map(({ part, at, length }) => onnx.pad(part, rank, axis, at, size - at - length));
    return widened.reduce((sum, part) => onnx.node("Add", [sum, part]), inner(0, size));
  }
  // Only the folded-on positions are added to; the rest is copied once.
  const pieces: string[] = [];
  let done = 0;
  for (const { part, at, length } of folds) {
    if (at > done) pieces.push(inner(done, at));
    pieces.push(onnx.node("Add", [inner(at, at + length), part]));
    done = at + length;
  }
  if (done < size) pieces.push(inner(done, size));
  return pieces.length === 1 ? pieces[0] : onnx.node("Concat", pieces, { axis: I(axis) });
}

/** [padded, size]: 1 where a padded position shows one of the axis. */
function foldMatrix(onnx: Emitter, { size, begin, end, mode }: AxisBorder): string {
  const matrix = new Float32Array((begin + size + end) * size);
  for (let i = 0; i < begin + size + end; i++) matrix[i * size + source(i - begin, size, mode)] = 1;
  return onnx.constant("float32", [begin + size + end, size], matrix);
}

function foldOf(onnx: Emitter, part: string, { axis, size, begin, end, mode }: AxisBorder, before: boolean): Fold {
  const length = before ? begin : end;
  if (mode === "reflect") return { part: length === 1 ? part : onnx.flip(part, [axis]), at: before ? 1 : size - 1 - end, length };
  if (mode === "circular") return { part, at: before ? size - begin : 0, length };
  const total = length === 1 ? part : onnx.node("ReduceSum", [part, onnx.ints([axis])], { keepdims: I(1) });
  return { part: total, at: before ? 0 : size - 1, length: 1 };
}

/**
 * Borders of the tensor's own numbers: `begins[i]` positions before and `ends[i]` after axis i. PyTorch's `pad` with mode `reflect`,
 * `replicate` or `circular`; for constant borders see `pad`. Any float32 shape.
 * @throws ShapeError when a mirrored border is not shorter than its axis, or a circular one longer
 */
export function padBorder(x: Tensor, begins: readonly number[], ends: readonly number[], mode: BorderMode): Tensor {
  if ([...begins, ...ends].every((n) => n === 0) && begins.length === x.rank) return x;
  return applyOne(padBorderOp, [x], { begins: [...begins], ends: [...ends], mode });
}

export const borderOps = { padBorder: padBorderOp, foldBorder: foldBorderOp };
