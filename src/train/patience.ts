/** When to stop because a held-out metric gets no better (early stopping: Prechelt, "Early stopping, but when?", 1998; criterion UP with strips of one look). */
export class Patience {
  readonly #better: "lower" | "higher";
  readonly #looks: number;
  #best: { step: number; value: number } | undefined;
  #without = 0;

  /**
   * @param better which way the metric improves
   * @param looks how many in a row may bring nothing better; 0 for any number
   */
  constructor(better: "lower" | "higher", looks: number) {
    this.#better = better;
    this.#looks = looks;
  }

  /** Take a look's value in; a value that is no number is no better. @returns whether it is the best so far */
  add(step: number, value: number): boolean {
    const best = this.#best?.value;
    const isBest = Number.isFinite(value) && (best === undefined || (this.#better === "lower" ? value < best : value > best));
    if (isBest) this.#best = { step, value };
    this.#without = isBest ? 0 : this.#without + 1;
    return isBest;
  }

  /** The best look so far. */
  get best(): { step: number; value: number } | undefined {
    return this.#best;
  }

  /** Whether as many looks as allowed have brought nothing better. */
  get isOver(): boolean {
    return this.#looks > 0 && this.#without >= this.#looks;
  }
}
