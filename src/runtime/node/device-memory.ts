import type { DType, Shape, TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { DeviceMemory } from "../backend.ts";
import { createSession, type Environment } from "./environment.ts";
import { refusal } from "./ffi.ts";
import { forgotten, NativeSession } from "./native.ts";
import type { Handle } from "./ort-api.ts";
import type { Provider } from "./providers.ts";
import { elementType } from "./session-info.ts";
import { smallestModel } from "./smallest-model.ts";

/** Device memory of the same size and element type as a host array; it lies in `value`. */
export class Twin {
  readonly array: TypedArray;
  readonly value: Handle<"value">;
  /** The device's address of the memory. */
  readonly data: bigint;

  constructor(array: TypedArray, value: Handle<"value">, data: bigint) {
    this.array = array;
    this.value = value;
    this.data = data;
  }
}

/** Where a device allocates: its name for the memory, and the allocator of a session that is never released. */
interface Place {
  memoryInfo: Handle<"memoryInfo">;
  allocator: Handle<"allocator">;
}

/** One run or copy at a time on a device whose sessions share their buffers. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** The memory of a device behind ONNX Runtime's C API. */
export class FfiDeviceMemory implements DeviceMemory {
  readonly #turns: Turns;
  readonly #environment: Environment;
  readonly #place: Place;
  /** Twins by the array's buffer, then by the array's offset in it. */
  readonly #twins = new WeakMap<ArrayBufferLike, Map<number, Twin>>();

  private constructor(environment: Environment, place: Place, turns: Turns) {
    this.#turns = turns;
    this.#environment = environment;
    this.#place = place;
  }

  /** @throws RuntimeError when the device cannot be opened */
  static async open(environment: Environment, provider: Provider, memory: string, turns: Turns): Promise<FfiDeviceMemory> {
    const { api } = environment.library;
    const session = new NativeSession(
      api,
      await createSession(environment, smallestModel(), { name: provider.device, optimize: "none", provider }),
    );
    const memoryInfo = api.createMemoryInfo(memory, 0, 0, 0);
    return new FfiDeviceMemory(environment, { memoryInfo, allocator: api.createAllocator(session.handle, memoryInfo) }, turns);
  }

  keep(arrays: readonly TypedArray[]): void {
    const added: Twin[] = [];
    for (const array of arrays) {
      if (array.length === 0 || this.find(array) !== undefined) continue;
      added.push(this.#make(array));
    }
    this.#copy("write", added);
  }

  write(arrays: readonly TypedArray[]): Promise<void> {
    return this.#turns.take(async () => this.#copy("write", this.#twinsOf(arrays)));
  }

  read(arrays: readonly TypedArray[]): Promise<void> {
    return this.#turns.take(async () => this.#copy("read", this.#twinsOf(arrays)));
  }

  release(arrays: readonly TypedArray[]): void {
    for (const array of arrays) {
      const twin = this.find(array);
      if (twin === undefined) continue;
      this.#twins.get(array.buffer)?.delete(array.byteOffset);
      forgotten.unregister(twin);
      this.#environment.library.api.releaseValue(twin.value);
    }
  }

  /**
   * The twin of an array, if it has one.
   * @throws RuntimeError for an array that shares numbers with a kept one of another extent: one of the two would be old
   */
  find(array: TypedArray): Twin | undefined {
    const twins = this.#twins.get(array.buffer);
    if (twins === undefined) return undefined;
    const twin = twins.get(array.byteOffset);
    if (twin?.array.byteLength === array.byteLength) return twin;
    const end = array.byteOffset + array.byteLength;
    for (const { array: kept } of twins.values()) {
      if (kept.byteOffset >= end || kept.byteOffset + kept.byteLength <= array.byteOffset) continue;
      throw new RuntimeError({
        what: "An array overlaps one that is kept on the device, but is not the same.",
        got: `bytes ${array.byteOffset} to ${end} of a buffer`,
        expected: `bytes ${kept.byteOffset} to ${kept.byteOffset + kept.byteLength}, as they are kept`,
        hint: "bind the kept array itself",
      });
    }
    return undefined;
  }

  /** A tensor of a shape over a twin's memory; the caller releases it, and keeps the twin as long. */
  view(twin: Twin, dtype: DType, shape: Shape): Handle<"value"> {
    const dims = BigInt64Array.from(shape, BigInt);
    const { api } = this.#environment.library;
    return api.createTensor(this.#place.memoryInfo, twin.data, twin.array.byteLength, dims, dims.length, elementType[dtype]);
  }

  /** Fresh device memory of a twin's size, for a result that must not overwrite it while it is read; the caller releases it. */
  scratch(dtype: DType, shape: Shape): Handle<"value"> {
    const dims = BigInt64Array.from(shape, BigInt);
    return this.#environment.library.api.createDeviceTensor(this.#place.allocator, dims, dims.length, elementType[dtype]);
  }

  /** Copy between tensors wherever they lie. */
  transfer(from: readonly Handle<"value">[], to: readonly Handle<"value">[]): void {
    if (from.length === 0) return;
    const { api } = this.#environment.library;
    api.copyTensors(this.#environment.handle, BigInt64Array.from(from), BigInt64Array.from(to), from.length);
  }

  #make(array: TypedArray): Twin {
    const { api } = this.#environment.library;
    const dtype = dtypeOf(array);
    const value = this.scratch(dtype, [array.length]);
    const twin = new Twin(array, value, api.tensorData(value));
    const twins = this.#twins.get(array.buffer) ?? new Map<number, Twin>();
    this.#twins.set(array.buffer, twins);
    twins.set(array.byteOffset, twin);
    forgotten.register(twin, { release: () => api.releaseValue(value) }, twin);
    return twin;
  }

  #twinsOf(arrays: readonly TypedArray[]): Twin[] {
    return arrays.flatMap((array) => this.find(array) ?? []);
  }

  #copy(direction: "read" | "write", twins: readonly Twin[]): void {
    const { api, address } = this.#environment.library;
    const hosts: Handle<"value">[] = [];
    try {
      for (const { array } of twins) {
        const dims = BigInt64Array.of(BigInt(array.length));
        const type = elementType[dtypeOf(array)];
        hosts.push(api.createTensor(this.#environment.memoryInfo, address(array), array.byteLength, dims, 1, type));
      }
      const devices = twins.map(({ value }) => value);
      if (direction === "write") this.transfer(hosts, devices);
      else this.transfer(devices, hosts);
    } catch (error) {
      throw refusal(`Arrays could not be ${direction === "write" ? "copied to" : "read from"} the device.`, "device memory", error);
    } finally {
      for (const host of hosts) api.releaseValue(host);
    }
  }
}

/** The element type of an array; bytes count as uint8, which bool tensors are laid over. */
function dtypeOf(array: TypedArray): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Int32Array) return "int32";
  return array instanceof BigInt64Array ? "int64" : "uint8";
}
