/** A hash table from pairs of ids to two numbers, in flat arrays: open addressing, at most half full. */
export class PairTable {
  #keys: Int32Array;
  #values: Int32Array;
  #mask: number;
  #size = 0;

  constructor(expected = 16) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * expected)));
    this.#keys = new Int32Array(2 * slots).fill(-1);
    this.#values = new Int32Array(2 * slots);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** The slot of a pair for `first` and `second`, or -1. */
  find(a: number, b: number): number {
    const keys = this.#keys;
    let slot = hash(a, b) & this.#mask;
    for (;;) {
      const key = keys[2 * slot];
      if (key === a && keys[2 * slot + 1] === b) return slot;
      if (key === -1) return -1;
      slot = (slot + 1) & this.#mask;
    }
  }

  first(slot: number): number {
    return this.#values[2 * slot];
  }

  second(slot: number): number {
    return this.#values[2 * slot + 1];
  }

  /** Put a pair, or replace what it has. Slots found before are no longer valid. */
  set(a: number, b: number, first: number, second: number): void {
    if (2 * (this.#size + 1) > this.#mask) this.#grow();
    let slot = hash(a, b) & this.#mask;
    while (this.#keys[2 * slot] !== -1 && (this.#keys[2 * slot] !== a || this.#keys[2 * slot + 1] !== b)) slot = (slot + 1) & this.#mask;
    if (this.#keys[2 * slot] === -1) this.#size++;
    this.#keys[2 * slot] = a;
    this.#keys[2 * slot + 1] = b;
    this.#values[2 * slot] = first;
    this.#values[2 * slot + 1] = second;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    const slots = 2 * (this.#mask + 1);
    this.#keys = new Int32Array(2 * slots).fill(-1);
    this.#values = new Int32Array(2 * slots);
    this.#mask = slots - 1;
    this.#size = 0;
    for (let i = 0; i < keys.length; i += 2) if (keys[i] !== -1) this.set(keys[i], keys[i + 1], values[i], values[i + 1]);
  }
}

function hash(a: number, b: number): number {
  let mixed = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 13);
}
