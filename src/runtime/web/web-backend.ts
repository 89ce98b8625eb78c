import type { Shape, TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Backend, Binding, Executable, LoadOptions, Target, ValueInfo } from "../backend.ts";
import { BindingState } from "../binding-state.ts";
import { type BoundArray, checkInputs, checkModel, checkOutputs } from "../check-binding.ts";
import { refused } from "../refusal.ts";
import { Turns } from "../turns.ts";
import { readValueInfo } from "../value-info.ts";
import type { GpuBuffer, OrtWeb, WebSession, WebTensor } from "./ort-web.ts";
import { WebDeviceMemory, type WebTwin } from "./web-memory.ts";

/** Of ONNX Runtime's WebGPU provider: its layout of pictures, and conversions of 64-bit integers on the device. */
const webgpu = {
  executionProviders: [{ name: "webgpu", preferredLayout: "NCHW" }],
  extra: { session: { disable_cpu_ep_fallback: "1" }, ep: { webgpuexecutionprovider: { enableInt64: "1" } } },
};

/**
 * ONNX Runtime compiled to WebAssembly (the package onnxruntime-web), for pages and for platforms without a native library: on the processor, or on a
 * page's graphics card through WebGPU. Arrays are copied into and out of the runtime by each run, except those that a device keeps.
 */
export class WebBackend implements Backend {
  readonly device: string;
  readonly target: Target;
  readonly description: string;
  memory: WebDeviceMemory | undefined;
  readonly turns = new Turns();
  readonly #ort: OrtWeb;

  /** @param ort the imported package; with the threads it is to use already set */
  constructor(ort: OrtWeb, device: "cpu" | "webgpu" = "cpu") {
    this.#ort = ort;
    this.device = device;
    this.target = device === "cpu" ? "wasm" : "webgpu";
    this.description = `onnxruntime-web ${ort.env.versions.web ?? ""} (${device === "cpu" ? "WebAssembly" : "WebGPU"})`;
  }

  /** Let arrays stay on the page's graphics card from now on. @throws RuntimeError on the processor, or before a program was loaded */
  async openMemory(): Promise<void> {
    this.memory = new WebDeviceMemory(this.#ort, await this.#ort.env.webgpu.device, this.turns);
  }

  async load(model: Uint8Array, { name, optimize }: LoadOptions): Promise<Executable> {
    const bytes = checkModel(model, name);
    const options = {
      ...(this.device === "cpu" ? { executionProviders: ["wasm"] } : webgpu),
      graphOptimizationLevel: optimize === "all" ? "all" : "disabled",
      logId: name,
      logSeverityLevel: 4,
    };
    try {
      const session = await this.turns.take(() => this.#ort.InferenceSession.create(bytes, options));
      return new WebExecutable(this.#ort, session, name, this);
    } catch (error) {
      throw refusal("ONNX Runtime refused a model.", name, error);
    }
  }
}

class WebExecutable implements Executable {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  disposed = false;
  readonly backend: WebBackend;
  readonly session: WebSession;
  readonly #ort: OrtWeb;
  #released: Promise<void> | undefined;

  constructor(ort: OrtWeb, session: WebSession, name: string, backend: WebBackend) {
    this.#ort = ort;
    this.session = session;
    this.name = name;
    this.backend = backend;
    this.inputs = session.inputMetadata.map((value) => readValueInfo(value, name));
    this.outputs = session.outputMetadata.map((value) => readValueInfo(value, name));
  }

  bind(
    inputs: Readonly<Record<string, TypedArray>>,
    outputs: Readonly<Record<string, TypedArray>>,
    shapes?: Readonly<Record<string, Shape>>,
  ): Binding {
    if (this.disposed) throw new RuntimeError(`A program was bound after it was disposed: program "${this.name}".`);
    const boundInputs = checkInputs(this.name, this.inputs, inputs, shapes);
    const boundOutputs = checkOutputs(this.name, this.outputs, outputs, shapes);
    const { memory } = this.backend;
    const binding = new WebBinding(this, new BindingState(this.name, [...boundInputs, ...boundOutputs]));
    const read = new Set<WebTwin>();
    for (const { name, dtype, shape, array } of boundInputs) {
      const twin = memory?.find(array);
      if (twin !== undefined) read.add(twin);
      binding.feeds[name] = twin === undefined ? new this.#ort.Tensor(dtype, array, shape) : memory!.tensor(twin.buffer, dtype, shape);
    }
    for (const bound of boundOutputs) {
      const twin = memory?.find(bound.array);
      if (twin === undefined) {
        binding.fetches[bound.name] = null;
        binding.copied.push(bound);
        continue;
      }
      // A device must not write what the same run reads: such a result goes to a place of its own, and is copied after the run.
      const place = read.has(twin) ? memory!.scratch(bound.array.byteLength) : twin.buffer;
      if (place !== twin.buffer) binding.renewed.push([place, twin.buffer]);
      binding.fetches[bound.name] = memory!.tensor(place, bound.dtype, bound.shape);
    }
    return binding;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    this.#released ??= this.backend.turns.take(() => this.session.release());
    await this.#released;
  }
}

class WebBinding implements Binding {
  readonly feeds: Record<string, WebTensor> = {};
  /** Tensors to write into; null for results that are copied out. */
  readonly fetches: Record<string, WebTensor | null> = {};
  readonly copied: BoundArray[] = [];
  readonly renewed: [from: GpuBuffer, to: GpuBuffer][] = [];
  readonly #executable: WebExecutable;
  readonly #state: BindingState;

  constructor(executable: WebExecutable, state: BindingState) {
    this.#executable = executable;
    this.#state = state;
  }

  async run(): Promise<void> {
    const { disposed, backend, name } = this.#executable;
    this.#state.begin(disposed);
    try {
      await backend.turns.take(() => this.#runNow());
    } catch (error) {
      throw refusal("A run of a program failed.", name, error);
    } finally {
      if (this.#state.end()) this.#release();
    }
  }

  async #runNow(): Promise<void> {
    const { session, backend } = this.#executable;
    const results = await session.run(this.feeds, this.fetches);
    for (const { name, array } of this.copied) {
      (array as Float32Array).set(results[name].data as Float32Array);
      results[name].dispose();
    }
    backend.memory?.transfer(this.renewed);
  }

  dispose(): void {
    if (this.#state.dispose()) this.#release();
  }

  #release(): void {
    for (const [place] of this.renewed.splice(0)) place.destroy();
  }
}

function refusal(what: string, program: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RuntimeError) return error;
  return refused(what, program, error.message, error);
}
