import { type Shape, sizeOf } from "../../core/dtype.ts";
import { type Emitter, I, type Target } from "../onnx.ts";

// Factorizations in ONNX (docs/engine-facts.md 14): the standard has only Det, ONNX Runtime adds Inverse. What goes column by column is a Scan with a
// small body; triangular matrices are inverted by log2(n) rounds of whole-matrix products, which no scan comes near.

/** Whether the runtime has its own Inverse (com.microsoft): LU with partial pivoting. */
export function hasInverse(target: Target): boolean {
  return target === "cpu" || target === "wasm";
}

/** PA = LU by elimination with partial pivoting, for a stack of B matrices of n x n. */
export interface Elimination {
  /** Pivots by column, [n, B]. */
  pivots: string;
  /** The row that held each pivot, int64 [n, B, 1]. */
  rows: string;
  /** Columns of L in the order of A's rows, without the ones, [n, B, n]; undefined where not asked for. */
  lower: string | undefined;
  /** Rows of U, [n, B, n]; what is left of the diagonal is rounding. */
  upper: string | undefined;
}

function indices(onnx: Emitter, shape: Shape, at: (i: number) => number): string {
  return onnx.constant(
    "int64",
    shape,
    BigInt64Array.from({ length: sizeOf(shape) }, (_, i) => BigInt(at(i))),
  );
}

/** Rows are not exchanged: those that have given their pivot are marked. A column of zeros gives a pivot of 0 and changes nothing. */
export function eliminate(onnx: Emitter, matrices: string, [batch, n]: readonly [number, number], factors: boolean): Elimination {
  const zero = onnx.scalar(0);
  const columns = indices(onnx, [n], (i) => i);
  const positions = indices(onnx, [1, n], (i) => i);
  const unused = onnx.node("Cast", [onnx.node("ConstantOfShape", [onnx.ints([batch, n])])], { to: I(9) });
  const all = onnx.node("Not", [unused]);
  const [, , pivots, rows, lower, upper] = onnx.scan([matrices, all], [columns], ([rest, free], [k]) => {
    const column = onnx.node("Gather", [rest, k], { axis: I(2) });
    const size = onnx.node("Where", [free, onnx.node("Abs", [column]), onnx.scalar(-1)]);
    const row = onnx.node("ArgMax", [size], { axis: I(1), keepdims: I(1) });
    const left = onnx.node("And", [free, onnx.node("Not", [onnx.node("Equal", [row, positions])])]);
    const pivotRow = onnx.node("GatherND", [rest, row], { batch_dims: I(1) });
    const pivot = onnx.node("Gather", [pivotRow, k], { axis: I(1) });
    const divisor = onnx.node("Where", [onnx.node("Equal", [pivot, zero]), onnx.scalar(1), pivot]);
    const factor = onnx.node("Div", [onnx.node("Where", [left, column, zero]), onnx.node("Unsqueeze", [divisor, onnx.ints([1])])]);
    const product = onnx.node("Mul", [
      onnx.node("Unsqueeze", [factor, onnx.ints([2])]),
      onnx.node("Unsqueeze", [pivotRow, onnx.ints([1])]),
    ]);
    const next = onnx.node("Sub", [rest, product]);
    return { state: [next, left], outputs: factors ? [pivot, row, factor, pivotRow] : [pivot, row] };
  });
  return { pivots, rows, lower, upper };
}

/** |log| of a determinant beyond which it is not trusted: partial products might have left float32's range, whose own limit is 87. */
const trustedLogarithm = 57;

/**
 * Sign [B] and log|det| [B] of a stack [B, n, n]. Det does it quickly where the determinant fits a float; rows are scaled first, to a length at which both
 * orthogonal and random matrices do. Where one of the stack does not fit, or is singular, all go through the elimination.
 */
export function signAndLogarithm(onnx: Emitter, matrices: string, batch: number, n: number): string[] {
  const lengths = onnx.node("Sqrt", [onnx.node("ReduceSumSquare", [matrices, onnx.ints([2])], { keepdims: I(1) })]);
  const scales = onnx.node("Mul", [lengths, onnx.scalar(Math.exp(-0.25))]);
  const scaled = onnx.node("Det", [onnx.node("Div", [matrices, scales])]);
  const small = onnx.node("Log", [onnx.node("Abs", [scaled])]);
  const most = onnx.node("ReduceMax", [onnx.node("Abs", [small])], { keepdims: I(0) });
  return onnx.choose(
    onnx.node("Less", [most, onnx.scalar(trustedLogarithm)]),
    () => {
      const scale = onnx.node("ReduceSum", [onnx.node("Log", [scales]), onnx.ints([1, 2])], { keepdims: I(0) });
      return [onnx.node("Sign", [scaled]), onnx.node("Add", [small, scale])];
    },
    () => signAndLogarithmByElimination(onnx, matrices, batch, n),
  );
}

