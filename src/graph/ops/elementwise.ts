import type { DType } from "../../core/dtype.ts";
import { ndMap } from "../nd.ts";
import { F, I, onnxType } from "../onnx.ts";
import { type Attrs, defineOp, type Example, type ExampleInput, type GradientArgs, type LowerArgs, type OpRecord } from "../op.ts";
import { broadcastShapes, type Spec, shapeError } from "../shape.ts";
import { applyOne, type Tensor, type TensorLike } from "../tensor.ts";
import { erfOf, sigmoidOf } from "./functions.ts";
import { sumTo } from "./reduce.ts";
import { constant } from "./source.ts";
import { lowerPow } from "./webgpu-lowering.ts";

// Elementwise ops. Unary ops keep the shape; binary ones broadcast. Conventions at corners are stated on each op and tested.

const none: Attrs = {};

interface UnaryDuties {
  onnx: string | ((args: LowerArgs<Attrs>) => readonly string[]);
  /** dx from dy, x and y. */
  gradient: ((dy: Tensor, x: Tensor, y: Tensor) => Tensor) | { because: string };
  evaluate: (x: number) => number;
  range?: readonly [number, number];
}

function unary(name: string, duties: UnaryDuties): OpRecord<Attrs> {
  const { onnx, gradient, evaluate } = duties;
  const input = (shape: readonly number[]): ExampleInput => ({ shape, range: duties.range ?? [-2, 2] });
  return defineOp<Attrs>({
    name,
    shape: ([x]) => [requireFloat(name, x)],
    gradient:
      typeof gradient === "function" ? ({ inputs, outputs, dOutputs }) => [gradient(dOutputs[0]!, inputs[0], outputs[0])] : gradient,
    lower: typeof onnx === "string" ? (args) => [args.onnx.node(onnx, args.inputs)] : onnx,
    evaluate: ([x]) => [ndMap([x], x.shape, x.dtype, evaluate)],
    examples: [
      { inputs: [input([3, 4])], attrs: none },
      { inputs: [input([])], attrs: none },
    ],
  });
}

function requireFloat(name: string, x: Spec): Spec {
  if (x.dtype !== "float32") throw shapeError(name, [x], "a float32 tensor was expected", 'convert it first: x.cast("float32")');
  return { shape: x.shape, dtype: x.dtype };
}

const negOp = unary("neg", { onnx: "Neg", gradient: (dy) => neg(dy), evaluate: (x) => -x });
const expOp = unary("exp", { onnx: "Exp", gradient: (dy, _x, y) => mul(dy, y), evaluate: Math.exp });
const logOp = unary("log", { onnx: "Log", gradient: (dy, x) => div(dy, x), evaluate: Math.log, range: [0.2, 3] });
/** d sqrt(x) = dy / (2 y); infinite at 0, as in PyTorch. */
const sqrtOp = unary("sqrt", { onnx: "Sqrt", gradient: (dy, _x, y) => div(mul(dy, 0.5), y), evaluate: Math.sqrt, range: [0.2, 3] });
const reciprocalOp = unary("reciprocal", {
  onnx: "Reciprocal",
  gradient: (dy, _x, y) => neg(mul(dy, mul(y, y))),
  evaluate: (x) => 1 / x,
  range: [0.3, 3],
});
const tanhOp = unary("tanh", { onnx: "Tanh", gradient: (dy, _x, y) => mul(dy, sub(1, mul(y, y))), evaluate: Math.tanh });
const sigmoidOp = unary("sigmoid", { onnx: "Sigmoid", gradient: (dy, _x, y) => mul(dy, mul(y, sub(1, y))), evaluate: sigmoidOf });
/** d erf(x) = dy · 2/√π · exp(-x²). */
const erfOp = unary("erf", {
  onnx: "Erf",
  gradient: (dy, x) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
  evaluate: erfOf,
});
/** |x|; the gradient at 0 is 0. */
const absOp = unary("abs", { onnx: "Abs", gradient: (dy, x) => mul(dy, sign(x)), evaluate: Math.abs });
const signOp = unary("sign", { onnx: "Sign", gradient: { because: "the sign is flat almost everywhere" }, evaluate: Math.sign });
const sinOp = unary("sin", { onnx: "Sin", gradient: (dy, x) => mul(dy, cos(x)), evaluate: Math.sin });
const cosOp = unary("cos", { onnx: "Cos", gradient: (dy, x) => neg(mul(dy, sin(x))), evaluate: Math.cos });
const floorOp = unary("floor", { onnx: "Floor", gradient: { because: "floor is flat almost everywhere" }, evaluate: Math.floor });
/** max(x, 0); the gradient at 0 is 0, as in PyTorch. It is read off the output, so the input need not be kept. */
const reluOp = unary("relu", { onnx: "Relu", gradient: (dy, _x, y) => mul(dy, step(y)), evaluate: (x) => Math.max(x, 0) });
/** 1 where x > 0, else 0. A hard sigmoid of enormous slope: the fastest mask the CPU kernels have. */
const stepOp = unary("step", {
  onnx: ({ onnx, inputs }) => [onnx.node("HardSigmoid", inputs, { alpha: F(3e38), beta: F(0) })],
  gradient: { because: "the step is flat almost everywhere" },
  evaluate: (x) => (x > 0 ? 1 : 0),
});
/** log(1 + exp(x)), stable for any x: max(x, 0) + log(1 + exp(-|x|)). */
const softplusOp = unary("softplus", {
  onnx: ({ onnx, inputs: [x] }) => {
    const small = onnx.node("Exp", [onnx.node("Neg", [onnx.node("Abs", [x])])]);
    return [onnx.node("Add", [onnx.node("Relu", [x]), onnx.node("Log", [onnx.node("Add", [small, onnx.scalar(1)])])])];
  },
  gradient: (dy, x) => mul(dy, sigmoid(x)),
  evaluate: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
});

