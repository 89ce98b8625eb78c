import { type Shape, sizeOf } from "../../core/dtype.ts";
import { ndZeros } from "../nd.ts";
import type { Emitter } from "../onnx.ts";
import { type Attrs, defineOp, type NdArray, type OpRecord } from "../op.ts";
import { type Spec, shapeError } from "../shape.ts";
import { apply, applyOne, type Tensor } from "../tensor.ts";
import { greater, where } from "./elementwise.ts";
import { matmul } from "./linalg.ts";
import {
  factorPositive,
  hasInverse,
  invertByElimination,
  invertTriangular,
  invertTriangularDirectly,
  signAndLogarithm,
} from "./matrix-lowering.ts";
import { reshape, transpose } from "./movement.ts";
import { constant } from "./source.ts";

// Determinants, inverses and factors of square matrices, batched over leading axes: what normalizing flows and Gaussians with full covariance need.
// Gradients are written with the inverses themselves, so derivatives of any order exist where the first does.

const none: Attrs = {};

function squareSize(op: string, inputs: readonly Spec[]): number {
  const { shape, dtype } = inputs[0];
  const n = shape[shape.length - 1];
  if (shape.length < 2 || shape[shape.length - 2] !== n || n < 1) throw shapeError(op, inputs, "square matrices [..., n, n] were expected");
  if (dtype !== "float32") throw shapeError(op, inputs, "float32 tensors were expected");
  return n;
}

/** Evaluate `f` on each n x n matrix of a stack, written to rows of `size` numbers. */
function perMatrix(a: NdArray, shape: Shape, size: number, f: (matrix: Float64Array, n: number) => ArrayLike<number>): NdArray {
  const n = a.shape[a.shape.length - 1];
  const out = ndZeros(shape);
  for (let b = 0; b * size < out.data.length; b++) out.data.set(f(a.data.slice(b * n * n, (b + 1) * n * n), n), b * size);
  return out;
}

/** Gauss-Jordan with partial pivoting: the inverse, and the determinant as sign and logarithm. */
function gaussJordan(a: Float64Array, n: number): { inverse: Float64Array; sign: number; logAbs: number } {
  const inverse = Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));
  let sign = 1;
  let logAbs = 0;
  for (let k = 0; k < n; k++) {
    let p = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[p * n + k])) p = i;
    if (p !== k) sign = -sign;
    for (const m of [a, inverse]) for (let j = 0; j < n; j++) [m[k * n + j], m[p * n + j]] = [m[p * n + j], m[k * n + j]];
    const pivot = a[k * n + k];
    sign *= Math.sign(pivot);
    logAbs += Math.log(Math.abs(pivot));
    for (const m of [inverse, a]) for (let j = 0; j < n; j++) m[k * n + j] /= pivot;
    for (let i = 0; i < n; i++) {
      const factor = a[i * n + k];
      if (i !== k) for (const m of [inverse, a]) for (let j = 0; j < n; j++) m[i * n + j] -= factor * m[k * n + j];
    }
    if (pivot === 0) return { inverse: inverse.fill(Number.NaN), sign: 0, logAbs: Number.NEGATIVE_INFINITY };
  }
  return { inverse, sign, logAbs };
}

/** A stack of matrices as [B, n, n]. */
function stacked(onnx: Emitter, a: string, shape: Shape): { matrices: string; batch: number; n: number } {
  const n = shape[shape.length - 1];
  const batch = sizeOf(shape.slice(0, -2));
  return { matrices: shape.length === 3 ? a : onnx.node("Reshape", [a, onnx.ints([batch, n, n])]), batch, n };
}

/** The last two axes exchanged. */
function turned(x: Tensor): Tensor {
  return transpose(x, [...Array(x.rank - 2).keys(), x.rank - 1, x.rank - 2]);
}

/** One number per matrix, [...] -> [..., 1, 1]. */
const perEntry = (x: Tensor): Tensor => reshape(x, [...x.shape, 1, 1]);

