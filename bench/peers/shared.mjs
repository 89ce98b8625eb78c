// What the JavaScript peers share: the numbers all peers make alike (see pytorch/values.py), the networks' shapes, and the request loop.
import { createInterface } from "node:readline";

export const STREAMS = { images: 1000, labels: 1001, noise: 1002, ids: 1003 };
export const BATCH = { cnn: 32, mlp: 32, autoencoder: 64, vae: 64 };
export const CHANNELS = { cnn: 3, mlp: 3, autoencoder: 1, vae: 1 };
export const CODE = { autoencoder: 2, vae: 16 };
/** Batches made once and cycled through. */
export const POOL = 8;
export const LEARNING_RATE = 5e-4;
export const LEAK = 0.01;
export const NORM_EPSILON = 1e-5;
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** uint32 number `index` of a stream: the finalizer of MurmurHash3. */
function hashed(stream, index) {
  let h = (index + Math.imul(stream, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Float32Array in [low, high). */
export function uniform(stream, count, low = -1, high = 1) {
  return Float32Array.from({ length: count }, (_, i) => low + (hashed(stream, i) / 2 ** 32) * (high - low));
}

/** Int32Array in [0, below). */
export function integers(stream, count, below) {
  return Int32Array.from({ length: count }, (_, i) => hashed(stream, i) % below);
}

export const product = (shape) => shape.reduce((a, b) => a * b, 1);

/** The start value of parameter number `index`; kind is weight, bias, scale or shift. */
export function startValue(index, shape, kind) {
  const count = product(shape);
  if (kind === "scale") return uniform(index, count, 0.9, 1.1);
  if (kind !== "weight") return uniform(index, count, -0.1, 0.1);
  const bound = Math.sqrt(3 / product(shape.slice(1)));
  return uniform(index, count, -bound, bound);
}

/** Elements of a row-major array of `shape` with its axes in another order. */
export function permuted(data, shape, order) {
  const strides = shape.map((_, i) => product(shape.slice(i + 1)));
  const target = order.map((axis) => shape[axis]);
  const out = new data.constructor(data.length);
  const at = target.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    let from = 0;
    for (let k = 0; k < at.length; k++) from += at[k] * strides[order[k]];
    out[i] = data[from];
    for (let k = at.length - 1; k >= 0 && ++at[k] === target[k]; k--) at[k] = 0;
  }
  return out;
}

/**
 * Parameters of a network in PyTorch's order and shapes: { kind, shape, role } with role one of conv, up (transposed conv), dense,
 * flat-in (dense after flattening `map` = [C, H, W]), flat-out (dense before unflattening) and vector.
 */
export function parameterList(name) {
  const list = [];
  const add = (role, kind, shape, map) => list.push({ role, kind, shape, map });
  const weighted = (role, shape, outputs, map) => {
    add(role, "weight", shape, map);
    add(role === "flat-out" ? "flat-out" : "vector", "bias", [outputs], role === "flat-out" ? map : undefined);
  };
  const norm = (channels) => {
    add("vector", "scale", [channels]);
    add("vector", "shift", [channels]);
  };
  const conv = (inputs, outputs) => weighted("conv", [outputs, inputs, 3, 3], outputs);
  const dense = (inputs, outputs, role = "dense", map = undefined) => weighted(role, [outputs, inputs], outputs, map);
  if (name === "mlp") {
    dense(3072, 200, "flat-in", [3, 32, 32]);
    dense(200, 150);
    dense(150, 10);
  } else if (name === "cnn") {
    for (const [inputs, outputs] of CNN_CONVS) {
      conv(inputs, outputs);
      norm(outputs);
    }
    dense(4096, 128, "flat-in", [64, 8, 8]);
    norm(128);
    dense(128, 10);
  } else {
    for (const [inputs, outputs] of ENCODER) conv(inputs, outputs);
    for (let head = 0; head < (name === "vae" ? 2 : 1); head++) dense(2048, CODE[name], "flat-in", [128, 4, 4]);
    dense(CODE[name], 2048, "flat-out", [128, 4, 4]);
    for (const [inputs, outputs] of DECODER) weighted("up", [inputs, outputs, 3, 3], outputs);
    conv(32, 1);
  }
  return list;
}

/** [in, out, stride] of the classifier's convolutions. */
export const CNN_CONVS = [
  [3, 32, 1],
  [32, 32, 2],
  [32, 64, 1],
  [64, 64, 2],
];
export const ENCODER = [
  [1, 32],
  [32, 64],
  [64, 128],
];
export const DECODER = [
  [128, 128],
  [128, 64],
  [64, 32],
];

/** Start values for nets whose pictures are [B, H, W, C] and whose dense weights are [in, out]: { data, shape } per parameter. */
export function channelsLastValue({ role, kind, shape, map }, index) {
  const data = startValue(index, shape, kind);
  if (role === "conv") return { data: permuted(data, shape, [2, 3, 1, 0]), shape: [3, 3, shape[1], shape[0]] };
  if (role === "up") return { data: permuted(data, shape, [2, 3, 1, 0]), shape: [3, 3, shape[1], shape[0]] };
  if (role === "flat-out" && kind === "bias") return { data: permuted(data, map, [1, 2, 0]), shape };
  if (role === "flat-in") return { data: permuted(data, [shape[0], ...map], [2, 3, 1, 0]), shape: [shape[1], shape[0]] };
  if (role === "flat-out") return { data: permuted(data, [...map, shape[1]], [3, 1, 2, 0]), shape: [shape[1], shape[0]] };
  if (role === "dense") return { data: permuted(data, shape, [1, 0]), shape: [shape[1], shape[0]] };
  return { data, shape };
}

/** Batches of pictures in [0, 1], laid out [B, C, H, W] or [B, H, W, C], and labels. */
export function batches(name, channelsLast) {
  const shape = [BATCH[name], CHANNELS[name], 32, 32];
  const count = product(shape);
  const all = uniform(STREAMS.images, POOL * count, 0, 1);
  const labels = integers(STREAMS.labels, POOL * BATCH[name], 10);
  return Array.from({ length: POOL }, (_, i) => {
    const images = all.slice(i * count, (i + 1) * count);
    return {
      images: channelsLast ? permuted(images, shape, [0, 2, 3, 1]) : images,
      labels: labels.slice(i * BATCH[name], (i + 1) * BATCH[name]),
    };
  });
}

/** Prepared workloads by name and mode; a workload is { step(): Promise<number>, close?() }. */
export function serve({ peer, version, workloads, make, check }) {
  const prepared = new Map();
  const handlers = {
    async prepare({ prepare: name, mode, warmup = 3 }) {
      if (!workloads[name]?.includes(mode)) throw new Error(`no workload ${name} in mode ${mode}`);
      const started = performance.now();
      const workload = await make(name, mode);
      for (let i = 0; i < warmup; i++) await workload.step();
      prepared.set(`${name} ${mode}`, workload);
      return { prepared: name, mode, ms: performance.now() - started };
    },
    async workload({ workload: name, mode, steps }) {
      const workload = prepared.get(`${name} ${mode}`);
      if (workload === undefined) throw new Error(`${name} in mode ${mode} is not prepared`);
      const ms = [];
      let loss = 0;
      for (let i = 0; i < steps; i++) {
        const started = performance.now();
        loss = await workload.step();
        ms.push(performance.now() - started);
      }
      return { ms, loss };
    },
    check: ({ check: name, mode, steps }) => check(name, mode, steps),
    async release({ release: name, mode }) {
      await prepared.get(`${name} ${mode}`)?.close?.();
      prepared.delete(`${name} ${mode}`);
      return { released: name };
    },
  };
  return answerLines({ ready: true, peer, version, modes: [...new Set(Object.values(workloads).flat())], workloads }, handlers);
}

async function answerLines(greeting, handlers) {
  const write = process.stdout.write.bind(process.stdout);
  // Answers own stdout; whatever a library prints goes to stderr.
  process.stdout.write = process.stderr.write.bind(process.stderr);
  const say = (message) => write(`${JSON.stringify(message)}\n`);
  say(greeting);
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    try {
      const request = JSON.parse(line);
      const verb = Object.keys(handlers).find((key) => key in request);
      if (verb === undefined) throw new Error(`a request has one of ${Object.keys(handlers).join(", ")}`);
      say(await handlers[verb](request));
    } catch (error) {
      // One workload that fails must not end the others.
      say({ error: String(error?.message ?? error).split("\n")[0] });
    }
  }
  process.exit(0);
}