export const neg = (x: Tensor): Tensor => applyOne(negOp, [x], none);
export const exp = (x: Tensor): Tensor => applyOne(expOp, [x], none);
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => applyOne(logOp, [x], none);
export const sqrt = (x: Tensor): Tensor => applyOne(sqrtOp, [x], none);
export const reciprocal = (x: Tensor): Tensor => applyOne(reciprocalOp, [x], none);
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => applyOne(tanhOp, [x], none);
/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: Tensor): Tensor => applyOne(sigmoidOp, [x], none);
/** The error function, 2/√π ∫₀ˣ exp(-t²) dt. */
export const erf = (x: Tensor): Tensor => applyOne(erfOp, [x], none);
export const abs = (x: Tensor): Tensor => applyOne(absOp, [x], none);
/** -1, 0 or 1; no gradient flows. */
export const sign = (x: Tensor): Tensor => applyOne(signOp, [x], none);
/** Sine of an angle in radians. */
export const sin = (x: Tensor): Tensor => applyOne(sinOp, [x], none);
/** Cosine of an angle in radians. */
export const cos = (x: Tensor): Tensor => applyOne(cosOp, [x], none);
/** The largest whole number not above x; no gradient flows. */
export const floor = (x: Tensor): Tensor => applyOne(floorOp, [x], none);
/** max(x, 0); the gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => applyOne(reluOp, [x], none);
/** 1 where x > 0, else 0 (also at 0). */
export const step = (x: Tensor): Tensor => applyOne(stepOp, [x], none);
/** log(1 + exp(x)). */
export const softplus = (x: Tensor): Tensor => applyOne(softplusOp, [x], none);

interface SlopeAttrs extends Attrs {
  readonly slope: number;
}

/** x where x > 0, else slope · x. With a positive slope the output has the input's sign, so the mask is read off the output. */
const leakyReluOp = defineOp<SlopeAttrs>({
  name: "leakyRelu",
  shape: ([x]) => [requireFloat("leakyRelu", x)],
  gradient: ({ outputs: [y], attrs, dOutputs: [dy] }) => [mul(dy!, maximum(step(y), attrs.slope))],
  lower: ({ onnx, inputs, attrs }) => [onnx.node("LeakyRelu", inputs, { alpha: F(attrs.slope) })],
  evaluate: ([x], { slope }) => [ndMap([x], x.shape, x.dtype, (v) => (v > 0 ? v : slope * v))],
  examples: [{ inputs: [{ shape: [3, 4], range: [-2, 2] }], attrs: { slope: 0.3 } }],
});

