import { elementwiseOps } from "./ops/elementwise.ts";
import { linalgOps, matmul } from "./ops/linalg.ts";
import { movementOps, reshape, transpose } from "./ops/movement.ts";
import { reduceOps, sum } from "./ops/reduce.ts";
import type { Operand } from "./stack.ts";
import { applyOne, type Tensor } from "./tensor.ts";

/** What the rules ask of a loop. */
export interface Steps {
  readonly length: number;
  varies(tensor: Tensor): boolean;
  free(tensor: Tensor): boolean;
  stacked(tensor: Tensor): Tensor;
  operand(tensor: Tensor): Operand;
}

/**
 * Σ over the steps of a tensor of a step's graph. Sums move inside linear ops, down to products of two matrices, Σ_t A_t B_t, which
 * are one product with the steps joined to the inner axis. The gradient of a recurrent weight is made this way, after the loop.
 */
export function sumOverSteps(x: Tensor, steps: Steps): Tensor {
  if (!steps.varies(x)) return x.mul(steps.length);
  const linear = steps.free(x) ? throughLinear(x, steps) : undefined;
  return linear ?? sum(steps.stacked(x), 0);
}

function throughLinear(x: Tensor, steps: Steps): Tensor | undefined {
  const { op, inputs, attrs } = x.node;
  const [a, b] = inputs;
  switch (op.name) {
    case elementwiseOps.add.name:
    case elementwiseOps.sub.name:
      return applyOne(op, [sumOverSteps(a, steps), sumOverSteps(b, steps)], attrs);
    case elementwiseOps.neg.name:
    case movementOps.reshape.name:
    case movementOps.transpose.name:
    case movementOps.unslice.name:
      return applyOne(op, [sumOverSteps(a, steps)], attrs);
    case reduceOps.sum.name:
      return sumAxes(x, steps);
    case linalgOps.matmul.name:
      return a.rank === 2 && b.rank === 2 ? sumOfProducts(x, steps) : undefined;
    default:
      return undefined;
  }
}

/** Σ_t and the axes of a sum in one reduction. */
function sumAxes(x: Tensor, steps: Steps): Tensor {
  const axes = x.node.attrs.axes as readonly number[];
  return reshape(sum(steps.stacked(x.node.inputs[0]), [0, ...axes.map((axis) => axis + 1)]), x.shape);
}

/** Σ_t op(A_t) op(B_t) for matrices. */
function sumOfProducts(x: Tensor, steps: Steps): Tensor {
  const [a, b] = x.node.inputs;
  const { transA, transB } = x.node.attrs as { transA: boolean; transB: boolean };
  if (!steps.varies(a)) return matmul(a, sumOverSteps(b, steps), { transA, transB });
  if (!steps.varies(b)) return matmul(sumOverSteps(a, steps), b, { transA, transB });
  return matmul(joined(steps.stacked(a), transA), joined(steps.stacked(b), !transB), { transA, transB });
}

/** A stack [T, m, n] with the steps joined to the rows, [T·m, n], or to the columns, [m, T·n]. */
function joined(stack: Tensor, rows: boolean): Tensor {
  const [length, m, n] = stack.shape;
  return rows ? reshape(stack, [length * m, n]) : reshape(transpose(stack, [1, 0, 2]), [m, length * n]);
}
