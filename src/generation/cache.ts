import type { DecoderSizes } from "../nn/decoder.ts";
import type { CacheArrays } from "./decoder-session.ts";

/** Places of the smallest cache; larger ones have a quarter more each time, in steps of this. All places are read in each step, filled or not. */
const fewestPlaces = 64;
const growth = 1.25;

/**
 * Keys and values of the texts under way: per layer one buffer [R, K, S, D], a row a text. New ones are written in place; the buffers are made anew only
 * when a text outgrows them, each time a quarter longer, and when `shrink` finds most of their places needless.
 */
export class KeyValueCache {
  readonly #sizes: DecoderSizes;
  #rows = 0;
  #places = 0;
  #keys: Float32Array[] = [];
  #values: Float32Array[] = [];

  constructor(sizes: DecoderSizes) {
    this.#sizes = sizes;
  }

  /** Rows of the buffers. */
  get rows(): number {
    return this.#rows;
  }

  /** Places of a row, S. */
  get places(): number {
    return this.#places;
  }

  /** Bytes of the buffers. */
  get bytes(): number {
    return this.#sizes.layers * 2 * this.#rows * this.#rowSize * 4;
  }

  get #rowSize(): number {
    return this.#sizes.keyValueHeads * this.#places * this.#sizes.headSize;
  }

  /** Make room for rows and places. @param lengths how many places of each row are filled @returns whether the buffers are others now */
  reserve(rows: number, places: number, lengths: readonly number[]): boolean {
    if (rows <= this.#rows && places <= this.#places) return false;
    let R = Math.max(1, this.#rows);
    while (R < rows) R *= 2;
    this.#rebuild(R, this.#stepUp(this.#places, places), lengths);
    return true;
  }

  /**
   * Make rows shorter where less than half of a row is needed for so many places: each step reads all of it.
   * @param lengths how many places of each row are filled, at most `places`
   * @returns whether the buffers are others now
   */
  shrink(places: number, lengths: readonly number[]): boolean {
    const S = this.#stepUp(0, places);
    if (2 * S > this.#places) return false;
    this.#rebuild(this.#rows, S, lengths);
    return true;
  }

  /** The places of a row that has room for so many, when it grows from a size. */
  #stepUp(from: number, places: number): number {
    const { context } = this.#sizes;
    let S = Math.max(from, Math.min(fewestPlaces, context));
    while (S < places) S = Math.min(Math.ceil((S * growth) / fewestPlaces) * fewestPlaces, Math.max(context, places));
    return S;
  }

  /** Buffers of other sizes with what is in them. */
  #rebuild(R: number, S: number, lengths: readonly number[]): void {
    const { layers, keyValueHeads: K, headSize: D } = this.#sizes;
    const copied = (old: Float32Array | undefined) => {
      const array = new Float32Array(R * K * S * D);
      lengths.forEach((length, row) => {
        for (let head = 0; old !== undefined && row < this.#rows && head < K; head++) {
          const from = (row * K + head) * this.#places * D;
          array.set(old.subarray(from, from + length * D), (row * K + head) * S * D);
        }
      });
      return array;
    };
    for (const buffers of [this.#keys, this.#values]) for (let layer = 0; layer < layers; layer++) buffers[layer] = copied(buffers[layer]);
    this.#rows = R;
    this.#places = S;
  }

  /** The buffers of `count` rows from one on, as a call reads them. */
  view(row: number, count: number): CacheArrays {
    const part = (array: Float32Array) => array.subarray(row * this.#rowSize, (row + count) * this.#rowSize);
    return { keys: this.#keys.map(part), values: this.#values.map(part) };
  }

  /** Write what a call made for its row `from` [., K, T, D] into a row, after its first `length` places. */
  put(made: CacheArrays, from: number, tokens: number, row: number, length: number): void {
    const { keyValueHeads: K, headSize: D, layers } = this.#sizes;
    const size = tokens * D;
    for (let layer = 0; layer < layers; layer++) {
      for (const [source, target] of [
        [made.keys[layer], this.#keys[layer]],
        [made.values[layer], this.#values[layer]],
      ]) {
        for (let head = 0; head < K; head++) {
          const at = (from * K + head) * size;
          const to = ((row * K + head) * this.#places + length) * D;
          // One token's numbers are so few that a view of them costs more than a loop.
          if (tokens === 1) for (let i = 0; i < D; i++) target[to + i] = source[at + i];
          else target.set(source.subarray(at, at + size), to);
        }
      }
    }
  }

  /** Copy a row's first `length` places to another row. */
  move(from: number, to: number, length: number): void {
    const { keyValueHeads: K, headSize: D } = this.#sizes;
    for (const array of [...this.#keys, ...this.#values]) {
      for (let head = 0; head < K; head++) {
        const start = (from * K + head) * this.#places * D;
        array.copyWithin((to * K + head) * this.#places * D, start, start + length * D);
      }
    }
  }
}