/** x where x > 0, else slope · x; the gradient at 0 is the slope. @param slope in (0, 1] */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => {
  if (!(slope > 0 && slope <= 1)) throw shapeError("leakyRelu", [x], `the slope must be in (0, 1], got ${slope}`, "use relu for slope 0");
  return applyOne(leakyReluOp, [x], { slope });
};

interface BinaryDuties {
  onnx: string | ((args: LowerArgs<Attrs>) => readonly string[]);
  /** da and db at the output's shape; summed back over broadcast axes here. */
  gradient: ((args: { dy: Tensor; a: Tensor; b: Tensor; y: Tensor }) => [() => Tensor, () => Tensor]) | { because: string };
  evaluate: (a: number, b: number) => number;
  result?: DType;
  ranges?: readonly [readonly [number, number], readonly [number, number]];
}

function binary(name: string, duties: BinaryDuties): OpRecord<Attrs> {
  const { onnx, gradient, evaluate, result } = duties;
  return defineOp<Attrs>({
    name,
    shape: (inputs) => [binarySpec(name, inputs, result)],
    gradient: typeof gradient === "function" ? (args) => binaryGradient(args, gradient) : gradient,
    lower: typeof onnx === "string" ? (args) => [args.onnx.node(onnx, args.inputs)] : onnx,
    evaluate: (inputs, _attrs, [out]) => [ndMap(inputs, out.shape, out.dtype, evaluate)],
    examples: binaryExamples(
      duties.ranges ?? [
        [-2, 2],
        [-2, 2],
      ],
    ),
  });
}

function binaryGradient(
  { inputs: [a, b], outputs: [y], dOutputs }: GradientArgs<Attrs>,
  rule: Exclude<BinaryDuties["gradient"], { because: string }>,
): Tensor[] {
  const [da, db] = rule({ dy: dOutputs[0]!, a, b, y });
  return [sumTo(da(), a.shape), sumTo(db(), b.shape)];
}

function binaryExamples([ra, rb]: readonly (readonly [number, number])[]): Example<Attrs>[] {
  const shapes: [number[], number[]][] = [
    [
      [3, 4],
      [3, 4],
    ],
    [[2, 3, 4], [4]],
    [
      [3, 1],
      [1, 4],
    ],
    [[], [2, 2]],
  ];
  return shapes.map(([a, b]) => ({
    inputs: [
      { shape: a, range: ra },
      { shape: b, range: rb },
    ],
    attrs: none,
  }));
}

function binarySpec(name: string, inputs: readonly Spec[], result: DType | undefined): Spec {
  const [a, b] = inputs;
  if (a.dtype !== b.dtype) throw shapeError(name, inputs, "the operands have different dtypes", "convert one of them with cast()");
  const shape = broadcastShapes(a.shape, b.shape);
  if (shape === undefined)
    throw shapeError(name, inputs, "these shapes do not broadcast", "axes align from the right and must be equal or 1");
  return { shape, dtype: result ?? a.dtype };
}

const addOp = binary("add", { onnx: "Add", gradient: ({ dy }) => [() => dy, () => dy], evaluate: (a, b) => a + b });
const subOp = binary("sub", { onnx: "Sub", gradient: ({ dy }) => [() => dy, () => neg(dy)], evaluate: (a, b) => a - b });
const mulOp = binary("mul", { onnx: "Mul", gradient: ({ dy, a, b }) => [() => mul(dy, b), () => mul(dy, a)], evaluate: (a, b) => a * b });
const divOp = binary("div", {
  onnx: "Div",
  gradient: ({ dy, b, y }) => [() => div(dy, b), () => neg(div(mul(dy, y), b))],
  evaluate: (a, b) => a / b,
  ranges: [
    [-2, 2],
    [0.5, 2],
  ],
});
/** a^b for a > 0; db = dy · y · log(a). */
const powOp = binary("pow", {
  onnx: lowerPow,
  gradient: ({ dy, a, b, y }) => [() => mul(dy, mul(b, pow(a, sub(b, 1)))), () => mul(dy, mul(y, log(a)))],
  evaluate: (a, b) => a ** b,
  ranges: [
    [0.3, 2],
    [-2, 2],
  ],
});
/** The larger of the two; a tie splits the gradient evenly, as in PyTorch. */
const maximumOp = binary("maximum", {
  onnx: "Max",
  gradient: ({ dy, a, b }) => [() => mul(dy, winner(a, b)), () => mul(dy, winner(b, a))],
  evaluate: Math.max,
});
/** The smaller of the two; a tie splits the gradient evenly. */
const minimumOp = binary("minimum", {
  onnx: "Min",
  gradient: ({ dy, a, b }) => [() => mul(dy, winner(b, a)), () => mul(dy, winner(a, b))],
  evaluate: Math.min,
});

