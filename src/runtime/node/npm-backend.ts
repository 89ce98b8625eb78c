import { createRequire } from "node:module";
import type { Shape, TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Backend, Binding, Executable, LoadOptions, ValueInfo } from "../backend.ts";
import { BindingState } from "../binding-state.ts";
import { type BoundArray, checkInputs, checkModel, checkOutputs } from "../check-binding.ts";
import { InFlight } from "../in-flight.ts";
import { refused } from "../refusal.ts";
import { readValueInfo } from "../value-info.ts";
import { type ThreadOptions, threadOptions } from "./threads.ts";

type Npm = typeof import("onnxruntime-node");
type Session = import("onnxruntime-node").InferenceSession;
type Tensors = Record<string, import("onnxruntime-node").Tensor>;

/**
 * ONNX Runtime's CPU kernels through the npm package `onnxruntime-node`: the fallback where the C API cannot be called, and the oracle
 * that both give equal bits. Runs block the event loop, and outputs are copied once more by the package.
 */
export class NpmBackend implements Backend {
  readonly device = "cpu";
  readonly target = "cpu";
  channelBlock = 0;
  readonly description: string;
  private readonly npm: Npm;
  private readonly threading: ThreadOptions;

  /**
   * @param folder the folder of the installed package (see locate.ts)
   * @throws RuntimeError when its native part does not load, UsageError for bad `ATELIER_THREADS` or `ATELIER_SPIN`.
   */
  constructor(folder: string) {
    this.threading = threadOptions();
    try {
      this.npm = createRequire(`${folder}/package.json`)(folder);
    } catch (cause) {
      throw new RuntimeError({
        what: "The package onnxruntime-node cannot be loaded.",
        where: folder,
        got: cause instanceof Error ? cause.message : String(cause),
        cause,
      });
    }
    this.description = `onnxruntime-node ${this.npm.env.versions.node}`;
  }

  async load(model: Uint8Array, { name, optimize }: LoadOptions): Promise<Executable> {
    const { threads, spin } = this.threading;
    let session: Session;
    try {
      session = await this.npm.InferenceSession.create(checkModel(model, name), {
        executionProviders: ["cpu"],
        enableMemPattern: false,
        graphOptimizationLevel: optimize === "all" ? "all" : "disabled",
        logId: name,
        logSeverityLevel: 4,
        intraOpNumThreads: threads,
        extra: { session: { force_spinning_stop: "1", intra_op: { allow_spinning: spin ? "1" : "0" } } },
      });
    } catch (error) {
      throw refusal("ONNX Runtime refused a model.", name, error);
    }
    return new NpmExecutable(this.npm, session, name);
  }
}

class NpmExecutable implements Executable {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly runs = new InFlight();
  disposed = false;
  private readonly npm: Npm;
  private readonly session: Session;
  private released: Promise<void> | undefined;

  constructor(npm: Npm, session: Session, name: string) {
    this.npm = npm;
    this.session = session;
    this.name = name;
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
    const state = new BindingState(this.name, [...boundInputs, ...boundOutputs]);
    return new NpmBinding(this, state, this.tensors(boundInputs), this.tensors(boundOutputs));
  }

  async run(feeds: Tensors, fetches: Tensors): Promise<void> {
    try {
      await this.session.run(feeds, fetches);
    } catch (error) {
      throw refusal("A run of a program failed.", this.name, error);
    }
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await this.runs.idle();
    this.released ??= this.session.release();
    await this.released;
  }

  /** Tensors over the arrays themselves. A preallocated fetch is written in place; the copy that the package returns is ignored. */
  private tensors(bound: readonly BoundArray[]): Tensors {
    return Object.fromEntries(bound.map(({ name, dtype, shape, array }) => [name, new this.npm.Tensor(dtype, array, shape)]));
  }
}

class NpmBinding implements Binding {
  private readonly executable: NpmExecutable;
  private readonly state: BindingState;
  private readonly feeds: Tensors;
  private readonly fetches: Tensors;

  constructor(executable: NpmExecutable, state: BindingState, feeds: Tensors, fetches: Tensors) {
    this.executable = executable;
    this.state = state;
    this.feeds = feeds;
    this.fetches = fetches;
  }

  async run(): Promise<void> {
    this.state.begin(this.executable.disposed);
    this.executable.runs.enter();
    try {
      await this.executable.run(this.feeds, this.fetches);
    } finally {
      this.state.end();
      this.executable.runs.leave();
    }
  }

  dispose(): void {
    this.state.dispose();
  }
}

function refusal(what: string, program: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RuntimeError) return error;
  return refused(what, program, error.message, error);
}
