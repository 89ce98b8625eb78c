import { type Shape, sizeOf } from "../../core/dtype.ts";
import { forEachIndex, ndZeros } from "../nd.ts";
import { F, I } from "../onnx.ts";
import { type Attrs, defineOp, type NdArray, type OpRecord } from "../op.ts";
import { broadcastShapes, requireFloats, type Spec, shapeError } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { reshape } from "./movement.ts";
import { sum, sumTo } from "./reduce.ts";

interface MatmulAttrs extends Attrs {
  readonly transA: boolean;
  readonly transB: boolean;
}

interface ProductAttrs extends MatmulAttrs {
  /** Factor of the whole product; 1 where absent. The kernels apply it on the way, so it costs no pass of its own. */
  readonly alpha?: number;
}

interface MatmulDims {
  batch: Shape;
  m: number;
  k: number;
  n: number;
}

function matmulDims(op: string, inputs: readonly Spec[], { transA, transB }: MatmulAttrs): MatmulDims {
  const [a, b] = inputs;
  if (a.shape.length < 2 || b.shape.length < 2)
    throw shapeError(op, inputs, "both operands need at least two axes", "reshape a vector to [1, n] or [n, 1]");
  requireFloats(op, inputs);
  const [am, ak] = lastTwo(a.shape, transA);
  const [bk, bn] = lastTwo(b.shape, transB);
  if (ak !== bk)
    throw shapeError(
      op,
      inputs,
      `the inner dimensions differ: ${ak} and ${bk}${transA || transB ? ` (transA ${transA}, transB ${transB})` : ""}`,
    );
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (batch === undefined) throw shapeError(op, inputs, "the leading axes do not broadcast");
  return { batch, m: am, k: ak, n: bn };
}

function lastTwo(shape: Shape, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/** Three loops per batch entry. */
function naiveMatmul(a: NdArray, b: NdArray, attrs: MatmulAttrs): NdArray {
  const { batch, m, k, n } = matmulDims("matmul", [a, b], attrs);
  const out = ndZeros([...batch, m, n]);
  forEachIndex(batch, (index, flat) => {
    const aAt = batchOffset(a.shape, index) * m * k;
    const bAt = batchOffset(b.shape, index) * k * n;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let total = 0;
        for (let p = 0; p < k; p++) {
          total += a.data[aAt + (attrs.transA ? p * m + i : i * k + p)] * b.data[bAt + (attrs.transB ? j * k + p : p * n + j)];
        }
        out.data[(flat * m + i) * n + j] = total;
      }
    }
  });
  return out;
}

/** Which matrix of an operand with stretched leading axes belongs to a batch index. */
function batchOffset(shape: Shape, index: readonly number[]): number {
  const lead = shape.slice(0, -2);
  const shift = index.length - lead.length;
  return lead.reduce((offset, dim, i) => offset * dim + (dim === 1 ? 0 : index[i + shift]), 0);
}

/** dA and dB of C = op(A) op(B): each is again one product with the right operand turned, never an explicit transpose. */
function productGradients(a: Tensor, b: Tensor, dy: Tensor, { transA, transB, alpha }: ProductAttrs): [Tensor, Tensor] {
  const da = transA ? product(b, dy, transB, true, alpha) : product(dy, b, false, !transB, alpha);
  const db = transB ? product(dy, a, true, transA, alpha) : product(a, dy, !transA, false, alpha);
  return [sumTo(da, a.shape), sumTo(db, b.shape)];
}

function product(a: Tensor, b: Tensor, transA: boolean, transB: boolean, alpha?: number): Tensor {
  return applyOne(matmulOp, [a, b], alpha === undefined || alpha === 1 ? { transA, transB } : { transA, transB, alpha });
}

