import type { Assembler, Label } from "./x64.ts";

// What each elementwise op of the graph is in vector instructions. Approximations are within a few units in the last place of float32. NaN comes out as NaN
// wherever the interpreter's does; max and min return their second operand when one is NaN, which is why constants come first.

/** Where an op's code gets registers and constants. */
export interface VectorContext {
  readonly asm: Assembler;
  /** A register for the time of this op. */
  temporary(): number;
  /** A number in memory, to be spread over the lanes. */
  memory(value: number): Label;
  /** A register with the same number in every lane. */
  constant(value: number): number;
}

/** Writes code that leaves the result in `dst`, which is none of the operands' registers. */
export type VectorOp = (context: VectorContext, dst: number, operands: readonly number[], attrs: Readonly<Record<string, unknown>>) => void;

/** Numbers in the code's data, each stored once. */
export class ConstantPool {
  /** By their bits, in which the two zeros differ. */
  readonly #labels = new Map<number, Label>();
  readonly #asm: Assembler;

  constructor(asm: Assembler) {
    this.#asm = asm;
  }

  /** Where a number will be. */
  label(value: number): Label {
    const bits = bitsOf(value);
    let label = this.#labels.get(bits);
    if (label === undefined) {
      label = this.#asm.label();
      this.#labels.set(bits, label);
    }
    return label;
  }

  /** Write the numbers here, behind the code. */
  emit(): void {
    this.#asm.align(4);
    for (const [bits, label] of this.#labels) {
      this.#asm.bind(label);
      this.#asm.int32(bits);
    }
  }
}

/** The bits of a float32 as an integer. */
export const bitsOf = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0];

/** A mask register that no loop uses, and the predicates of comparisons. */
const spareMask = 7;
const [equal, unordered, greater] = [0, 3, 14];

/** p(x) by Horner's rule, coefficients from the highest power down. */
function polynomial({ asm, memory }: VectorContext, dst: number, x: number, coefficients: readonly number[]): void {
  asm.broadcast(dst, memory(coefficients[0]));
  for (const c of coefficients.slice(1)) asm.multiplyAdd(dst, x, memory(c), { broadcast: true });
}

const expCoefficients = [1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1];

/** 2^n · e^r with n = round(x / ln 2) and |r| <= ln 2 / 2. */
const exp: VectorOp = (context, dst, [x]) => {
  const { asm } = context;
  const n = context.temporary();
  const r = context.temporary();
  // Beyond these bounds the result is infinite or zero; inside, n stays exact. NaN passes: it is the second operand.
  asm.arithmetic("min", r, context.constant(128), x);
  asm.arithmetic("max", r, context.constant(-128), r);
  asm.arithmetic("mul", n, r, context.constant(Math.LOG2E));
  asm.round(n, n, 0);
  asm.fnma(r, n, context.constant(0.693359375));
  asm.fnma(r, n, context.constant(-2.1219444e-4));
  polynomial(context, dst, r, expCoefficients);
  asm.scale(dst, dst, n);
};

const logCoefficients = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
  3.3333331174e-1,
];

/** Exponent and significand apart; the logarithm of the significand by Cephes' polynomial. */
const log: VectorOp = (context, dst, [x]) => {
  const { asm } = context;
  const e = context.temporary();
  const m = context.temporary();
  const z = context.temporary();
  asm.significand(m, x);
  // The exponent that goes with a significand in [3/4, 3/2): that of x divided by it.
  asm.arithmetic("div", e, x, m);
  asm.exponent(e, e);
  asm.arithmetic("sub", m, m, context.constant(1));
  asm.arithmetic("mul", z, m, m);
  polynomial(context, dst, m, logCoefficients);
  asm.arithmetic("mul", dst, dst, m);
  asm.arithmetic("mul", dst, dst, z);
  asm.fma(dst, e, context.constant(-2.1219444e-4));
  asm.fnma(dst, z, context.constant(0.5));
  asm.arithmetic("add", dst, dst, m);
  asm.fma(dst, e, context.constant(0.693359375));
  // 0 has an exponent of minus infinity and infinity one of infinity, which the sums above turn into NaN.
  asm.compareLanes(spareMask, equal, x, context.constant(0));
  asm.moveInto(dst, context.constant(Number.NEGATIVE_INFINITY), spareMask);
  asm.compareLanes(spareMask, equal, x, context.constant(Number.POSITIVE_INFINITY));
  asm.moveInto(dst, context.constant(Number.POSITIVE_INFINITY), spareMask);
};