/** The pivots' product, turned by the parity of the order in which rows were taken. */
function signAndLogarithmByElimination(onnx: Emitter, matrices: string, batch: number, n: number): [string, string] {
  const { pivots, rows } = eliminate(onnx, matrices, [batch, n], false);
  const logarithm = onnx.node("ReduceSum", [onnx.node("Log", [onnx.node("Abs", [pivots])]), onnx.ints([0])], { keepdims: I(0) });
  const order = onnx.node("Transpose", [rows], { perm: I([1, 0, 2]) });
  const later = onnx.node("Transpose", [rows], { perm: I([1, 2, 0]) });
  const before = onnx.node("Less", [indices(onnx, [n, 1], (i) => i), indices(onnx, [1, n], (i) => i)]);
  const inverted = onnx.node("Cast", [onnx.node("And", [before, onnx.node("Greater", [order, later])])], { to: I(7) });
  const count = onnx.node("ReduceSum", [inverted, onnx.ints([1, 2])], { keepdims: I(0) });
  const odd = onnx.node("Cast", [onnx.node("Mod", [count, onnx.scalar(2, "int64")])], { to: I(1) });
  const parity = onnx.node("Sub", [onnx.scalar(1), onnx.node("Mul", [odd, onnx.scalar(2)])]);
  const signs = onnx.node("ReduceProd", [onnx.node("Sign", [pivots]), onnx.ints([0])], { keepdims: I(0) });
  return [onnx.node("Mul", [parity, signs]), logarithm];
}

/**
 * Inverse of triangular matrices [..., n, n]; the other triangle is not read. Round b joins inverted diagonal blocks of size b in pairs,
 * [[P, 0], [M, Q]]⁻¹ = [[P⁻¹, 0], [-Q⁻¹ M P⁻¹, Q⁻¹]]: with X the block-diagonal matrix of inverses and M the blocks between, X - X M X.
 */
export function invertTriangular(onnx: Emitter, a: string, shape: Shape, upper: boolean, unitDiagonal: boolean): string {
  const n = shape[shape.length - 1];
  const zero = onnx.scalar(0);
  const down = (at: (i: number) => number) => indices(onnx, [n, 1], at);
  const across = (at: (i: number) => number) => indices(onnx, [1, n], at);
  const diagonal = onnx.node("Equal", [down((i) => i), across((i) => i)]);
  let x = onnx.node("Where", [
    diagonal,
    unitDiagonal ? onnx.node("Expand", [onnx.scalar(1), onnx.ints(shape)]) : onnx.node("Reciprocal", [a]),
    zero,
  ]);
  for (let b = 1; b < n; b *= 2) {
    const block = (i: number) => Math.floor(i / b);
    const second = (i: number) => (block(i) % 2 === 1 ? block(i) - 1 : -1);
    const between = onnx.node("Equal", upper ? [down(block), across(second)] : [down(second), across(block)]);
    const blocks = onnx.node("Where", [between, a, zero]);
    x = onnx.node("Sub", [x, onnx.node("MatMul", [x, onnx.node("MatMul", [blocks, x])])]);
  }
  return x;
}

/** The same by the runtime's Inverse, which is faster still, and leaves rounding in the other triangle. */
export function invertTriangularDirectly(onnx: Emitter, a: string, shape: Shape, upper: boolean, unitDiagonal: boolean): string {
  const n = shape[shape.length - 1];
  const zero = onnx.scalar(0);
  const [down, across] = [indices(onnx, [n, 1], (i) => i), indices(onnx, [1, n], (i) => i)];
  const inside = onnx.node("GreaterOrEqual", upper ? [across, down] : [down, across]);
  const masked = onnx.node("Where", [inside, a, zero]);
  const whole = unitDiagonal ? onnx.node("Where", [onnx.node("Equal", [down, across]), onnx.scalar(1), masked]) : masked;
  return onnx.node("Where", [inside, onnx.node("Inverse", [whole], {}, "com.microsoft"), zero]);
}

/** A⁻¹ = U⁻¹ L⁻¹ P, in standard ops. */
export function invertByElimination(onnx: Emitter, matrices: string, batch: number, n: number): string {
  const { rows, lower, upper } = eliminate(onnx, matrices, [batch, n], true);
  const taken = onnx.node("Equal", [onnx.node("Transpose", [rows], { perm: I([1, 0, 2]) }), indices(onnx, [1, n], (i) => i)]);
  const permutation = onnx.node("Cast", [taken], { to: I(1) });
  const l = onnx.node("MatMul", [permutation, onnx.node("Transpose", [lower!], { perm: I([1, 2, 0]) })]);
  const u = onnx.node("Transpose", [upper!], { perm: I([1, 0, 2]) });
  const right = onnx.node("MatMul", [invertTriangular(onnx, l, [batch, n, n], false, true), permutation]);
  return onnx.node("MatMul", [invertTriangular(onnx, u, [batch, n, n], true, false), right]);
}

/** L of A = L Lᵀ, column by column; only A's lower triangle is read. A matrix that is not positive definite gives NaN. */
export function factorPositive(onnx: Emitter, matrices: string, n: number): string {
  const positions = indices(onnx, [1, n], (i) => i);
  const columns = indices(onnx, [n], (i) => i);
  const [, stacked] = onnx.scan([matrices], [columns], ([rest], [k]) => {
    const column = onnx.node("Gather", [rest, k], { axis: I(2) });
    const root = onnx.node("Unsqueeze", [onnx.node("Sqrt", [onnx.node("Gather", [column, k], { axis: I(1) })]), onnx.ints([1])]);
    const below = onnx.node("Where", [onnx.node("Less", [positions, k]), onnx.scalar(0), column]);
    const l = onnx.node("Div", [below, root]);
    const product = onnx.node("Mul", [onnx.node("Unsqueeze", [l, onnx.ints([2])]), onnx.node("Unsqueeze", [l, onnx.ints([1])])]);
    return { state: [onnx.node("Sub", [rest, product])], outputs: [l] };
  });
  return onnx.node("Transpose", [stacked], { perm: I([1, 2, 0]) });
}