/** Matrix product over the last two axes; leading axes broadcast. C[..., i, j] = alpha · sum over k of op(A)[..., i, k] op(B)[..., k, j]. */
const matmulOp: OpRecord<ProductAttrs> = defineOp<ProductAttrs>({
  name: "matmul",
  shape: (inputs, attrs) => {
    const { batch, m, n } = matmulDims("matmul", inputs, attrs);
    return [{ shape: [...batch, m, n], dtype: "float32" }];
  },
  gradient: ({ inputs: [a, b], attrs, dOutputs: [dy] }) => productGradients(a, b, dy!, attrs),
  lower: ({ onnx, inputs, attrs, node }) => [
    onnx.matmul(inputs[0], inputs[1], node.inputs[0].shape.length, node.inputs[1].shape.length, attrs.transA, attrs.transB, attrs.alpha),
  ],
  evaluate: ([a, b], attrs) => {
    const out = naiveMatmul(a, b, attrs);
    return [{ ...out, data: out.data.map((v) => v * (attrs.alpha ?? 1)) }];
  },
  examples: [
    { inputs: [{ shape: [2, 3] }, { shape: [3, 4] }], attrs: { transA: false, transB: false } },
    { inputs: [{ shape: [3, 2] }, { shape: [4, 3] }], attrs: { transA: true, transB: true } },
    { inputs: [{ shape: [5, 1, 2, 3] }, { shape: [4, 4, 3] }], attrs: { transA: false, transB: true } },
    { inputs: [{ shape: [2, 3, 2] }, { shape: [2, 3, 4] }], attrs: { transA: true, transB: false } },
    { inputs: [{ shape: [2, 3] }, { shape: [4, 3] }], attrs: { transA: false, transB: true, alpha: 0.5 } },
    { inputs: [{ shape: [2, 2, 3] }, { shape: [2, 4, 3] }], attrs: { transA: false, transB: true, alpha: -1.5 } },
  ],
});

/** Y = op(A) op(B) + C for matrices, C a row [N]: one fused kernel. */
const gemmOp = defineOp<MatmulAttrs>({
  name: "gemm",
  shape: (inputs, attrs) => {
    requireFloats("gemm", inputs);
    const [a, b, c] = inputs;
    const { m, n } = matmulDims("gemm", [a, b], attrs);
    if (a.shape.length !== 2 || b.shape.length !== 2) throw shapeError("gemm", inputs, "matrices were expected");
    if (c.shape.length !== 1 || c.shape[0] !== n) throw shapeError("gemm", inputs, `the bias must have shape [${n}]`);
    return [{ shape: [m, n], dtype: "float32" }];
  },
  gradient: ({ inputs: [a, b], attrs, dOutputs: [dy] }) => [...productGradients(a, b, dy!, attrs), sum(dy!, 0)],
  lower: ({ onnx, inputs, attrs }) => [
    onnx.node("Gemm", inputs, { transA: I(Number(attrs.transA)), transB: I(Number(attrs.transB)), alpha: F(1), beta: F(1) }),
  ],
  evaluate: ([a, b, c], attrs) => {
    const out = naiveMatmul(a, b, attrs);
    const n = c.data.length;
    for (let i = 0; i < out.data.length; i++) out.data[i] += c.data[i % n];
    return [out];
  },
  examples: [
    { inputs: [{ shape: [2, 3] }, { shape: [3, 4] }, { shape: [4] }], attrs: { transA: false, transB: false } },
    { inputs: [{ shape: [3, 2] }, { shape: [4, 3] }, { shape: [4] }], attrs: { transA: true, transB: true } },
  ],
});

export interface MatmulOptions {
  /** Use the transpose of the last two axes of A. */
  transA?: boolean;
  transB?: boolean;
  /** Factor of the product. Default 1. */
  alpha?: number;
}

/**
 * alpha times the matrix product over the last two axes; leading axes broadcast. [..., M, K] x [..., K, N] -> [..., M, N].
 * A stack of rows times one matrix is one flat product, so its gradient holds no batched temporary.
 * @throws ShapeError
 */
export function matmul(a: Tensor, b: Tensor, { transA = false, transB = false, alpha = 1 }: MatmulOptions = {}): Tensor {
  if (b.rank === 2 && a.rank > 2 && !transA) {
    const rows = product(reshape(a, [-1, a.shape[a.rank - 1]]), b, false, transB, alpha);
    return reshape(rows, [...a.shape.slice(0, -1), rows.shape[1]]);
  }
  return product(a, b, transA, transB, alpha);
}

/**
 * x Wᵀ + b, PyTorch's linear map. x [..., in], weight [out, in], bias [out] -> [..., out].
 * @throws ShapeError
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  requireFloats("linear", [x, weight]);
  if (x.rank < 1 || weight.rank !== 2 || x.shape[x.rank - 1] !== weight.shape[1]) {
    throw shapeError("linear", [x, weight], `the input's last axis must be ${weight.shape[1]}, the weight's input size`);
  }
  const flat = reshape(x, [sizeOf(x.shape.slice(0, -1)), weight.shape[1]]);
  const out =
    bias === undefined ? product(flat, weight, false, true) : applyOne(gemmOp, [flat, weight, bias], { transA: false, transB: true });
  return reshape(out, [...x.shape.slice(0, -1), weight.shape[0]]);
}

export const linalgOps = { matmul: matmulOp, gemm: gemmOp };