/** x · P(x²) / Q(x²) of x limited to ±bound, itself limited to ±1. */
function odd(bound: number, p: readonly number[], q: readonly number[]): VectorOp {
  return (context, dst, [x]) => {
    const { asm } = context;
    const y = context.temporary();
    const square = context.temporary();
    const below = context.temporary();
    asm.arithmetic("min", y, context.constant(bound), x);
    asm.arithmetic("max", y, context.constant(-bound), y);
    asm.arithmetic("mul", square, y, y);
    polynomial(context, dst, square, p);
    asm.arithmetic("mul", dst, dst, y);
    polynomial(context, below, square, q);
    asm.arithmetic("div", dst, dst, below);
    // Rounding must not lead beyond the functions' own bounds.
    asm.arithmetic("min", dst, context.constant(1), dst);
    asm.arithmetic("max", dst, context.constant(-1), dst);
  };
}

const tanh = odd(
  9,
  [
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5, 6.37261928875436e-4,
    4.89352455891786e-3,
  ],
  [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3],
);

const erf = odd(
  4,
  [
    -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4, -2.95459980854025e-3,
    -1.60960333262415e-2,
  ],
  [-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2],
);

/** 1 / (1 + e^-x). */
const sigmoid: VectorOp = (context, dst, [x]) => {
  const { asm } = context;
  const minus = context.temporary();
  const e = context.temporary();
  asm.arithmetic("sub", minus, context.constant(0), x);
  exp(context, e, [minus], {});
  asm.arithmetic("add", e, e, context.constant(1));
  asm.arithmetic("div", dst, context.constant(1), e);
};

/** max(x, 0) + log(1 + e^-|x|). */
const softplus: VectorOp = (context, dst, [x]) => {
  const { asm } = context;
  const small = context.temporary();
  const e = context.temporary();
  asm.arithmetic("sub", small, context.constant(0), x);
  asm.arithmetic("min", small, small, x);
  exp(context, e, [small], {});
  asm.arithmetic("add", e, e, context.constant(1));
  log(context, dst, [e], {});
  asm.arithmetic("max", small, context.constant(0), x);
  asm.arithmetic("add", dst, dst, small);
};

const binary =
  (operation: "add" | "sub" | "mul" | "div"): VectorOp =>
  ({ asm }, dst, [a, b]) =>
    asm.arithmetic(operation, dst, a, b);

/** The instructions return their second operand when either is NaN, so a NaN in the first is put back. */
const extremum =
  (operation: "max" | "min"): VectorOp =>
  ({ asm }, dst, [a, b]) => {
    asm.arithmetic(operation, dst, a, b);
    asm.compareLanes(spareMask, unordered, a, a);
    asm.moveInto(dst, a, spareMask);
  };

/** Vector code by the name of the graph's op. `constant` and `copy` are the two that the graph has no elementwise op for. */
export const vectorOps: Readonly<Record<string, VectorOp>> = {
  constant: ({ asm, memory }, dst, _operands, { value }) => asm.broadcast(dst, memory(value as number)),
  copy: ({ asm }, dst, [x]) => asm.moveVector(dst, x),
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div"),
  maximum: extremum("max"),
  minimum: extremum("min"),
  neg: (context, dst, [x]) => context.asm.arithmetic("sub", dst, context.constant(-0), x),
  // 0 - x is +0 for either zero, and comes second, so that it is what max returns for them.
  abs: (context, dst, [x]) => {
    context.asm.arithmetic("sub", dst, context.constant(0), x);
    context.asm.arithmetic("max", dst, x, dst);
  },
  sqrt: ({ asm }, dst, [x]) => asm.sqrt(dst, x),
  reciprocal: (context, dst, [x]) => context.asm.arithmetic("div", dst, context.constant(1), x),
  relu: (context, dst, [x]) => context.asm.arithmetic("max", dst, context.constant(0), x),
  leakyRelu: (context, dst, [x], { slope }) => {
    context.asm.arithmetic("mul", dst, x, context.constant(slope as number));
    context.asm.arithmetic("max", dst, dst, x);
  },
  step: (context, dst, [x]) => {
    context.asm.compareLanes(spareMask, greater, x, context.constant(0));
    context.asm.moveMasked(dst, context.constant(1), spareMask);
  },
  clip: (context, dst, [x], { low, high }) => {
    context.asm.arithmetic("max", dst, context.constant(low as number), x);
    context.asm.arithmetic("min", dst, context.constant(high as number), dst);
  },
  floor: ({ asm }, dst, [x]) => asm.round(dst, x, 1),
  exp,
  log,
  tanh,
  erf,
  sigmoid,
  softplus,
};