/** 1 where a > b, 1/2 where equal, else 0. */
function winner(a: Tensor, b: Tensor): Tensor {
  return add(cast(greater(a, b), "float32"), mul(cast(equal(a, b), "float32"), 0.5));
}

const flat = { because: "a comparison is flat almost everywhere" };
const equalOp = binary("equal", { onnx: "Equal", gradient: flat, evaluate: (a, b) => Number(a === b), result: "bool" });
const lessOp = binary("less", { onnx: "Less", gradient: flat, evaluate: (a, b) => Number(a < b), result: "bool" });
const greaterOp = binary("greater", { onnx: "Greater", gradient: flat, evaluate: (a, b) => Number(a > b), result: "bool" });

export const add = (a: TensorLike, b: TensorLike): Tensor => applyOne(addOp, pair(a, b), none);
export const sub = (a: TensorLike, b: TensorLike): Tensor => applyOne(subOp, pair(a, b), none);
export const mul = (a: TensorLike, b: TensorLike): Tensor => applyOne(mulOp, pair(a, b), none);
export const div = (a: TensorLike, b: TensorLike): Tensor => (typeof b === "number" ? mul(a, 1 / b) : applyOne(divOp, pair(a, b), none));
/** a^b; a must be positive where a gradient with respect to b, or a fractional b, is wanted. Small whole powers are products. */
export const pow = (a: TensorLike, b: TensorLike): Tensor => {
  if (b === 2 && typeof a !== "number") return mul(a, a);
  if (b === 0.5 && typeof a !== "number") return sqrt(a);
  return applyOne(powOp, pair(a, b), none);
};
/** The larger of the two, broadcasting; a tie splits the gradient evenly. */
export const maximum = (a: TensorLike, b: TensorLike): Tensor => applyOne(maximumOp, pair(a, b), none);
/** The smaller of the two, broadcasting; a tie splits the gradient evenly. */
export const minimum = (a: TensorLike, b: TensorLike): Tensor => applyOne(minimumOp, pair(a, b), none);
/** A boolean tensor: true where equal. */
export const equal = (a: TensorLike, b: TensorLike): Tensor => applyOne(equalOp, pair(a, b), none);
export const less = (a: TensorLike, b: TensorLike): Tensor => applyOne(lessOp, pair(a, b), none);
export const greater = (a: TensorLike, b: TensorLike): Tensor => applyOne(greaterOp, pair(a, b), none);

/** Numbers become constants of the other operand's dtype. */
function pair(a: TensorLike, b: TensorLike): [Tensor, Tensor] {
  if (typeof a === "number") return typeof b === "number" ? [constant(a), constant(b)] : [constant(a, b.dtype), b];
  return [a, typeof b === "number" ? constant(b, a.dtype) : b];
}

function logical(name: string, onnx: string, evaluate: (a: number, b: number) => number): OpRecord<Attrs> {
  const bools: Example<Attrs> = {
    inputs: [
      { shape: [4], dtype: "bool", values: [0, 0, 1, 1] },
      { shape: [4], dtype: "bool", values: [0, 1, 0, 1] },
    ],
    attrs: none,
  };
  return defineOp<Attrs>({
    name,
    shape: (inputs) => {
      if (inputs.some((x) => x.dtype !== "bool")) throw shapeError(name, inputs, "boolean tensors were expected");
      return [binarySpec(name, inputs, "bool")];
    },
    gradient: { because: "booleans have no gradient" },
    lower: (args) => [args.onnx.node(onnx, args.inputs)],
    evaluate: (inputs, _attrs, [out]) => [ndMap(inputs, out.shape, "bool", evaluate)],
    examples: [bools],
  });
}

const andOp = logical("and", "And", (a, b) => a & b);
const orOp = logical("or", "Or", (a, b) => a | b);
const notOp = defineOp<Attrs>({
  name: "not",
  shape: ([x]) => {
    if (x.dtype !== "bool") throw shapeError("not", [x], "a boolean tensor was expected");
    return [x];
  },
  gradient: { because: "booleans have no gradient" },
  lower: (args) => [args.onnx.node("Not", args.inputs)],
  evaluate: ([x]) => [ndMap([x], x.shape, "bool", (v) => 1 - v)],
  examples: [{ inputs: [{ shape: [2], dtype: "bool", values: [0, 1] }], attrs: none }],
});

