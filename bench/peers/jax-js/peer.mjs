// jax-js as a peer of the bench (see ../README.md): node peer.mjs FOLDER_WITH_NODE_MODULES. Its wasm backend, with BENCH_THREADS workers.
// Modes: im2col (convolutions as slices and a matrix product, which its matrix kernels run fast), lax (its own convolution, for the kernels only:
// it takes many seconds for a training step of these networks), jit (no convolutions in it).
import { createRequire } from "node:module";
import path from "node:path";
import { Worker as NodeWorker } from "node:worker_threads";
import { serve } from "../shared.mjs";
import { controllerMaker, familyMaker, familyNames } from "./families.mjs";
import { kernelMakers } from "./kernels.mjs";
import { inferenceMaker, trainingMaker } from "./networks.mjs";

/** jax-js looks for the browser's navigator and Worker; without them it runs on one thread (and its init fails on Node 20). */
function browserGlobals(threads) {
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: threads }, configurable: true });
  if (threads < 2) return;
  const sources = new Map();
  const PlainBlob = globalThis.Blob;
  globalThis.Blob = class extends PlainBlob {
    constructor(parts, options) {
      super(parts, options);
      this.source = parts.join("");
    }
  };
  const createUrl = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    const url = createUrl(blob);
    sources.set(url, blob.source);
    return url;
  };
  const prelude = `const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => self.onmessage({ data }));
`;
  globalThis.Worker = class {
    constructor(url) {
      this.worker = new NodeWorker(prelude + sources.get(url), { eval: true });
      this.worker.on("message", (data) => this.onmessage?.({ data }));
      this.worker.on("error", (error) => this.onerror?.({ message: error.message }));
    }
    postMessage(message) {
      this.worker.postMessage(message);
    }
  };
}

browserGlobals(Number(process.env.BENCH_THREADS ?? 2));
const require = createRequire(path.join(path.resolve(process.argv[2] ?? "."), "package.json"));
const jax = require("@jax-js/jax");
await jax.init("wasm");

const workloads = {};
const makers = {};
for (const name of ["mlp", "cnn", "vae", "autoencoder"]) {
  makers[name] = trainingMaker(jax, name, false);
  workloads[name] = [name === "mlp" ? "jit" : "im2col"];
}
for (const name of ["cnn-infer", "cnn-infer-1", "vae-infer"]) {
  makers[name] = inferenceMaker(jax, name);
  workloads[name] = ["im2col"];
}
for (const name of familyNames) {
  makers[name] = familyMaker(jax, name);
  workloads[name] = ["jit"];
}
makers.controller = controllerMaker(jax);
workloads.controller = ["jit"];
for (const [name, make] of Object.entries(kernelMakers(jax))) {
  makers[name] = make;
  workloads[name] = name.startsWith("conv") ? ["im2col", "lax"] : ["jit"];
}

async function check(name, mode, steps) {
  const training = await (familyNames.includes(name) ? makers[name]() : trainingMaker(jax, name, true)(mode));
  const losses = [];
  for (let i = 0; i < steps; i++) losses.push(await training.step());
  return { losses, parameters: training.parameters };
}

const { version } = require(path.join(path.dirname(require.resolve("@jax-js/jax")), "..", "package.json"));
await serve({ peer: "jax-js", version, workloads, make: (name, mode) => makers[name](mode), check });
