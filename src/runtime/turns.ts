/** Pieces of work one after the other, in the order they were given: for a device whose programs share one queue and its buffers. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Do `work` when all that was given before is done, whether or not it succeeded. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