/** One triangle of matrices, the rest 0. */
function triangle(x: Tensor, upper: boolean, strict: boolean): Tensor {
  const n = x.shape[x.rank - 1];
  const axis = Array.from({ length: n }, (_, i) => i);
  const [row, column] = [constant(axis, "float32", [n, 1]), constant(axis, "float32", [1, n])];
  const shift = strict ? 0 : 0.5;
  return where(upper ? greater(column.add(shift), row) : greater(row.add(shift), column), x, 0);
}

const detExamples = [{ shape: [3, 3] }, { shape: [2, 2, 2] }, { shape: [1, 2, 1, 1], range: [0.5, 1.5] as const }];

/** The determinant [...]. d det = det · tr(A⁻¹ dA), so the gradient is det · A⁻ᵀ: it is not finite for singular matrices. */
const detOp: OpRecord<Attrs> = defineOp<Attrs>({
  name: "det",
  shape: (inputs) => {
    squareSize("determinant", inputs);
    return [{ shape: inputs[0].shape.slice(0, -2), dtype: "float32" }];
  },
  gradient: ({ inputs: [a], outputs: [y], dOutputs: [dy] }) => [perEntry(dy!.mul(y)).mul(turned(inverse(a)))],
  lower: ({ onnx, inputs }) => [onnx.node("Det", inputs)],
  evaluate: ([a], _attrs, [spec]) => [
    perMatrix(a, spec.shape, 1, (m, n) => {
      const { sign, logAbs } = gaussJordan(m, n);
      return [sign === 0 ? 0 : sign * Math.exp(logAbs)];
    }),
  ],
  examples: detExamples.map((spec) => ({ inputs: [spec], attrs: none })),
});

/** Sign and log|det|, each [...]. d log|det A| = tr(A⁻¹ dA). A singular matrix has sign 0 and logarithm -Infinity. */
const slogdetOp: OpRecord<Attrs> = defineOp<Attrs>({
  name: "slogdet",
  shape: (inputs) => {
    squareSize("logAbsDeterminant", inputs);
    const spec: Spec = { shape: inputs[0].shape.slice(0, -2), dtype: "float32" };
    return [spec, spec];
  },
  gradient: ({ inputs: [a], dOutputs: [, dy] }) => [dy === null ? null : perEntry(dy).mul(turned(inverse(a)))],
  lower: ({ onnx, inputs: [a], node }) => {
    const { matrices, batch, n } = stacked(onnx, a, node.inputs[0].shape);
    return signAndLogarithm(onnx, matrices, batch, n).map((y) => onnx.node("Reshape", [y, onnx.ints(node.outputs[0].shape)]));
  },
  evaluate: ([a], _attrs, [spec]) => [
    perMatrix(a, spec.shape, 1, (m, n) => [gaussJordan(m, n).sign]),
    perMatrix(a, spec.shape, 1, (m, n) => [gaussJordan(m, n).logAbs]),
  ],
  examples: detExamples.map((spec) => ({ inputs: [spec], attrs: none })),
});

/** A⁻¹. dA = -A⁻ᵀ dY A⁻ᵀ. */
const inverseOp: OpRecord<Attrs> = defineOp<Attrs>({
  name: "inverse",
  shape: (inputs) => {
    squareSize("inverse", inputs);
    return [inputs[0]];
  },
  gradient: ({ outputs: [y], dOutputs: [dy] }) => [matmul(matmul(y, dy!, { transA: true }), y, { transB: true }).neg()],
  lower: ({ onnx, inputs: [a], node }) => {
    const { shape } = node.inputs[0];
    if (hasInverse(onnx.target)) return [onnx.node("Inverse", [a], {}, "com.microsoft")];
    const { matrices, batch, n } = stacked(onnx, a, shape);
    return [onnx.node("Reshape", [invertByElimination(onnx, matrices, batch, n), onnx.ints(shape)])];
  },
  evaluate: ([a], _attrs, [spec]) => {
    const n = spec.shape[spec.shape.length - 1];
    return [perMatrix(a, spec.shape, n * n, (m) => gaussJordan(m, n).inverse)];
  },
  examples: detExamples.map((spec) => ({ inputs: [spec], attrs: none })),
});

interface TriangleAttrs extends Attrs {
  readonly upper: boolean;
  /** Take the diagonal as ones whatever it holds. */
  readonly unitDiagonal: boolean;
}

