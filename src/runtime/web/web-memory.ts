import type { DType, Shape, TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { DeviceMemory } from "../backend.ts";
import type { Turns } from "../turns.ts";
import { TwinMap } from "../twins.ts";
import type { GpuBuffer, GpuDevice, OrtWeb, WebTensor } from "./ort-web.ts";

// WebGPU's flags (GPUBufferUsage, GPUMapMode); the runtime wants its buffers to be all of storage, source and destination.
const mapRead = 1;
const copySource = 4;
const copyDestination = 8;
const storage = 128;

/** A buffer on the device for a host array. */
export interface WebTwin {
  readonly array: TypedArray;
  readonly buffer: GpuBuffer;
}

/** The memory of a page's WebGPU device. */
export class WebDeviceMemory implements DeviceMemory {
  readonly #twins = new TwinMap<WebTwin>();
  readonly #ort: OrtWeb;
  readonly #device: GpuDevice;
  readonly #turns: Turns;

  constructor(ort: OrtWeb, device: GpuDevice, turns: Turns) {
    this.#ort = ort;
    this.#device = device;
    this.#turns = turns;
  }

  keep(arrays: readonly TypedArray[]): void {
    for (const array of arrays) {
      if (array.length === 0 || this.find(array) !== undefined) continue;
      const twin = { array, buffer: this.scratch(array.byteLength) };
      this.#twins.add(twin);
      this.#upload(twin);
    }
  }

  write(arrays: readonly TypedArray[]): Promise<void> {
    return this.#turns.take(async () => {
      for (const twin of this.#twinsOf(arrays)) this.#upload(twin);
    });
  }

  read(arrays: readonly TypedArray[]): Promise<void> {
    return this.#turns.take(async () => {
      try {
        await Promise.all(this.#twinsOf(arrays).map((twin) => this.#download(twin)));
      } catch (cause) {
        throw new RuntimeError({ what: "Arrays could not be read from the device.", got: String(cause), cause });
      }
    });
  }

  release(arrays: readonly TypedArray[]): void {
    for (const array of arrays) this.#twins.remove(array)?.buffer.destroy();
  }

  /** The twin of an array, if it has one. @throws RuntimeError for an array that overlaps a kept one of another extent */
  find(array: TypedArray): WebTwin | undefined {
    return this.#twins.find(array);
  }

  /** A tensor of a shape over a buffer. */
  tensor(buffer: GpuBuffer, dtype: DType, shape: Shape): WebTensor {
    return this.#ort.Tensor.fromGpuBuffer(buffer, { dataType: dtype, dims: shape });
  }

  /** A fresh buffer with room for as many bytes; the caller destroys it. */
  scratch(bytes: number): GpuBuffer {
    return this.#device.createBuffer({ size: roundUp(bytes), usage: storage | copySource | copyDestination });
  }

  /** Copy whole buffers, each to the other of its pair. */
  transfer(pairs: readonly (readonly [from: GpuBuffer, to: GpuBuffer])[]): void {
    if (pairs.length === 0) return;
    const encoder = this.#device.createCommandEncoder();
    for (const [from, to] of pairs) encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
    this.#device.queue.submit([encoder.finish()]);
  }

  #twinsOf(arrays: readonly TypedArray[]): WebTwin[] {
    return arrays.flatMap((array) => this.find(array) ?? []);
  }

  #upload({ array, buffer }: WebTwin): void {
    const bytes = new Uint8Array(roundUp(array.byteLength)); // the device takes multiples of four bytes
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    this.#device.queue.writeBuffer(buffer, 0, bytes);
  }

  async #download({ array, buffer }: WebTwin): Promise<void> {
    const staging = this.#device.createBuffer({ size: buffer.size, usage: mapRead | copyDestination });
    try {
      this.transfer([[buffer, staging]]);
      await staging.mapAsync(mapRead);
      const bytes = new Uint8Array(staging.getMappedRange()).subarray(0, array.byteLength);
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes);
      staging.unmap();
    } finally {
      staging.destroy();
    }
  }
}

/** The runtime's buffers are multiples of 16 bytes. */
function roundUp(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
