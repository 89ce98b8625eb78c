import type { TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import { KernelSet } from "../../native/index.ts";
import type { Backend, Binding, Executable, LoadOptions, ValueInfo } from "../backend.ts";
import { BindingState } from "../binding-state.ts";
import { type BoundArray, checkInputs, checkModel, checkOutputs } from "../check-binding.ts";
import { createSession, type Environment, openEnvironment } from "./environment.ts";
import { refusal } from "./ffi.ts";
import { kernelSupport, placeKernels } from "./kernels.ts";
import { forgotten, NativeBinding, NativeSession } from "./native.ts";
import { elementType, readSessionInfo, takeText } from "./session-info.ts";

/** Where an array without elements points: the runtime wants an address even then. */
const nowhere = new Uint8Array(8);

/** ONNX Runtime's CPU kernels through its C API: bound arrays are read and written in place, nothing is copied. */
export class FfiBackend implements Backend {
  readonly device = "cpu";
  readonly target = "cpu";
  channelBlock = 0;
  readonly description: string;
  readonly environment: Environment;

  /**
   * @param libraryPath absolute path of ONNX Runtime's shared library (see locate.ts)
   * @throws RuntimeError when it cannot be loaded, UsageError for bad `ATELIER_THREADS` or `ATELIER_SPIN`.
   */
  constructor(libraryPath: string) {
    this.environment = openEnvironment(libraryPath);
    this.description = `onnxruntime ${this.environment.library.version} (C API)`;
  }

  readonly collectKernels = kernelSupport().available ? () => new KernelSet(this.environment.threading.threads) : undefined;

  async load(model: Uint8Array, options: LoadOptions & { profilePrefix?: string | undefined }): Promise<FfiExecutable> {
    const { environment } = this;
    const { name } = options;
    const handle = await createSession(environment, checkModel(model, name), {
      ...options,
      operators: options.kernels instanceof KernelSet ? placeKernels(environment.library, options.kernels) : [],
    });
    const session = new NativeSession(environment.library.api, handle);
    try {
      return new FfiExecutable(environment, session, name);
    } catch (error) {
      session.release();
      throw refusal("ONNX Runtime could not describe a model.", name, error);
    }
  }
}

export class FfiExecutable implements Executable {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly native: NativeSession;
  private readonly environment: Environment;
  disposed = false;

  constructor(environment: Environment, native: NativeSession, name: string) {
    this.environment = environment;
    this.native = native;
    this.name = name;
    ({ inputs: this.inputs, outputs: this.outputs } = readSessionInfo(environment, native.handle, name));
    forgotten.register(this, native, native);
  }

  bind(inputs: Readonly<Record<string, TypedArray>>, outputs: Readonly<Record<string, TypedArray>>): Binding {
    if (this.disposed) throw new RuntimeError(`A program was bound after it was disposed: program "${this.name}".`);
    const boundInputs = checkInputs(this.name, this.inputs, inputs);
    const boundOutputs = checkOutputs(this.name, this.outputs, outputs);
    const { bindInput, bindOutput } = this.native.api;
    let native: NativeBinding | undefined;
    try {
      native = new NativeBinding(this.native);
      for (const bound of boundInputs) this.tie(native, bindInput, bound);
      for (const bound of boundOutputs) this.tie(native, bindOutput, bound);
    } catch (error) {
      native?.release(); // a binding is broken for good after a failed call
      throw refusal("ONNX Runtime refused an array.", this.name, error);
    }
    return new FfiBinding(this, native, [...boundInputs, ...boundOutputs]);
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await this.native.runs.idle();
    forgotten.unregister(this.native);
    this.native.release();
  }

  /** Stop the profiling that `profilePrefix` asked for. @returns the path of the profile. */
  endProfiling(): string {
    return takeText(this.environment, this.native.api.endProfiling(this.native.handle, this.environment.allocator));
  }

  /** Lay a tensor over the array and bind it; the binding keeps its own reference to the tensor. */
  private tie(native: NativeBinding, bind: NativeSession["api"]["bindInput"], { name, dtype, shape, array }: BoundArray): void {
    const { api } = this.native;
    const dims = BigInt64Array.from(shape, BigInt);
    const address = this.environment.library.address(array.length === 0 ? nowhere : array);
    const value = api.createTensor(this.environment.memoryInfo, address, array.byteLength, dims, dims.length, elementType[dtype]);
    try {
      bind(native.handle, name, value);
    } finally {
      api.releaseValue(value);
    }
  }
}

class FfiBinding implements Binding {
  /** Held so that the session is not collected before its bindings. */
  private readonly executable: FfiExecutable;
  private readonly native: NativeBinding;
  /** Holds the buffers, which the native side knows only by address. */
  private readonly state: BindingState;

  constructor(executable: FfiExecutable, native: NativeBinding, bound: readonly BoundArray[]) {
    this.executable = executable;
    this.native = native;
    this.state = new BindingState(executable.name, bound);
    forgotten.register(this, native, native);
  }

  async run(): Promise<void> {
    const { session } = this.native;
    this.begin();
    try {
      await session.api.runWithBinding.async(session.handle, this.native.handle);
    } catch (error) {
      throw this.failure(error);
    } finally {
      this.end();
    }
  }

  runSync(): void {
    const { session } = this.native;
    this.begin();
    try {
      session.api.runWithBinding(session.handle, this.native.handle);
    } catch (error) {
      throw this.failure(error);
    } finally {
      this.end();
    }
  }

  dispose(): void {
    if (this.state.dispose()) this.release();
  }

  private begin(): void {
    this.state.begin(this.executable.disposed);
    this.native.session.runs.enter();
  }

  private end(): void {
    if (this.state.end()) this.release();
    this.native.session.runs.leave();
  }

  private release(): void {
    forgotten.unregister(this.native);
    this.native.release();
  }

  private failure(error: unknown): unknown {
    return refusal("A run of a program failed.", this.executable.name, error);
  }
}
