/** Watches a text for strings that end it, and holds back what may become one. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = "";

  /** Empty strings are left out: they would end every text before it begins. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** Take more text: what is certain to be shown, and the stop string, where one is complete. What follows it is dropped. */
  push(text: string): { text: string; stop?: string } {
    const all = this.#held + text;
    let found: { at: number; stop: string } | undefined;
    for (const stop of this.#stops) {
      const at = all.indexOf(stop);
      if (at >= 0 && (found === undefined || at < found.at)) found = { at, stop };
    }
    if (found !== undefined) {
      this.#held = "";
      return { text: all.slice(0, found.at), stop: found.stop };
    }
    const open = Math.max(0, ...this.#stops.map((stop) => openLength(all, stop)));
    this.#held = all.slice(all.length - open);
    return { text: all.slice(0, all.length - open) };
  }

  /** What was held back, once no more text comes. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }
}

/** Length of the longest end of a text that is the begin of a stop string. */
function openLength(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) if (text.endsWith(stop.slice(0, length))) return length;
  return 0;
}
