/**
 * Beam search: of all texts, the so many likeliest are carried on side by side. Works on a function that scores next tokens, so that decoders,
 * encoder-decoders and recurrent networks share it. What counts as better, when a beam is done and when the search ends follow Hugging Face's
 * `generate(num_beams=...)`.
 */
import { UsageError } from "../core/errors.ts";

export interface BeamSearchOptions {
  /**
   * Scores of what follows each beam. `tokens[i]` was put at the end of row i, and row i goes on from row `parents[i]` of the call before: caches are
   * put into that order first. At the first call there is one row, with the token -1 and the parent 0, which stands for the prompt; then `beams` rows.
   * @returns natural logarithms of probabilities, [rows, vocabulary] row-major; -Infinity for what must not come
   */
  step(tokens: Int32Array, parents: Int32Array): Float32Array | Promise<Float32Array>;
  /** Texts carried on side by side, at least 1; 1 is greedy search. */
  beams: number;
  /** The token that ends a text, or several such. */
  endToken: number | readonly number[];
  /** The most tokens of a text after the prompt, the end token included. */
  maxLength: number;
  /** α: a finished text's score is the sum of its log-probabilities / length^α. Above 0 favours longer texts. Default 1. */
  lengthPenalty?: number | undefined;
  /**
   * When to end: `true` once there are `beams` finished texts, `false` (default) when no running one is better than the worst of them at its present
   * length, "never" when none can become so at any length.
   */
  earlyStopping?: boolean | "never" | undefined;
  /** Ends the search; what was found so far is the result. */
  signal?: AbortSignal | undefined;
}

/** One text that the search found. */
export interface Beam {
  /** Its tokens after the prompt, with the end token where it has one. */
  readonly tokens: readonly number[];
  /** Sum of the tokens' log-probabilities, natural. */
  readonly logProbability: number;
  /** `logProbability` / length^α: what beams are ordered by. */
  readonly score: number;
  /** Whether it ended by itself, and not because it was long enough. */
  readonly finished: boolean;
}

interface Running {
  readonly tokens: readonly number[];
  readonly logProbability: number;
}

interface Candidate extends Running {
  readonly parent: number;
  readonly ended: boolean;
}

/**
 * The likeliest texts, best first: at most `beams`.
 * @throws UsageError for settings out of range, and where every token is forbidden
 */
export async function beamSearch(options: BeamSearchOptions): Promise<Beam[]> {
  const { beams, maxLength, lengthPenalty = 1, earlyStopping = false, signal } = options;
  checkOptions(options);
  const ends = new Set(typeof options.endToken === "number" ? [options.endToken] : options.endToken);
  const keep = Math.max(2, 1 + ends.size) * beams;
  let running: Running[] = [{ tokens: [], logProbability: 0 }];
  let parents: number[] = [0];
  let found: Beam[] = [];
  for (let length = 1; length <= maxLength && !signal?.aborted; length++) {
    const scores = await options.step(
      Int32Array.from(running, ({ tokens }) => tokens.at(-1) ?? -1),
      Int32Array.from(parents),
    );
    const candidates = likeliest(scores, running, keep, ends);
    const last = length === maxLength;
    const done = candidates.slice(0, beams).filter(({ ended }) => ended || last);
    const scored = done.map(({ tokens, logProbability, ended }) => ({
      tokens,
      logProbability,
      score: logProbability / length ** lengthPenalty,
      finished: ended,
    }));
    if (earlyStopping !== true || found.length < beams) found = best([...found, ...scored], beams);
    const open = candidates.filter(({ ended }) => !ended).slice(0, beams);
    if (open.length === 0) break;
    running = open;
    parents = open.map(({ parent }) => parent);
    // Rows stay as many as there are beams, so that one program serves all calls; the filled up ones can never win.
    for (let row = open.length; row < beams; row++) {
      running.push({ ...open[0], logProbability: Number.NEGATIVE_INFINITY });
      parents.push(open[0].parent);
    }
    const full = found.length === beams;
    const reach = earlyStopping === "never" && lengthPenalty > 0 ? maxLength : length;
    if (full && (earlyStopping === true || open[0].logProbability / reach ** lengthPenalty <= found[beams - 1].score)) break;
  }
  return found.length > 0
    ? found
    : best(
        running.filter(possible).map((beam) => unfinished(beam, lengthPenalty)),
        beams,
      );
}

const possible = ({ logProbability }: Running): boolean => logProbability > Number.NEGATIVE_INFINITY;

function unfinished({ tokens, logProbability }: Running, lengthPenalty: number): Beam {
  return { tokens, logProbability, score: logProbability / Math.max(1, tokens.length) ** lengthPenalty, finished: false };
}

/** The best, stably: of equal ones the earlier found. */
function best(found: readonly Beam[], count: number): Beam[] {
  return [...found].sort((a, b) => b.score - a.score).slice(0, count);
}

/** The `count` likeliest continuations of all rows, likeliest first. Forbidden ones (-Infinity) are never among them. */
function likeliest(scores: Float32Array, running: readonly Running[], count: number, ends: ReadonlySet<number>): Candidate[] {
  const vocabulary = scores.length / running.length;
  if (!Number.isInteger(vocabulary))
    throw new UsageError({
      what: "A beam search was given scores that are no whole rows.",
      got: `${scores.length} for ${running.length} rows`,
    });
  const kept: { value: number; at: number }[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < scores.length; at++) {
    const value = scores[at] + running[Math.floor(at / vocabulary)].logProbability;
    if (!(value > least)) continue;
    // Insertion: the list is short, and soon nearly nothing is larger than its last.
    let place = kept.length;
    while (place > 0 && kept[place - 1].value < value) place--;
    kept.splice(place, 0, { value, at });
    if (kept.length > count) kept.pop();
    if (kept.length === count) least = kept[count - 1].value;
  }
  if (kept.length === 0) throw new UsageError("A beam search found every next token forbidden.");
  return kept.map(({ value, at }) => {
    const parent = Math.floor(at / vocabulary);
    const token = at % vocabulary;
    return { tokens: [...running[parent].tokens, token], logProbability: value, parent, ended: ends.has(token) };
  });
}

function checkOptions({ beams, maxLength, lengthPenalty = 1 }: BeamSearchOptions): void {
  for (const [name, value] of Object.entries({ beams, maxLength }))
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError({ what: `A beam search's \`${name}\` must be a whole number above 0.`, got: String(value) });
  if (!Number.isFinite(lengthPenalty)) throw new UsageError({ what: "A length penalty must be a number.", got: String(lengthPenalty) });
}
