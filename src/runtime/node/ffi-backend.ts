import type { Shape, TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import { KernelSet } from "../../native/index.ts";
import type { Backend, Binding, Executable, LoadOptions, Profile, ProfileOptions, Target, ValueInfo } from "../backend.ts";
import { BindingState } from "../binding-state.ts";
import { type BoundArray, checkInputs, checkModel, checkOutputs } from "../check-binding.ts";
import { smallestModel } from "../smallest-model.ts";
import { Turns } from "../turns.ts";
import { FfiDeviceMemory, type Twin } from "./device-memory.ts";
import { DeviceValues } from "./device-values.ts";
import { createSession, type Environment, openEnvironment } from "./environment.ts";
import { refusal } from "./ffi.ts";
import { kernelSupport, placeKernels } from "./kernels.ts";
import { forgotten, NativeBinding, NativeSession } from "./native.ts";
import type { Handle } from "./ort-api.ts";
import type { Provider } from "./providers.ts";
import { elementType, readSessionInfo, takeText } from "./session-info.ts";

/** Where an array without elements points: the runtime wants an address even then. */
const nowhere = new Uint8Array(8);

/** How a backend reaches a device other than the CPU. */
interface DeviceParts {
  provider: Provider;
  /** Undefined where the provider works on the host's memory. */
  memory: FfiDeviceMemory | undefined;
  /** Runs and copies take turns: all sessions of a device share its queue and its buffers. */
  turns: Turns;
}

/**
 * ONNX Runtime's kernels through its C API. On the CPU bound arrays are read and written in place, nothing is copied; on a device with a memory of its own
 * the arrays that are kept there are, and others are copied by each run.
 */
export class FfiBackend implements Backend {
  readonly device: string;
  readonly target: Target;
  readonly takesWeights: boolean;
  channelBlock = 0;
  readonly description: string;
  readonly environment: Environment;
  readonly memory: FfiDeviceMemory | undefined;
  private readonly parts: DeviceParts | undefined;

  /**
   * @param libraryPath absolute path of ONNX Runtime's shared library (see locate.ts)
   * @throws RuntimeError when it cannot be loaded, UsageError for bad `ATELIER_THREADS` or `ATELIER_SPIN`.
   */
  constructor(libraryPath: string, device?: DeviceParts) {
    this.environment = openEnvironment(libraryPath);
    this.parts = device;
    const { threads } = this.environment.threading;
    this.collectKernels = device === undefined && kernelSupport().available ? () => new KernelSet(threads) : undefined;
    this.memory = device?.memory;
    this.device = device?.provider.device ?? "cpu";
    this.target = device?.provider.target ?? "cpu";
    const where = device === undefined ? "" : `, ${device.provider.name}`;
    this.takesWeights = device === undefined;
    this.description = `onnxruntime ${this.environment.library.version} (C API${where})`;
  }

  /** The backend of a device. @throws RuntimeError when the library has no such provider, or the provider finds no device */
  static async onDevice(libraryPath: string, provider: Provider): Promise<FfiBackend> {
    const environment = openEnvironment(libraryPath);
    const turns = new Turns();
    const memory = provider.memory === undefined ? undefined : await FfiDeviceMemory.open(environment, provider, provider.memory, turns);
    const backend = new FfiBackend(libraryPath, { provider, memory, turns });
    if (memory === undefined) await (await backend.load(smallestModel(), { name: provider.device, optimize: "none" })).dispose();
    return backend;
  }

  readonly collectKernels: (() => KernelSet) | undefined;

  async load(model: Uint8Array, options: LoadOptions & { profilePrefix?: string | undefined }): Promise<FfiExecutable> {
    const { environment } = this;
    const { name } = options;
    const handle = await createSession(environment, checkModel(model, name), {
      ...options,
      provider: this.parts?.provider,
      operators: options.kernels instanceof KernelSet ? placeKernels(environment.library, options.kernels) : [],
    });
    const session = new NativeSession(environment.library.api, handle);
    try {
      return new FfiExecutable(environment, session, name, this.parts);
    } catch (error) {
      session.release();
      throw refusal("ONNX Runtime could not describe a model.", name, error);
    }
  }

  async profile(model: Uint8Array, options: ProfileOptions): Promise<Profile> {
    const { profile } = await import("./profile.ts");
    return profile(this, model, options);
  }
}

export class FfiExecutable implements Executable {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly native: NativeSession;
  readonly device: DeviceParts | undefined;
  private readonly environment: Environment;
  disposed = false;

  constructor(environment: Environment, native: NativeSession, name: string, device?: DeviceParts) {
    this.environment = environment;
    this.device = device;
    this.native = native;
    this.name = name;
    ({ inputs: this.inputs, outputs: this.outputs } = readSessionInfo(environment, native.handle, name));
    forgotten.register(this, native, native);
  }

  bind(
    inputs: Readonly<Record<string, TypedArray>>,
    outputs: Readonly<Record<string, TypedArray>>,
    shapes?: Readonly<Record<string, Shape>>,
  ): Binding {
    if (this.disposed) throw new RuntimeError(`A program was bound after it was disposed: program "${this.name}".`);
    const boundInputs = checkInputs(this.name, this.inputs, inputs, shapes);
    const boundOutputs = checkOutputs(this.name, this.outputs, outputs, shapes);
    const values = this.device === undefined ? undefined : new DeviceValues(this.native.api);
    let native: NativeBinding | undefined;
    try {
      native = new NativeBinding(this.native, values);
      if (values === undefined) this.tieToHost(native, boundInputs, boundOutputs);
      else this.tieToDevice(native, values, boundInputs, boundOutputs);
    } catch (error) {
      native?.release(); // a binding is broken for good after a failed call
      throw refusal("ONNX Runtime refused an array.", this.name, error);
    }
    return new FfiBinding(this, native, [...boundInputs, ...boundOutputs], values);
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
    if (twin !== undefined) return this.device!.memory!.view(twin, dtype, shape);
    const dims = BigInt64Array.from(shape, BigInt);
    const address = this.environment.library.address(array.length === 0 ? nowhere : array);
    return this.native.api.createTensor(this.environment.memoryInfo, address, array.byteLength, dims, dims.length, elementType[dtype]);
  }

  /** Bind tensors over the arrays; the binding keeps its own references to them. */
  private tieToHost(native: NativeBinding, inputs: readonly BoundArray[], outputs: readonly BoundArray[]): void {
    const { api } = this.native;
    const tie = (bind: typeof api.bindInput, bound: BoundArray) => {
      const value = this.tensor(bound, undefined);
      try {
        bind(native.handle, bound.name, value);
      } finally {
        api.releaseValue(value);
      }
    };
    for (const bound of inputs) tie(api.bindInput, bound);
    for (const bound of outputs) tie(api.bindOutput, bound);
  }

  /** Collect the inputs for each run to bind, and bind the outputs: to twins where there are, else to the arrays. */
  private tieToDevice(native: NativeBinding, values: DeviceValues, inputs: readonly BoundArray[], outputs: readonly BoundArray[]): void {
    const { api } = this.native;
    const memory = this.device!.memory;
    const twinOf = ({ array }: BoundArray): Twin | undefined => {
      const twin = memory?.find(array);
      if (twin !== undefined) values.twins.push(twin);
      return twin;
    };
    const read = new Set<Twin>();
    for (const bound of inputs) {
      const twin = twinOf(bound);
      if (twin !== undefined) read.add(twin);
      values.addInput(bound.name, this.tensor(bound, twin));
    }
    for (const bound of outputs) {
      const twin = twinOf(bound);
      const value = this.tensor(bound, twin);
      // A device must not write what the same run reads: such a result goes to a place of its own, and is copied after the run.
      const place = twin !== undefined && read.has(twin) ? memory!.scratch(bound.dtype, bound.shape) : undefined;
      if (place !== undefined) values.addResult(place, value);
      try {
        api.bindOutput(native.handle, bound.name, place ?? value);
      } finally {
        if (place === undefined) api.releaseValue(value);
      }
    }
  }
}

class FfiBinding implements Binding {
  /** Held so that the session is not collected before its bindings. */
  private readonly executable: FfiExecutable;
  private readonly native: NativeBinding;
  /** Holds the buffers, which the native side knows only by address. */
  private readonly state: BindingState;
  private readonly values: DeviceValues | undefined;
  constructor(executable: FfiExecutable, native: NativeBinding, bound: readonly BoundArray[], values: DeviceValues | undefined) {
    this.executable = executable;
    this.native = native;
    this.values = values;
    this.state = new BindingState(executable.name, bound);
    forgotten.register(this, native, native);
  }

  async run(): Promise<void> {
    const { session } = this.native;
    const { device } = this.executable;
    this.begin();
    try {
      if (device === undefined) await session.api.runWithBinding.async(session.handle, this.native.handle);
      else await device.turns.take(() => this.values!.run(this.native, (from, to) => device.memory?.transfer(from, to)));
    } catch (error) {
      throw this.failure(error);
    } finally {
      this.end();
    }
  }

  /** Only on the CPU: a device takes one run at a time, and this one could not wait for its turn. */
  get runSync(): (() => void) | undefined {
    return this.executable.device === undefined ? this.runNow : undefined;
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
  }

  private failure(error: unknown): unknown {
    return refusal("A run of a program failed.", this.executable.name, error);
  }
}
