/** Decoding as tokens come: what is given out never has to be taken back. */

const REPLACEMENT = "\ufffd";
/** So many tokens may wait for the rest of a character; more are broken text and are given out as they are. */
const MOST_WAITING = 8;

export class StreamDecoder {
  readonly #decode: (ids: readonly number[]) => string;
  /** Ids whose text is the context of the next ones (a first token may lose its space), then those not given out. */
  #ids: number[] = [];
  #context = 0;

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  /** The text that one more id makes certain; empty while a character is incomplete. */
  push(id: number): string {
    this.#ids.push(id);
    const before = this.#decode(this.#ids.slice(0, this.#context));
    const after = this.#decode(this.#ids);
    const waiting = this.#ids.length - this.#context;
    if (after.length <= before.length || (after.endsWith(REPLACEMENT) && waiting < MOST_WAITING)) return "";
    const text = after.slice(before.length);
    this.#ids = this.#ids.slice(this.#context);
    this.#context = this.#ids.length;
    return text;
  }

  /** What is left at the end, incomplete characters as U+FFFD; the decoder can be used anew. */
  flush(): string {
    const text = this.#decode(this.#ids).slice(this.#decode(this.#ids.slice(0, this.#context)).length);
    this.#ids = [];
    this.#context = 0;
    return text;
  }
}
