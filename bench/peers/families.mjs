// What the JavaScript peers share for whole families (see pytorch/flows.py and pytorch/language.py): parameters in PyTorch's order, batches, settings.
import { integers, POOL, permuted, product, STREAMS, startValue, uniform } from "./shared.mjs";

export const GPT = { layers: 4, heads: 4, width: 128, context: 64, batch: 12, vocabulary: 65 };
export const FLOW = { couplings: 6, width: 256, batch: 256 };
export const CONTROLLER = [35, 16, 3];

const dense = (inputs, outputs, bias = true) => [
  { kind: "weight", shape: [outputs, inputs], role: "dense" },
  ...(bias ? [{ kind: "bias", shape: [outputs], role: "vector" }] : []),
];

function flowParameters() {
  const { width, couplings } = FLOW;
  const net = [2, width, width, width, width].flatMap((inputs, i) => dense(inputs, i === 4 ? 2 : width));
  return Array.from({ length: couplings }, () => [...net, ...net]).flat();
}

function gptParameters() {
  const { layers, width, context, vocabulary } = GPT;
  const table = (rows) => ({ kind: "weight", shape: [rows, width], role: "table" });
  const norm = { kind: "scale", shape: [width], role: "vector" };
  const block = [norm, ...dense(width, 3 * width, false), ...dense(width, width, false)];
  block.push(norm, ...dense(width, 4 * width, false), ...dense(4 * width, width, false));
  return [table(vocabulary), table(context), ...Array.from({ length: layers }, () => block).flat(), norm];
}

const pool = (make) => Array.from({ length: POOL }, (_, i) => make(i));

export const FAMILIES = {
  realnvp: {
    parameters: flowParameters,
    batches: () => {
      const size = FLOW.batch * 2;
      const all = uniform(STREAMS.images, POOL * size, -1, 1);
      return pool((i) => [{ data: all.slice(i * size, (i + 1) * size), shape: [FLOW.batch, 2], dtype: "float32" }]);
    },
    rate: 1e-4,
    beta2: 0.999,
    decay: 0,
    clip: 0,
  },
  "gpt-small": {
    parameters: gptParameters,
    batches: () => {
      const size = GPT.batch * GPT.context;
      const ids = integers(STREAMS.ids, POOL * size, GPT.vocabulary);
      const targets = integers(STREAMS.labels, POOL * size, GPT.vocabulary);
      const part = (all, i) => ({ data: all.slice(i * size, (i + 1) * size), shape: [size], dtype: "int32" });
      return pool((i) => [part(ids, i), part(targets, i)]);
    },
    rate: 1e-3,
    beta2: 0.99,
    decay: 0.1,
    clip: 1,
  },
};

/** Start values, dense weights as [in, out]. */
export function startValues(specs) {
  return specs.map(({ kind, shape, role }, i) => {
    const data = startValue(i, shape, kind);
    return role === "dense" && kind === "weight" ? { data: permuted(data, shape, [1, 0]), shape: [shape[1], shape[0]] } : { data, shape };
  });
}

export const controllerParameters = () => CONTROLLER.slice(1).flatMap((outputs, i) => dense(CONTROLLER[i], outputs));

/** Observations of the controller. */
export function observations() {
  const all = uniform(STREAMS.images, POOL * CONTROLLER[0]);
  return pool((i) => all.slice(i * CONTROLLER[0], (i + 1) * CONTROLLER[0]));
}

/** 0 where a position sees another, -1e9 where it lies in the future: [T, T]. */
export function causalMask(size) {
  return Float32Array.from({ length: product([size, size]) }, (_, i) => (i % size > Math.floor(i / size) ? -1e9 : 0));
}
