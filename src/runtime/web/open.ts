import { RuntimeError, unknownName } from "../../core/errors.ts";
import type { Backend } from "../backend.ts";
import { requirePrecision } from "../precision.ts";
import { smallestModel } from "../smallest-model.ts";
import type { OrtWeb } from "./ort-web.ts";
import { WebBackend } from "./web-backend.ts";

export interface DeviceOptions {
  /** Numbers of weights and activations. Only `float32` works yet; `float16` is refused with the reason. */
  precision?: "float32" | "float16" | undefined;
  /** Threads of the processor; only a cross-origin isolated page (headers COOP and COEP) has more than one. Default: the runtime chooses. */
  threads?: number | undefined;
  /** Where the package's .wasm files are served, where a bundler does not see to it: a folder's address ending in "/". */
  wasmPaths?: string | undefined;
  /** The .wasm file itself, for pages that carry it: nothing is then asked for. */
  wasmBinary?: Uint8Array<ArrayBuffer> | undefined;
}

const devices = ["cpu", "webgpu"];
const opened = new Map<string, Promise<Backend>>();

/**
 * The backend of a device in a page, opened once: `cpu` (WebAssembly) or `webgpu`. Options count at the first call.
 * @throws UsageError for an unknown device; RuntimeError where the page has no WebGPU, or the package onnxruntime-web is missing
 */
export function openDevice(device = "cpu", options: DeviceOptions = {}): Promise<Backend> {
  const known = opened.get(device);
  if (known !== undefined) return known;
  const backend = open(device, options);
  opened.set(device, backend);
  backend.catch(() => opened.delete(device)); // the next call may fare better
  return backend;
}

async function open(device: string, { threads, wasmPaths, wasmBinary, precision }: DeviceOptions): Promise<Backend> {
  requirePrecision(precision, device);
  if (!devices.includes(device)) throw unknownName("device", device, devices);
  const ort = device === "cpu" ? await load(() => import("onnxruntime-web/wasm")) : await load(() => import("onnxruntime-web/webgpu"));
  if (threads !== undefined) ort.env.wasm.numThreads = threads;
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
  if (wasmBinary !== undefined) ort.env.wasm.wasmBinary = wasmBinary;
  const backend = new WebBackend(ort, device as "cpu" | "webgpu");
  if (device === "cpu") return backend;
  const { navigator = {} } = globalThis as { navigator?: object };
  if (!("gpu" in navigator)) throw unavailable("this page has no WebGPU (navigator.gpu is missing)");
  try {
    // Never disposed: the runtime makes itself a new device once its last session is gone, and what was kept on the old one would be lost.
    await backend.load(smallestModel(), { name: device, optimize: "none" });
  } catch (error) {
    throw unavailable(error instanceof RuntimeError ? (error.problem.got ?? error.problem.what) : String(error), error);
  }
  await backend.openMemory();
  return backend;
}

async function load(importPackage: () => Promise<unknown>): Promise<OrtWeb> {
  try {
    return (await importPackage()) as OrtWeb;
  } catch (cause) {
    throw new RuntimeError({
      what: "The package onnxruntime-web cannot be loaded.",
      got: cause instanceof Error ? cause.message : String(cause),
      hint: "install it beside atelier (npm install onnxruntime-web@1.30.0) and let the page's bundler find it",
      cause,
    });
  }
}

function unavailable(got: string, cause?: unknown): RuntimeError {
  const hint = "use the device cpu, or a browser with WebGPU on a page served by https or from localhost";
  return new RuntimeError({ what: 'The device "webgpu" is not available.', got, hint, cause });
}
