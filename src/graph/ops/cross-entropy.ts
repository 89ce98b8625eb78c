import { ndZeros } from "../nd.ts";
import { I, S } from "../onnx.ts";
import { type Attrs, defineOp, type OpRecord } from "../op.ts";
import { requireFloats, type Spec, shapeError } from "../shape.ts";
import { apply, applyOne, type Tensor } from "../tensor.ts";
import { exp, mul, sub } from "./elementwise.ts";
import { gatherElements } from "./gather.ts";
import { reshape } from "./movement.ts";
import { sum } from "./reduce.ts";
import { softmaxOps } from "./softmax.ts";

// Softmax cross entropy with integer labels over many classes, where each pass over the logits counts: three backward instead of six.

const none: Attrs = {};

function checked(name: string, inputs: readonly Spec[]): readonly Spec[] {
  const [scores, labels] = inputs;
  if (scores.shape.length !== 2 || scores.dtype !== "float32") throw shapeError(name, inputs, "float32 scores [N, V] were expected");
  if (labels.shape.length !== 1 || labels.shape[0] !== scores.shape[0] || (labels.dtype !== "int32" && labels.dtype !== "int64"))
    throw shapeError(name, inputs, `int32 or int64 labels [${scores.shape[0]}] were expected`);
  return inputs;
}

/**
 * loss_n = -logP[n, label_n] with logP = log softmax(logits); both are outputs, the second for the gradient.
 * dLogits = (exp(logP) - onehot(label)) dLoss, and what reaches logP goes the way of a log softmax.
 */
const crossEntropyOp: OpRecord<Attrs> = defineOp<Attrs>({
  name: "crossEntropy",
  shape: (inputs) => {
    const [logits] = checked("crossEntropy", inputs);
    return [{ shape: [logits.shape[0]], dtype: "float32" }, logits];
  },
  gradient: ({ inputs: [, labels], outputs: [, logP], dOutputs: [dLoss, dLogP] }) => {
    const fromLoss = dLoss && applyOne(crossEntropyGradientOp, [logP, labels, dLoss], none);
    const fromLogP = dLogP && sub(dLogP, mul(exp(logP), sum(dLogP, -1, { keepDims: true })));
    return [fromLoss && fromLogP ? fromLoss.add(fromLogP) : (fromLoss ?? fromLogP), null];
  },
  lower: ({ onnx, inputs: [logits, labels], node }) => {
    const rows = node.inputs[0].shape[0];
    const logP = onnx.node("LogSoftmax", [logits], { axis: I(-1) });
    const picked = onnx.node("GatherElements", [logP, onnx.node("Reshape", [labels, onnx.ints([rows, 1])])], { axis: I(1) });
    return [onnx.node("Neg", [onnx.node("Reshape", [picked, onnx.ints([rows])])]), logP];
  },
  evaluate: ([logits, labels], attrs, specs) => {
    const [logP] = softmaxOps.logSoftmax.evaluate([logits], attrs, [specs[1]]);
    const loss = ndZeros(specs[0].shape);
    const classes = logits.shape[1];
    for (let n = 0; n < loss.data.length; n++) loss.data[n] = -logP.data[n * classes + wrap(labels.data[n], classes)];
    return [loss, logP];
  },
  examples: [
    {
      inputs: [
        { shape: [3, 5], range: [-3, 3] },
        { shape: [3], dtype: "int64", values: [4, 0, 4] },
      ],
      attrs: none,
    },
    {
      inputs: [
        { shape: [2, 3], range: [-3, 3] },
        { shape: [2], dtype: "int32", values: [1, 2] },
      ],
      attrs: none,
    },
  ],
});

/** (exp(logP) - onehot(label)) · d: the gradient of cross entropy, [N, V], from logP [N, V], labels [N] and d [N]. */
const crossEntropyGradientOp: OpRecord<Attrs> = defineOp<Attrs>({
  name: "crossEntropyGradient",
  shape: (inputs) => {
    const [logP, , d] = checked("crossEntropyGradient", inputs);
    requireFloats("crossEntropyGradient", [d]);
    if (d.shape.length !== 1 || d.shape[0] !== logP.shape[0])
      throw shapeError("crossEntropyGradient", inputs, `a gradient [${logP.shape[0]}] was expected`);
    return [logP];
  },
  gradient: ({ inputs: [logP, labels, d], dOutputs: [dy] }) => {
    const weighted = mul(dy!, exp(logP));
    const column = reshape(d, [d.shape[0], 1]);
    const picked = gatherElements(dy!, reshape(labels, [d.shape[0], 1]), 1);
    return [mul(weighted, column), null, reshape(sub(sum(weighted, 1, { keepDims: true }), picked), d.shape)];
  },
  lower: ({ onnx, inputs: [logP, labels, d], node }) => {
    const column = onnx.ints([node.inputs[0].shape[0], 1]);
    const scale = onnx.node("Reshape", [d, column]);
    const spread = onnx.node("Mul", [onnx.node("Exp", [logP]), scale]);
    const at = onnx.node("Reshape", [labels, column]);
    // Each row has one label, so nothing is added twice; the kernel works in place on the product.
    return [onnx.node("ScatterElements", [spread, at, onnx.node("Neg", [scale])], { axis: I(1), reduction: S("add") })];
  },
  evaluate: ([logP, labels, d], _attrs, [spec]) => {
    const out = ndZeros(spec.shape);
    const classes = spec.shape[1];
    for (let n = 0; n < d.data.length; n++) {
      for (let v = 0; v < classes; v++) {
        const at = n * classes + v;
        out.data[at] = (Math.exp(logP.data[at]) - (v === wrap(labels.data[n], classes) ? 1 : 0)) * d.data[n];
      }
    }
    return [out];
  },
  examples: [{ inputs: [{ shape: [2, 3], range: [-3, -1] }, { shape: [2], dtype: "int64", values: [2, 0] }, { shape: [2] }], attrs: none }],
});

function wrap(index: number, size: number): number {
  return index < 0 ? index + size : index;
}

/**
 * -log softmax(logits)[label] in nats, for rows: logits [N, V], labels [N] of int32 or int64 in [0, V) -> [N]. Stable for any logits.
 * @throws ShapeError; a label out of range is refused by the runtime
 */
export function softmaxCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return apply(crossEntropyOp, [logits, labels], none)[0];
}

export const crossEntropyOps = { crossEntropy: crossEntropyOp, crossEntropyGradient: crossEntropyGradientOp };
