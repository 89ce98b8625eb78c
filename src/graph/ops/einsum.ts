import { sizeOf } from "../../core/dtype.ts";
import { shapeError } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { diagonal } from "./arrange.ts";
import { parseEinsum, type Term } from "./einsum-parse.ts";
import { mul } from "./elementwise.ts";
import { matmul } from "./linalg.ts";
import { reshape, transpose } from "./movement.ts";
import { sum } from "./reduce.ts";

// Einstein summation as matrix products: labels of a pair fall into batch (kept, in both), contracted (in both, summed), left and right.

/**
 * Sums of products by Einstein's convention: each letter names an axis, a letter missing after `->` is summed over, `...` stands for any
 * leading axes, which broadcast. A letter twice in one operand takes the diagonal. Three or more operands are contracted in pairs, the pair
 * with the smallest result first.
 *
 * `einsum("bhqd,bhkd->bhqk", q, k)`, `einsum("...ij,...jk", a, b)`, `einsum("ii->", x)`.
 * @throws ShapeError for an equation that cannot be read or does not fit the operands
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const { inputs, output } = parseEinsum(equation, operands);
  const sizes = sizesOf(equation, inputs, operands);
  let terms = inputs.map(({ labels, x }) => dropStretched(takeDiagonals({ labels, x }), sizes));
  while (terms.length > 1) terms = contractCheapest(terms, output, sizes);
  const total = sumOut(terms[0], new Set(output));
  return arranged(total, output, sizes);
}

/** Length of each label; 1 gives way to any other. */
function sizesOf(equation: string, inputs: readonly Term[], operands: readonly Tensor[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { labels, x } of inputs) {
    labels.forEach((label, axis) => {
      const known = sizes.get(label) ?? 1;
      const here = x.shape[axis];
      if (known !== 1 && here !== 1 && known !== here) {
        const name = label.startsWith(".") ? "the axes under ... do not broadcast" : `axis "${label}" has length ${known} and ${here}`;
        throw shapeError("einsum", operands, `in "${equation}" ${name}`);
      }
      sizes.set(label, here === 1 ? known : here);
    });
  }
  return sizes;
}

function takeDiagonals({ labels, x }: Term): Term {
  const second = labels.findIndex((label, i) => labels.indexOf(label) < i);
  if (second < 0) return { labels, x };
  const first = labels.indexOf(labels[second]);
  const rest = labels.filter((_, i) => i !== first && i !== second);
  return takeDiagonals({ labels: [...rest, labels[second]], x: diagonal(x, first, second) });
}

/** An axis of length 1 that stands for a longer one is as good as absent. */
function dropStretched({ labels, x }: Term, sizes: ReadonlyMap<string, number>): Term {
  const kept = labels.map((label, axis) => x.shape[axis] === sizes.get(label));
  if (kept.every(Boolean)) return { labels, x };
  return {
    labels: labels.filter((_, i) => kept[i]),
    x: reshape(
      x,
      x.shape.filter((_, i) => kept[i]),
    ),
  };
}

function contractCheapest(terms: readonly Term[], output: readonly string[], sizes: ReadonlyMap<string, number>): Term[] {
  let best = { i: 0, j: 1, cost: Number.POSITIVE_INFINITY, wanted: new Set<string>() };
  for (let i = 0; i < terms.length; i++) {
    for (let j = i + 1; j < terms.length; j++) {
      const others = terms.flatMap(({ labels }, k) => (k === i || k === j ? [] : labels));
      const wanted = new Set([...output, ...others]);
      const result = new Set([...terms[i].labels, ...terms[j].labels].filter((label) => wanted.has(label)));
      const cost = sizeOf([...result].map((label) => sizes.get(label)!));
      if (cost < best.cost) best = { i, j, cost, wanted };
    }
  }
  const { i, j, wanted } = best;
  const order = [...output, ...wanted];
  return [contract(terms[i], terms[j], wanted, order), ...terms.filter((_, k) => k !== i && k !== j)];
}

