/** What one program's run scores for all searches: [rows, vocabulary], from the token at the end of each row and the row that it goes on from. */
export type ScoreRows = (tokens: Int32Array, parents: Int32Array) => Promise<Float32Array>;

interface Waiting {
  readonly search: number;
  readonly tokens: Int32Array;
  readonly parents: Int32Array;
  resolve(scores: Float32Array): void;
  reject(error: unknown): void;
}

/**
 * Many searches at once through one program: each asks for its next scores by itself, and when all that still run have asked, one run answers them. Search
 * i has the rows from i · beams on. Searches begin together, so that all are at the same step.
 */
export class Lockstep {
  readonly #beams: number;
  readonly #run: ScoreRows;
  readonly #begin: number;
  readonly #tokens: Int32Array;
  readonly #parents: Int32Array;
  #open: number;
  #waiting: Waiting[] = [];

  /** @param begin the token that texts begin with */
  constructor(searches: number, beams: number, begin: number, run: ScoreRows) {
    this.#beams = beams;
    this.#run = run;
    this.#begin = begin;
    this.#open = searches;
    this.#tokens = new Int32Array(searches * beams).fill(begin);
    this.#parents = new Int32Array(searches * beams);
  }

  /** The scores of a search's rows; -1 stands for the token that texts begin with. The array is the program's own until the next step. */
  step(search: number, tokens: Int32Array, parents: Int32Array): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ search, tokens, parents, resolve, reject });
      this.#answer();
    });
  }

  /** A search is over: nobody waits for it any more. */
  leave(): void {
    this.#open--;
    this.#answer();
  }

  #answer(): void {
    if (this.#open === 0 || this.#waiting.length < this.#open) return;
    const asked = this.#waiting;
    this.#waiting = [];
    for (let row = 0; row < this.#parents.length; row++) this.#parents[row] = row;
    for (const { search, tokens, parents } of asked) {
      const first = search * this.#beams;
      tokens.forEach((token, i) => {
        this.#tokens[first + i] = token < 0 ? this.#begin : token;
        this.#parents[first + i] = first + parents[i];
      });
    }
    this.#run(this.#tokens, this.#parents).then(
      (scores) => {
        const vocabulary = scores.length / this.#tokens.length;
        for (const { search, tokens, resolve } of asked) {
          const first = search * this.#beams;
          resolve(scores.subarray(first * vocabulary, (first + tokens.length) * vocabulary));
        }
      },
      (error: unknown) => {
        for (const { reject } of asked) reject(error);
      },
    );
  }
}