export const and = (a: Tensor, b: Tensor): Tensor => applyOne(andOp, [a, b], none);
export const or = (a: Tensor, b: Tensor): Tensor => applyOne(orOp, [a, b], none);
/** The other truth value of each boolean. */
export const not = (x: Tensor): Tensor => applyOne(notOp, [x], none);

/** a where the condition holds, else b; all three broadcast. */
const whereOp = defineOp<Attrs>({
  name: "where",
  shape: (inputs) => {
    const [condition, a, b] = inputs;
    if (condition.dtype !== "bool") throw shapeError("where", inputs, "the condition must be boolean");
    const values = binarySpec("where", [a, b], undefined);
    const shape = broadcastShapes(condition.shape, values.shape);
    if (shape === undefined) throw shapeError("where", inputs, "these shapes do not broadcast");
    return [{ shape, dtype: values.dtype }];
  },
  gradient: ({ inputs: [condition, a, b], dOutputs: [dy] }) => [
    null,
    sumTo(where(condition, dy!, 0), a.shape),
    sumTo(where(condition, 0, dy!), b.shape),
  ],
  lower: (args) => [args.onnx.node("Where", args.inputs)],
  evaluate: (inputs, _attrs, [out]) => [ndMap(inputs, out.shape, out.dtype, (c, a, b) => (c ? a : b))],
  examples: [
    { inputs: [{ shape: [2, 3], dtype: "bool", values: [0, 1, 1, 0, 1, 0] }, { shape: [2, 3] }, { shape: [3] }], attrs: none },
    { inputs: [{ shape: [2, 1], dtype: "bool", values: [0, 1] }, { shape: [1, 3] }, { shape: [] }], attrs: none },
  ],
});

/** a where the condition holds, else b. At least one of a and b is a tensor. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return applyOne(whereOp, [condition, ...pair(a, b)], none);
}

interface CastAttrs extends Attrs {
  readonly to: DType;
}

/** Another element type. float32 to integer truncates towards zero; anything to bool is "not 0". Only float32 to float32 carries a gradient. */
const castOp = defineOp<CastAttrs>({
  name: "cast",
  shape: ([x], { to }) => [{ shape: x.shape, dtype: to }],
  gradient: ({ inputs: [x], attrs, dOutputs: [dy] }) => [x.dtype === "float32" && attrs.to === "float32" ? dy : null],
  lower: ({ onnx, inputs, attrs }) => [onnx.node("Cast", inputs, { to: I(onnxType[attrs.to]) })],
  evaluate: ([x], { to }) => [ndMap([x], x.shape, to, (v) => (to === "bool" ? Number(v !== 0) : to === "float32" ? v : Math.trunc(v)))],
  examples: [
    { inputs: [{ shape: [3], range: [-3, 3] }], attrs: { to: "int64" } },
    { inputs: [{ shape: [3], dtype: "int32", values: [-1, 0, 2] }], attrs: { to: "float32" } },
    { inputs: [{ shape: [3], dtype: "bool", values: [1, 0, 1] }], attrs: { to: "float32" } },
  ],
});

export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : applyOne(castOp, [x], { to }));

export const elementwiseOps = {
  neg: negOp,
  exp: expOp,
  log: logOp,
  sqrt: sqrtOp,
  reciprocal: reciprocalOp,
  tanh: tanhOp,
  sigmoid: sigmoidOp,
  erf: erfOp,
  abs: absOp,
  sign: signOp,
  sin: sinOp,
  cos: cosOp,
  floor: floorOp,
  relu: reluOp,
  step: stepOp,
  softplus: softplusOp,
  leakyRelu: leakyReluOp,
  add: addOp,
  sub: subOp,
  mul: mulOp,
  div: divOp,
  pow: powOp,
  maximum: maximumOp,
  minimum: minimumOp,
  equal: equalOp,
  less: lessOp,
  greater: greaterOp,
  and: andOp,
  or: orOp,
  not: notOp,
  where: whereOp,
  cast: castOp,
};