/** The inverse of one triangle; the other one is taken as zeros. dA is the same triangle of -Yᵀ dY Yᵀ. */
const triangularInverseOp: OpRecord<TriangleAttrs> = defineOp<TriangleAttrs>({
  name: "triangularInverse",
  shape: (inputs) => {
    squareSize("triangularInverse", inputs);
    return [inputs[0]];
  },
  gradient: ({ outputs: [y], attrs: { upper, unitDiagonal }, dOutputs: [dy] }) => [
    triangle(matmul(matmul(y, dy!, { transA: true }), y, { transB: true }), upper, unitDiagonal).neg(),
  ],
  lower: ({ onnx, inputs: [a], attrs: { upper, unitDiagonal }, node }) => {
    const invert = hasInverse(onnx.target) ? invertTriangularDirectly : invertTriangular;
    return [invert(onnx, a, node.inputs[0].shape, upper, unitDiagonal)];
  },
  evaluate: ([a], { upper, unitDiagonal }, [spec]) => {
    const n = spec.shape[spec.shape.length - 1];
    return [perMatrix(a, spec.shape, n * n, (m) => substitute(m, n, upper, unitDiagonal))];
  },
  examples: [
    { inputs: [{ shape: [3, 3], range: [0.5, 1.5] }], attrs: { upper: false, unitDiagonal: false } },
    { inputs: [{ shape: [2, 3, 3], range: [0.5, 1.5] }], attrs: { upper: true, unitDiagonal: false } },
    { inputs: [{ shape: [5, 5] }], attrs: { upper: false, unitDiagonal: true } },
    { inputs: [{ shape: [1, 1], range: [0.5, 1.5] }], attrs: { upper: true, unitDiagonal: false } },
  ],
});

/** Column by column of the identity, by substitution. */
function substitute(a: Float64Array, n: number, upper: boolean, unitDiagonal: boolean): Float64Array {
  const x = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let step = 0; step < n; step++) {
      const i = upper ? n - 1 - step : step;
      let rest = Number(i === j);
      for (let done = 0; done < step; done++) {
        const k = upper ? n - 1 - done : done;
        rest -= a[i * n + k] * x[k * n + j];
      }
      x[i * n + j] = unitDiagonal ? rest : rest / a[i * n + i];
    }
  }
  return x;
}

interface CholeskyAttrs extends Attrs {
  /** Added to the diagonal first. */
  readonly jitter: number;
}

/**
 * L of (A + Aᵀ) / 2 + jitter · I = L Lᵀ. dA = (S + Sᵀ) / 2 with S = L⁻ᵀ Φ(Lᵀ dL) L⁻¹, Φ the lower triangle with half the diagonal
 * (Murray, "Differentiation of the Cholesky decomposition", 2016, Eq. 10).
 */
const choleskyOp: OpRecord<CholeskyAttrs> = defineOp<CholeskyAttrs>({
  name: "cholesky",
  shape: (inputs) => {
    squareSize("cholesky", inputs);
    return [inputs[0]];
  },
  gradient: ({ outputs: [l], dOutputs: [dl] }) => {
    const product = matmul(l, dl!, { transA: true });
    const phi = triangle(product, false, false)
      .add(triangle(product, false, true))
      .mul(0.5);
    const y = triangularInverse(l);
    const s = matmul(matmul(y, phi, { transA: true }), y);
    return [s.add(turned(s)).mul(0.5)];
  },
  lower: ({ onnx, inputs: [a], attrs: { jitter }, node }) => {
    const { shape } = node.inputs[0];
    const { matrices, n } = stacked(onnx, a, shape);
    const both = onnx.node("Add", [matrices, onnx.node("Transpose", [matrices], { perm: { kind: "ints", value: [0, 2, 1] } })]);
    const half = onnx.node("Mul", [both, onnx.scalar(0.5)]);
    const eye = Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? jitter : 0));
    const shifted = jitter === 0 ? half : onnx.node("Add", [half, onnx.constant("float32", [n, n], eye)]);
    return [onnx.node("Reshape", [factorPositive(onnx, shifted, n), onnx.ints(shape)])];
  },
  evaluate: ([a], { jitter }, [spec]) => {
    const n = spec.shape[spec.shape.length - 1];
    return [perMatrix(a, spec.shape, n * n, (m) => choleskyBanachiewicz(m, n, jitter))];
  },
  examples: [
    { inputs: [{ shape: [3, 3] }], attrs: { jitter: 2 } },
    { inputs: [{ shape: [2, 1, 4, 4] }], attrs: { jitter: 3 } },
    { inputs: [{ shape: [2, 1, 1], range: [0.5, 1.5] }], attrs: { jitter: 0 } },
  ],
});

