import { RandomStream } from "./random.ts";

/** The state of every stream that has been used, by name: plain JSON. */
export type StreamsState = Readonly<Record<string, readonly number[]>>;

/** The random streams of one run: one per name, all derived from the run's seed, saved and restored together. */
export class RandomStreams {
  readonly seed: number | string;
  readonly #streams = new Map<string, RandomStream>();

  constructor(seed: number | string) {
    this.seed = seed;
  }

  /** The stream of a name, made at its first use. */
  get(name: string): RandomStream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const fresh = new RandomStream(this.seed, name);
    this.#streams.set(name, fresh);
    return fresh;
  }

  get state(): StreamsState {
    return Object.fromEntries([...this.#streams].map(([name, stream]) => [name, [...stream.state]]));
  }

  /** Go on exactly from a saved state, in place: programs keep the streams they draw from. Streams not in the state start afresh. */
  restore(state: StreamsState): void {
    for (const [name, stream] of this.#streams) if (!Object.hasOwn(state, name)) stream.restore(new RandomStream(this.seed, name).state);
    for (const [name, words] of Object.entries(state)) this.get(name).restore(words);
  }
}
