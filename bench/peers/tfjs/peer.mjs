// TensorFlow.js as a peer of the bench (see ../README.md): node peer.mjs FOLDER_WITH_NODE_MODULES.
// Modes: node (the native binding, where it could be installed); wasm (one thread: its threads are switched off under Node);
// wasm+filter-gradient (the same with the gradient that it lacks, for what trains convolutions).
// cpu (plain JavaScript) answers checks only: it accumulates in float64.
import { createRequire } from "node:module";
import path from "node:path";
import { serve } from "../shared.mjs";
import { controllerMaker, familyMaker, familyNames } from "./families.mjs";
import { kernelMakers } from "./kernels.mjs";
import { inferenceMaker, trainingMaker } from "./networks.mjs";

const folder = path.resolve(process.argv[2] ?? ".");

/** What the folder's packages offer: the native binding from the folder beside it, else wasm and cpu. */
async function loadBackends() {
  try {
    const native = createRequire(path.join(`${folder}-node`, "package.json"))("@tensorflow/tfjs-node");
    await native.setBackend("tensorflow");
    return { tf: native, backends: { node: "tensorflow", cpu: "cpu" } };
  } catch {
    const require = createRequire(path.join(folder, "package.json"));
    const tf = require("@tensorflow/tfjs");
    const wasm = require("@tensorflow/tfjs-backend-wasm");
    wasm.setWasmPaths(path.join(path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out/"));
    return { tf, backends: { wasm: "wasm", "wasm+filter-gradient": "wasm", cpu: "cpu" } };
  }
}

/** The wasm backend has no filter gradient of convolutions: supply one from its own fast kernels, a matrix product per tap. */
function registerFilterGradient(tf) {
  const kernelFunc = ({ inputs, attrs }) => {
    const { x, dy } = inputs;
    const { strides, pad, filterShape } = attrs;
    const [stride] = [strides].flat();
    const [rows, columns, channels, filters] = filterShape;
    const [batch, height, width] = dy.shape;
    return tf.tidy(() => {
      const before = typeof pad === "number" ? pad : pad[1][0];
      const need = (size, taps, from) => (size - 1) * stride + taps - from - before;
      const after = [Math.max(0, need(height, rows, x.shape[1])), Math.max(0, need(width, columns, x.shape[2]))];
      const padded = tf.pad(x, [
        [0, 0],
        [before, after[0]],
        [before, after[1]],
        [0, 0],
      ]);
      const flat = tf.reshape(dy, [-1, filters]);
      const taps = [];
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          const end = [batch, i + (height - 1) * stride + 1, j + (width - 1) * stride + 1, channels];
          const part = tf.stridedSlice(padded, [0, i, j, 0], end, [1, stride, stride, 1]);
          taps.push(tf.matMul(tf.reshape(part, [-1, channels]), flat, true, false));
        }
      }
      return tf.reshape(tf.stack(taps), filterShape);
    });
  };
  tf.registerKernel({ kernelName: "Conv2DBackpropFilter", backendName: "wasm", kernelFunc });
}

const { tf, backends } = await loadBackends();
if ("wasm" in backends) registerFilterGradient(tf);
const makers = { ...kernelMakers(tf) };
for (const name of ["mlp", "cnn", "vae", "autoencoder"]) makers[name] = trainingMaker(tf, name, false);
for (const name of ["cnn-infer", "cnn-infer-1", "vae-infer"]) makers[name] = inferenceMaker(tf, name);
for (const name of familyNames) makers[name] = familyMaker(tf, name);
makers.controller = controllerMaker(tf);

async function use(mode) {
  await tf.setBackend(backends[mode]);
  await tf.ready();
}

/** Backends are global in TensorFlow.js, so each step selects its own first. */
async function make(name, mode) {
  await use(mode);
  const workload = makers[name]();
  const step = async () => {
    await use(mode);
    return workload.step();
  };
  return { step, close: () => workload.close?.() };
}

async function check(name, mode, steps) {
  await use(mode);
  const training = familyNames.includes(name) ? makers[name]() : trainingMaker(tf, name, true)();
  const losses = [];
  for (let i = 0; i < steps; i++) losses.push(await training.step());
  const { parameters } = training;
  training.close();
  return { losses, parameters };
}

/**
 * The fastest backend that can. The stock wasm one lacks the filter gradient of a convolution, and the segment sum in a gather's gradient,
 * which cpu does with one pass over the data per row of the table: minutes a step, so the embedding is left to the native binding.
 */
function modesOf(name) {
  if ("node" in backends) return ["node"];
  if (name.startsWith("embedding")) return [];
  return ["cnn", "vae", "autoencoder"].includes(name) || name.endsWith("filter-gradient") ? ["wasm+filter-gradient"] : ["wasm"];
}

const workloads = Object.fromEntries(Object.keys(makers).map((name) => [name, modesOf(name)]));
await serve({ peer: "tfjs", version: tf.version.tfjs, workloads, make, check });
