import { forEachIndex, ndZeros } from "../nd.ts";
import { type Emitter, I } from "../onnx.ts";
import { type Attrs, defineOp, type LowerArgs, type OpRecord } from "../op.ts";
import { requireFloats, shapeError } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";

interface RotaryAttrs extends Attrs {
  /** Whether the two numbers of a pair are neighbours; else pair i is elements i and i + D / 2. */
  readonly interleaved: boolean;
  /** Turn the other way. */
  readonly inverse: boolean;
}

/**
 * Turn pairs of the last axis by angles given as tables of cosines and sines: (a, b) -> (a cos - b sin, b cos + a sin). x [B, H, T, D], tables [T, D / 2],
 * or [B, T, D / 2] where the examples stand at positions of their own. (Su et al. 2021, Eq. 34.) A rotation's gradient is the rotation back. The tables are constants: no gradient flows to them.
 */
const rotaryOp: OpRecord<RotaryAttrs> = defineOp<RotaryAttrs>({
  name: "rotary",
  shape: (inputs) => {
    requireFloats("rotary", inputs);
    const [x, cos, sin] = inputs;
    if (x.shape.length !== 4 || x.shape[3] % 2 !== 0) throw shapeError("rotary", inputs, "the input must be [B, H, T, D] with an even D");
    const [B, , T, D] = x.shape;
    const shared = `${T},${D / 2}`;
    const wanted = [shared, `${B},${shared}`];
    if (!wanted.includes(cos.shape.join()) || cos.shape.join() !== sin.shape.join())
      throw shapeError("rotary", inputs, `the tables must have shape [${wanted.join("] or [")}]`);
    return [x];
  },
  gradient: ({ inputs: [, cos, sin], attrs, dOutputs: [dy] }) => [
    applyOne(rotaryOp, [dy!, cos, sin], { ...attrs, inverse: !attrs.inverse }),
    null,
    null,
  ],
  lower: lowerRotary,
  evaluate: ([x, cos, sin], { interleaved, inverse }) => {
    const out = ndZeros(x.shape);
    const [batch, heads, time, width] = x.shape;
    const half = width / 2;
    forEachIndex([batch * heads, time, half], ([row, t, i]) => {
      const at = (row * time + t) * width;
      const place = ((cos.shape.length === 3 ? Math.floor(row / heads) * time : 0) + t) * half + i;
      const [first, second] = interleaved ? [at + 2 * i, at + 2 * i + 1] : [at + i, at + i + half];
      const c = cos.data[place];
      const s = sin.data[place] * (inverse ? -1 : 1);
      out.data[first] = x.data[first] * c - x.data[second] * s;
      out.data[second] = x.data[second] * c + x.data[first] * s;
    });
    return [out];
  },
  examples: [false, true].flatMap((interleaved) =>
    [false, true].flatMap((inverse) => [
      {
        inputs: [
          { shape: [2, 2, 3, 4] },
          { shape: [3, 2], values: [1, 1, 0.8, 0.6, 0, -1] },
          { shape: [3, 2], values: [0, 0, 0.6, 0.8, 1, 0] },
        ],
        attrs: { interleaved, inverse },
      },
      {
        inputs: [
          { shape: [2, 2, 2, 4] },
          { shape: [2, 2, 2], values: [1, 1, 0.8, 0.6, 0, -1, -0.6, 0.8] },
          { shape: [2, 2, 2], values: [0, 0, 0.6, 0.8, 1, 0, 0.8, -0.6] },
        ],
        attrs: { interleaved, inverse },
      },
    ]),
  ),
});

function lowerRotary({ onnx, inputs: [x, cos, sin], attrs: { interleaved, inverse }, node }: LowerArgs<RotaryAttrs>): string[] {
  const { shape } = node.inputs[0];
  const [batch, heads, time, width] = shape;
  const turn = inverse ? onnx.node("Neg", [sin]) : sin;
  const half = width / 2;
  const own = node.inputs[1].shape.length === 3;
  if (onnx.target === "cpu" || onnx.target === "wasm") {
    // Tables of each example's own lie one under another, and each position is a row.
    const rows = (table: string) => (own ? onnx.node("Reshape", [table, onnx.ints([batch * time, half])]) : table);
    const positions = own ? onnx.node("Reshape", [countedTo(onnx, batch * time), onnx.ints([batch, time])]) : onnx.ints([0]);
    return [onnx.node("RotaryEmbedding", [x, positions, rows(cos), rows(turn)], { interleaved: I(Number(interleaved)) }, "com.microsoft")];
  }
  // Pairs on an axis of their own: the last one for neighbours, the one before it for halves.
  const axis = interleaved ? 4 : 3;
  const pairs = onnx.node("Reshape", [x, onnx.ints(interleaved ? [batch, heads, time, half, 2] : [batch, heads, time, 2, half])]);
  const [a, b] = onnx.nodes("Split", [pairs, onnx.ints([1, 1])], 2, { axis: I(axis) });
  const table = (value: string) =>
    onnx.node("Reshape", [value, onnx.ints([...(own ? [batch, 1] : []), ...(interleaved ? [time, half, 1] : [time, 1, half])])]);
  const product = (value: string, factor: string) => onnx.node("Mul", [value, table(factor)]);
  const first = onnx.node("Sub", [product(a, cos), product(b, turn)]);
  const second = onnx.node("Add", [product(b, cos), product(a, turn)]);
  return [onnx.node("Reshape", [onnx.node("Concat", [first, second], { axis: I(axis) }), onnx.ints(shape)])];
}

/** 0, 1, 2 ... below a length: made in the graph rather than written into it, so that the length alone depends on the sizes. */
function countedTo(onnx: Emitter, length: number): string {
  const ones = onnx.node("Expand", [onnx.ints([1]), onnx.ints([length])]);
  return onnx.node("CumSum", [ones, onnx.constant("int64", [], BigInt64Array.of(0n))], { exclusive: I(1) });
}

/**
 * Turn pairs of the last axis of x [B, H, T, D] by the angles whose cosines and sines [T, D / 2] or [B, T, D / 2] are given (constants).
 * @param interleaved pairs are neighbours (GPT-J); else pair i is elements i and i + D / 2 (Llama's "rotate half")
 * @throws ShapeError
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor, { interleaved = false }: { interleaved?: boolean } = {}): Tensor {
  return applyOne(rotaryOp, [x, cos, sin], { interleaved, inverse: false });
}

export const rotaryOps = { rotary: rotaryOp };
