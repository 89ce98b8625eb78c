import type { TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Backend, Binding, Executable, LoadOptions, Target, ValueInfo } from "../backend.ts";
import { BindingState } from "../binding-state.ts";
import { type BoundArray, checkInputs, checkModel, checkOutputs } from "../check-binding.ts";
import { FfiDeviceMemory, type Twin } from "./device-memory.ts";
import { createSession, type Environment, openEnvironment } from "./environment.ts";
import { refusal } from "./ffi.ts";
import { forgotten, NativeBinding, NativeSession } from "./native.ts";
import type { Handle } from "./ort-api.ts";
import type { Provider } from "./providers.ts";
import { elementType, readSessionInfo, takeText } from "./session-info.ts";
import { smallestModel } from "./smallest-model.ts";

/** Where an array without elements points: the runtime wants an address even then. */
const nowhere = new Uint8Array(8);

/** How a backend reaches a device other than the CPU. */
interface DeviceParts {
  provider: Provider;
  memory: FfiDeviceMemory | undefined;
}

/**
 * ONNX Runtime's kernels through its C API. On the CPU bound arrays are read and written in place, nothing is copied; on a device with a memory of its own
 * the arrays that are kept there are, and others are copied by each run.
 */
export class FfiBackend implements Backend {
  readonly device: string;
  readonly target: Target;
  channelBlock = 0;
  readonly description: string;
  readonly environment: Environment;
  readonly memory: FfiDeviceMemory | undefined;
  private readonly provider: Provider | undefined;

  /**
   * @param libraryPath absolute path of ONNX Runtime's shared library (see locate.ts)
   * @throws RuntimeError when it cannot be loaded, UsageError for bad `ATELIER_THREADS` or `ATELIER_SPIN`.
   */
  constructor(libraryPath: string, device?: DeviceParts) {
    this.environment = openEnvironment(libraryPath);
    this.provider = device?.provider;
    this.memory = device?.memory;
    this.device = device?.provider.device ?? "cpu";
    this.target = device?.provider.target ?? "cpu";
    const where = device === undefined ? "" : `, ${device.provider.name}`;
    this.description = `onnxruntime ${this.environment.library.version} (C API${where})`;
  }

  /** The backend of a device. @throws RuntimeError when the library has no such provider, or the provider finds no device */
  static async onDevice(libraryPath: string, provider: Provider): Promise<FfiBackend> {
    const environment = openEnvironment(libraryPath);
    const memory = provider.memory === undefined ? undefined : await FfiDeviceMemory.open(environment, provider, provider.memory);
    const backend = new FfiBackend(libraryPath, { provider, memory });
    if (memory === undefined) await (await backend.load(smallestModel(), { name: provider.device, optimize: "none" })).dispose();
    return backend;
  }

