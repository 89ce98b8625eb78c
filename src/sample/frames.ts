/**
 * Keeps a few of many items, evenly spread, without knowing how many will come: every `stride`-th is held, and the stride doubles when too many are.
 */
export class EvenFrames<T> {
  readonly #most: number;
  #kept: T[] = [];
  #stride = 1;
  #seen = 0;
  #last: T | undefined;

  /** @param most how many {@link frames} gives, at least 2 */
  constructor(most: number) {
    this.#most = most;
  }

  /** The next item. */
  add(item: T): void {
    if (this.#seen % this.#stride === 0) this.#kept.push(item);
    this.#seen++;
    this.#last = item;
    if (this.#kept.length <= 4 * this.#most) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }

  /** At most `most` items from the first to the last, both among them. */
  frames(): T[] {
    if (this.#seen === 0) return [];
    const onStride = (this.#seen - 1) % this.#stride === 0;
    const all = onStride ? this.#kept : [...this.#kept, this.#last as T];
    if (all.length <= this.#most) return all;
    return Array.from({ length: this.#most }, (_, i) => all[Math.round((i * (all.length - 1)) / (this.#most - 1))]);
  }
}