function choleskyBanachiewicz(a: Float64Array, n: number, jitter: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = (a[i * n + j] + a[j * n + i]) / 2 + (i === j ? jitter : 0);
      for (let k = 0; k < j; k++) rest -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = i === j ? Math.sqrt(rest) : rest / l[j * n + j];
    }
  }
  return l;
}

/**
 * Determinants of square matrices, [..., n, n] -> [...]. It leaves float32's range early (n = 96 of standard normal numbers: 1e75): see
 * {@link logAbsDeterminant}. The gradient, det · A⁻ᵀ, is NaN or infinite where a matrix is singular.
 * @throws ShapeError
 */
export function determinant(a: Tensor): Tensor {
  return applyOne(detOp, [a], none);
}

/**
 * Sign (-1, 0 or 1; it carries no gradient) and natural logarithm of the absolute value of determinants, [..., n, n] -> [...] each; PyTorch's and NumPy's
 * slogdet. Singular matrices give 0 and -Infinity, and a gradient that is not finite.
 * @throws ShapeError
 */
export function logAbsDeterminant(a: Tensor): { sign: Tensor; logAbs: Tensor } {
  const [sign, logAbs] = apply(slogdetOp, [a], none);
  return { sign, logAbs };
}

/** Inverses of square matrices [..., n, n]. A singular matrix gives infinities or NaN (PyTorch throws). @throws ShapeError */
export function inverse(a: Tensor): Tensor {
  return applyOne(inverseOp, [a], none);
}

export interface TriangleOptions {
  /** Which triangle of A is read; the other is taken as zeros. Default false: the lower. */
  upper?: boolean;
  /** Take the diagonal of A as ones. Default false. */
  unitDiagonal?: boolean;
}

/** Inverses of triangular matrices [..., n, n]. A zero on the diagonal gives infinities or NaN. @throws ShapeError */
export function triangularInverse(a: Tensor, { upper = false, unitDiagonal = false }: TriangleOptions = {}): Tensor {
  return applyOne(triangularInverseOp, [a], { upper, unitDiagonal });
}

/** X of A X = B, A [..., n, n], B [..., n, m] -> [..., n, m]; leading axes broadcast. By the inverse of A. @throws ShapeError */
export function solve(a: Tensor, b: Tensor): Tensor {
  return matmul(inverse(a), b);
}

export interface TriangularSolveOptions extends TriangleOptions {
  /** Solve Aᵀ X = B; `upper` still says which triangle of A itself is read. Default false. */
  transposed?: boolean;
}

/** X of A X = B with A triangular [..., n, n], B [..., n, m] -> [..., n, m]; leading axes broadcast. @throws ShapeError */
export function triangularSolve(a: Tensor, b: Tensor, { transposed = false, ...options }: TriangularSolveOptions = {}): Tensor {
  return matmul(triangularInverse(a, options), b, { transA: transposed });
}

export interface CholeskyOptions {
  /** Added to the diagonal first, to keep a covariance positive definite. Default 0. */
  jitter?: number;
}

/**
 * The lower triangular L of A = L Lᵀ for symmetric positive definite [..., n, n]; of an A that is not symmetric, the symmetric part is taken.
 * Not positive definite gives NaN (PyTorch throws). @throws ShapeError
 */
export function cholesky(a: Tensor, { jitter = 0 }: CholeskyOptions = {}): Tensor {
  return applyOne(choleskyOp, [a], { jitter });
}

export const matrixOps = {
  det: detOp,
  slogdet: slogdetOp,
  inverse: inverseOp,
  triangularInverse: triangularInverseOp,
  cholesky: choleskyOp,
};
