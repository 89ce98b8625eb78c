import type { TypedArray } from "../core/dtype.ts";
import { RuntimeError } from "../core/errors.ts";

/** Things that stand for host arrays, found by where the arrays lie. They go when the arrays' memory does. */
export class TwinMap<T extends { readonly array: TypedArray }> {
  /** By the array's buffer, then by its offset there. */
  readonly #twins = new WeakMap<ArrayBufferLike, Map<number, T>>();

  add(twin: T): void {
    const { buffer, byteOffset } = twin.array;
    const twins = this.#twins.get(buffer) ?? new Map<number, T>();
    this.#twins.set(buffer, twins);
    twins.set(byteOffset, twin);
  }

  /** Forget the twin of an array. @returns it, if there was one */
  remove(array: TypedArray): T | undefined {
    const twin = this.find(array);
    if (twin !== undefined) this.#twins.get(array.buffer)?.delete(array.byteOffset);
    return twin;
  }

  /**
   * The twin of an array, if it has one.
   * @throws RuntimeError for an array that shares numbers with a kept one of another extent: one of the two would be old
   */
  find(array: TypedArray): T | undefined {
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
}
