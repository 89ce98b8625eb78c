import { EvenFrames } from "../../../src/sample/frames.ts";

/** Frames that can be looked back at: the first and the last, and some evenly in between. */
const MOST = 60;

export class Frames<T> {
  readonly #kept = new EvenFrames<T>(MOST);

  add(frame: T): void {
    this.#kept.add(frame);
  }

  /** A list of its own each time, so that whoever watches it sees that there is a new one. */
  all(): readonly T[] {
    return [...this.#kept.frames()];
  }
}
