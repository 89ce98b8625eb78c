/** Marks a place of the hash table as free. */
const FREE = -1;
const growth = 2;

/**
 * The smallest machine that knows every run of symbols of some sequences (Blumer et al., "The smallest automaton recognizing the subwords of a text",
 * 1985): a state for each set of runs with the same ends. Time and memory are linear in the sequences; a corpus of any size can then be read past it.
 */
export class SuffixAutomaton {
  /** Length of the longest run of each state. */
  readonly lengths: Int32Array;
  /** The state of the longest proper suffix with other ends; -1 at the root, state 0. */
  readonly links: Int32Array;
  /** How many states there are. */
  states = 1;
  readonly #heads: Int32Array;
  #edges: { state: Int32Array; symbol: Int32Array; to: Int32Array; next: Int32Array };
  #edgeCount = 0;
  #slots: Int32Array;

  /** @param capacity symbols of all sequences together, at most */
  constructor(capacity: number) {
    const states = 2 * capacity + 2;
    this.lengths = new Int32Array(states);
    this.links = new Int32Array(states).fill(-1);
    this.#heads = new Int32Array(states).fill(FREE);
    const edges = 3 * capacity + 4;
    const column = () => new Int32Array(edges);
    this.#edges = { state: column(), symbol: column(), to: column(), next: column() };
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(growth * edges + 2))).fill(FREE);
  }

  /** The state after a symbol, or -1. */
  step(state: number, symbol: number): number {
    const edge = this.#slots[this.#slotOf(state, symbol)];
    return edge === FREE ? -1 : this.#edges.to[edge];
  }

  /** Add a sequence, and give the state of each of its prefixes [length]. */
  add(symbols: ArrayLike<number>): Int32Array {
    const ends = new Int32Array(symbols.length);
    let last = 0;
    for (let i = 0; i < symbols.length; i++) {
      last = this.#extend(last, symbols[i]);
      ends[i] = last;
    }
    return ends;
  }

  /** The state of all that was read and one more symbol. */
  #extend(last: number, symbol: number): number {
    const known = this.step(last, symbol);
    // Sequences after the first may walk where others have been.
    if (known >= 0) return this.lengths[known] === this.lengths[last] + 1 ? known : this.#split(last, symbol, known);
    const state = this.states++;
    this.lengths[state] = this.lengths[last] + 1;
    let at = last;
    for (; at >= 0 && this.step(at, symbol) < 0; at = this.links[at]) this.#connect(at, symbol, state);
    if (at < 0) this.links[state] = 0;
    else {
      const next = this.step(at, symbol);
      this.links[state] = this.lengths[next] === this.lengths[at] + 1 ? next : this.#split(at, symbol, next);
    }
    return state;
  }

  /** A state of its own for the runs of `next` that are no longer than those of `from` and a symbol. */
  #split(from: number, symbol: number, next: number): number {
    const clone = this.states++;
    this.lengths[clone] = this.lengths[from] + 1;
    this.links[clone] = this.links[next];
    for (let edge = this.#heads[next]; edge !== FREE; edge = this.#edges.next[edge])
      this.#connect(clone, this.#edges.symbol[edge], this.#edges.to[edge]);
    this.links[next] = clone;
    for (let at = from; at >= 0 && this.step(at, symbol) === next; at = this.links[at]) this.#connect(at, symbol, clone);
    return clone;
  }

  #connect(state: number, symbol: number, to: number): void {
    const slot = this.#slotOf(state, symbol);
    const known = this.#slots[slot];
    if (known !== FREE) {
      this.#edges.to[known] = to;
      return;
    }
    const edge = this.#edgeCount++;
    const edges = this.#edges;
    [edges.state[edge], edges.symbol[edge], edges.to[edge], edges.next[edge]] = [state, symbol, to, this.#heads[state]];
    this.#heads[state] = edge;
    this.#slots[slot] = edge;
  }

  /** Where the edge of a state and symbol is, or would be, by open addressing. */
  #slotOf(state: number, symbol: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(state, 0x9e3779b1) ^ Math.imul(symbol + 1, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const edge = this.#slots[slot];
      if (edge === FREE || (this.#edges.state[edge] === state && this.#edges.symbol[edge] === symbol)) return slot;
    }
  }
}