function sumOut({ labels, x }: Term, wanted: ReadonlySet<string>): Term {
  const axes = labels.flatMap((label, i) => (wanted.has(label) ? [] : [i]));
  return axes.length === 0 ? { labels, x } : { labels: labels.filter((label) => wanted.has(label)), x: sum(x, axes) };
}

/** Two operands to one that has the wanted labels of both. */
function contract(first: Term, second: Term, wanted: ReadonlySet<string>, order: readonly string[]): Term {
  const a = sumOut(first, new Set([...wanted, ...second.labels]));
  const b = sumOut(second, new Set([...wanted, ...first.labels]));
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => wanted.has(label));
  const summed = shared.filter((label) => !wanted.has(label));
  const left = a.labels.filter((label) => !shared.includes(label));
  const right = b.labels.filter((label) => !shared.includes(label));
  const isProduct = summed.length > 0 ? left.length + right.length > 0 : left.length > 0 && right.length > 0;
  if (!isProduct) return sumOut(multiply(a, b, order), wanted);
  // The side that the result names first becomes the rows.
  const rank = (labels: readonly string[]) => Math.min(...labels.map((label) => order.indexOf(label)));
  return left.length > 0 && right.length > 0 && rank(right) < rank(left)
    ? product(b, a, { batch, summed, left: right, right: left })
    : product(a, b, { batch, summed, left, right });
}

interface Roles {
  batch: readonly string[];
  summed: readonly string[];
  left: readonly string[];
  right: readonly string[];
}

function product(a: Term, b: Term, { batch, summed, left, right }: Roles): Term {
  const rows = asMatrix(a, batch, left, summed);
  const columns = asMatrix(b, batch, summed, right);
  const y = matmul(rows.x, columns.x, { transA: rows.turned, transB: columns.turned });
  const dims = (term: Term, labels: readonly string[]) => labels.map((label) => term.x.shape[term.labels.indexOf(label)]);
  return { labels: [...batch, ...left, ...right], x: reshape(y, [...dims(a, batch), ...dims(a, left), ...dims(b, right)]) };
}

/** [batch, rows, columns], or [batch, columns, rows] where the operand lies that way already; without a batch the two axes alone. */
function asMatrix(
  term: Term,
  batch: readonly string[],
  rows: readonly string[],
  columns: readonly string[],
): { x: Tensor; turned: boolean } {
  const lies = (order: readonly string[]) => order.every((label, i) => label === term.labels[i]);
  const turned = !lies([...batch, ...rows, ...columns]) && lies([...batch, ...columns, ...rows]);
  const groups = turned ? [batch, columns, rows] : [batch, rows, columns];
  const x = permuted(term, groups.flat());
  let at = 0;
  const shape = groups.map((group) => {
    at += group.length;
    return sizeOf(x.shape.slice(at - group.length, at));
  });
  return { x: reshape(x, batch.length === 0 ? shape.slice(1) : shape), turned };
}

function permuted({ labels, x }: Term, order: readonly string[]): Tensor {
  return transpose(
    x,
    order.map((label) => labels.indexOf(label)),
  );
}

/** Elementwise, with the axes of both in the order of the result. */
function multiply(a: Term, b: Term, order: readonly string[]): Term {
  const all = [...new Set([...a.labels, ...b.labels])];
  const place = (label: string) => (order.includes(label) ? order.indexOf(label) : order.length);
  const labels = all.sort((p, q) => place(p) - place(q));
  const aligned = (term: Term) => {
    const own = labels.filter((label) => term.labels.includes(label));
    const x = permuted(term, own);
    return reshape(
      x,
      labels.map((label) => (own.includes(label) ? x.shape[own.indexOf(label)] : 1)),
    );
  };
  return { labels, x: mul(aligned(a), aligned(b)) };
}

/** The result's axes in the asked order; stretched ones that every operand had with length 1 come back. */
function arranged(term: Term, output: readonly string[], sizes: ReadonlyMap<string, number>): Tensor {
  const own = output.filter((label) => term.labels.includes(label));
  return reshape(
    permuted(term, own),
    output.map((label) => sizes.get(label)!),
  );
}
