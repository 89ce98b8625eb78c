/** A trie over code points in flat arrays: from a node and a code point to the next node. */
import { PairTable } from "./pair-table.ts";

export class Trie {
  readonly #children: PairTable;
  /** The value at each node, -1 where no entry ends. */
  readonly #values: number[] = [-1];

  constructor(expected = 1024) {
    this.#children = new PairTable(expected);
  }

  get nodes(): number {
    return this.#values.length;
  }

  /** Put an entry with a value from 0 on. */
  set(entry: readonly number[] | Int32Array, value: number): void {
    let node = 0;
    for (const point of entry) {
      const slot = this.#children.find(node, point);
      if (slot >= 0) node = this.#children.first(slot);
      else {
        this.#children.set(node, point, this.#values.length, 0);
        node = this.#values.length;
        this.#values.push(-1);
      }
    }
    this.#values[node] = value;
  }

  /** The node after one more code point, or -1. The root is 0. */
  step(node: number, point: number): number {
    const slot = this.#children.find(node, point);
    return slot < 0 ? -1 : this.#children.first(slot);
  }

  /** The value of the entry that ends at a node, or -1. */
  value(node: number): number {
    return this.#values[node];
  }
}

/** The code points of a text. */
export function codePoints(text: string): Int32Array {
  const points = new Int32Array(text.length);
  let count = 0;
  for (let at = 0; at < text.length; count++) {
    points[count] = text.codePointAt(at)!;
    at += points[count] > 0xffff ? 2 : 1;
  }
  return points.subarray(0, count);
}
