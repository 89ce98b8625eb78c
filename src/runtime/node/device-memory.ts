import type { DType, Shape, TypedArray } from "../../core/dtype.ts";
import type { DeviceMemory } from "../backend.ts";
import { smallestModel } from "../smallest-model.ts";
import type { Turns } from "../turns.ts";
import { TwinMap } from "../twins.ts";
import { createSession, type Environment } from "./environment.ts";
import { refusal } from "./ffi.ts";
import { forgotten, NativeSession } from "./native.ts";
import type { Handle } from "./ort-api.ts";
import type { Provider } from "./providers.ts";
import { elementType } from "./session-info.ts";

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

/** The memory of a device behind ONNX Runtime's C API. */
export class FfiDeviceMemory implements DeviceMemory {
  readonly #turns: Turns;
  readonly #environment: Environment;
  readonly #place: Place;
  readonly #twins = new TwinMap<Twin>();

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
      const twin = this.#twins.remove(array);
      if (twin === undefined) continue;
      forgotten.unregister(twin);
      this.#environment.library.api.releaseValue(twin.value);
    }
  }

  /** The twin of an array, if it has one. @throws RuntimeError for an array that overlaps a kept one of another extent */
  find(array: TypedArray): Twin | undefined {
    return this.#twins.find(array);
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
    this.#twins.add(twin);
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