  async load(model: Uint8Array, options: LoadOptions & { profilePrefix?: string | undefined }): Promise<FfiExecutable> {
    const { environment } = this;
    const { name } = options;
    const handle = await createSession(environment, checkModel(model, name), { ...options, provider: this.provider });
    const session = new NativeSession(environment.library.api, handle);
    try {
      return new FfiExecutable(environment, session, name, this.memory);
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
  readonly memory: FfiDeviceMemory | undefined;
  private readonly environment: Environment;
  disposed = false;

  constructor(environment: Environment, native: NativeSession, name: string, memory?: FfiDeviceMemory) {
    this.environment = environment;
    this.memory = memory;
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
    const twins = new Set<Twin>();
    const renewals = new Renewals(this.native.api);
    let native: NativeBinding | undefined;
    try {
      native = new NativeBinding(this.native);
      for (const bound of boundInputs) {
        const twin = this.memory?.find(bound.array);
        if (twin !== undefined) twins.add(twin);
        this.tie(native, bindInput, bound.name, this.tensor(bound, twin));
      }
      for (const bound of boundOutputs) {
        const twin = this.memory?.find(bound.array);
        // A device must not write what the same run reads: such a result goes to a place of its own, and is copied after the run.
        if (twin !== undefined && twins.has(twin)) {
          const scratch = this.memory!.scratch(bound.dtype, bound.shape);
          renewals.add(scratch, this.tensor(bound, twin), twin);
          bindOutput(native.handle, bound.name, scratch);
        } else {
          if (twin !== undefined) renewals.twins.push(twin);
          this.tie(native, bindOutput, bound.name, this.tensor(bound, twin));
        }
      }
    } catch (error) {
      native?.release(); // a binding is broken for good after a failed call
      renewals.release();
      throw refusal("ONNX Runtime refused an array.", this.name, error);
    }
    renewals.twins.push(...twins);
    return new FfiBinding(this, native, [...boundInputs, ...boundOutputs], renewals);
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

  /** A tensor over the array's twin where it has one, else over the array itself. */
  private tensor({ dtype, shape, array }: BoundArray, twin: Twin | undefined): Handle<"value"> {
    if (twin !== undefined) return this.memory!.view(twin, dtype, shape);
    const dims = BigInt64Array.from(shape, BigInt);
    const address = this.environment.library.address(array.length === 0 ? nowhere : array);
    return this.native.api.createTensor(this.environment.memoryInfo, address, array.byteLength, dims, dims.length, elementType[dtype]);
  }

  /** Bind a tensor; the binding keeps its own reference to it. */
  private tie(native: NativeBinding, bind: NativeSession["api"]["bindInput"], name: string, value: Handle<"value">): void {
    try {
      bind(native.handle, name, value);
    } finally {
      this.native.api.releaseValue(value);
    }
  }
}

/** Device memory behind a binding: results that are copied over the values that the run has read, and the twins, which must live as long. */
class Renewals {
  readonly twins: Twin[] = [];
  readonly from: Handle<"value">[] = [];
  readonly to: Handle<"value">[] = [];
  private readonly api: NativeSession["api"];

  constructor(api: NativeSession["api"]) {
    this.api = api;
  }

  add(from: Handle<"value">, to: Handle<"value">, twin: Twin): void {
    this.from.push(from);
    this.to.push(to);
    this.twins.push(twin);
  }

  release(): void {
    for (const value of [...this.from.splice(0), ...this.to.splice(0)]) this.api.releaseValue(value);
  }
}

class FfiBinding implements Binding {
  /** Held so that the session is not collected before its bindings. */
  private readonly executable: FfiExecutable;
  private readonly native: NativeBinding;
  /** Holds the buffers, which the native side knows only by address. */
  private readonly state: BindingState;
  private readonly renewals: Renewals;
  /** Only on the CPU: a device takes one run at a time, and this one could not wait for its turn. */
  readonly runSync: (() => void) | undefined;

  constructor(executable: FfiExecutable, native: NativeBinding, bound: readonly BoundArray[], renewals: Renewals) {
    this.executable = executable;
    this.native = native;
    this.renewals = renewals;
    this.state = new BindingState(executable.name, bound);
    this.runSync = executable.memory === undefined ? () => this.runNow() : undefined;
    const release = () => {
      native.release();
      renewals.release();
    };
    forgotten.register(this, { release }, native);
  }

  async run(): Promise<void> {
    const { session } = this.native;
    const { memory } = this.executable;
    this.begin();
    try {
      if (memory === undefined) await session.api.runWithBinding.async(session.handle, this.native.handle);
      else {
        await memory.turns.take(async () => {
          await session.api.runWithBinding.async(session.handle, this.native.handle);
          memory.transfer(this.renewals.from, this.renewals.to);
        });
      }
    } catch (error) {
      throw this.failure(error);
    } finally {
      this.end();
    }
  }

  private runNow(): void {
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
    this.renewals.release();
  }

  private failure(error: unknown): unknown {
    return refusal("A run of a program failed.", this.executable.name, error);
  }
}
