import type { Shape } from "../core/dtype.ts";

/** A shape with neighbouring axes joined where every operand treats them alike. */
export interface Collapsed {
  /** One to three sizes. */
  readonly axes: readonly number[];
  /** For each operand, bit i: it varies along axis i. */
  readonly patterns: readonly number[];
  /** Bit i: axis i is summed over. */
  readonly reduced: number;
}

const mostAxes = 3;

/**
 * Join the axes of a space over which operands of the given shapes broadcast, some of its axes being summed over.
 * @returns undefined when more than three are left
 */
export function collapse(space: Shape, operands: readonly Shape[], summed: readonly number[]): Collapsed | undefined {
  const kinds = space.map((size, axis) => {
    const varies = operands.map((shape) => {
      const own = axis - (space.length - shape.length);
      return own >= 0 && shape[own] !== 1;
    });
    return { size, varies, sum: summed.includes(axis), key: `${varies.map(Number).join("")}${summed.includes(axis)}` };
  });
  const joined: typeof kinds = [];
  for (const kind of kinds) {
    if (kind.size === 1) continue;
    const last = joined[joined.length - 1];
    if (last?.key === kind.key) joined[joined.length - 1] = { ...last, size: last.size * kind.size };
    else joined.push(kind);
  }
  if (joined.length > mostAxes) return undefined;
  if (joined.length === 0) return undefined;
  const bits = (test: (kind: (typeof kinds)[number]) => boolean) => joined.reduce((all, kind, i) => all | (Number(test(kind)) << i), 0);
  return {
    axes: joined.map((kind) => kind.size),
    patterns: operands.map((_, o) => bits((kind) => kind.varies[o])),
    reduced: bits((kind) => kind.sum),
  };
}
