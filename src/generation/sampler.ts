import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import type { TokenConstraint } from "./constraint.ts";
import type { SamplingOptions } from "./engine.ts";
import { candidatesOf, drawOne, minP, temperature, topK, topP, typicalP } from "./filters.ts";
import { forbid, frequencyPenalty, logitBias, repetitionPenalty } from "./penalties.ts";

interface Range {
  readonly from: number;
  readonly to: number;
  /** Whether `from` itself is outside. */
  readonly above?: boolean;
  readonly whole?: boolean;
}

const ranges: Readonly<Partial<Record<keyof SamplingOptions, Range>>> = {
  temperature: { from: 0, to: 100 },
  topK: { from: 0, to: 2 ** 31 - 1, whole: true },
  topP: { from: 0, to: 1, above: true },
  minP: { from: 0, to: 1 },
  typicalP: { from: 0, to: 1, above: true },
  repetitionPenalty: { from: 0, to: 100, above: true },
  frequencyPenalty: { from: -2, to: 2 },
  presencePenalty: { from: -2, to: 2 },
};

/** Refuse settings outside of their ranges. @param called what the user knows a setting as @throws UsageError that names the setting and its range */
export function checkSampling(options: SamplingOptions, called: (setting: keyof SamplingOptions) => string = (setting) => setting): void {
  for (const [name, range] of Object.entries(ranges)) {
    const value = options[name as keyof SamplingOptions];
    if (value === undefined) continue;
    const { from, to, above = false, whole = false } = range;
    const fits = typeof value === "number" && (above ? value > from : value >= from) && value <= to && (!whole || Number.isInteger(value));
    if (fits) continue;
    throw new UsageError({
      what: `The sampling setting \`${called(name as keyof SamplingOptions)}\` is out of range.`,
      got: String(value),
      expected: `a ${whole ? "whole " : ""}number ${above ? `above ${from}` : `from ${from}`} to ${to}`,
    });
  }
  for (const [id, bias] of options.logitBias ?? [])
    if (!Number.isInteger(id) || id < 0 || !(Math.abs(bias) <= 100))
      throw new UsageError({
        what: "A logit bias is out of range.",
        got: `${id}: ${bias}`,
        expected: "token ids with numbers from -100 to 100",
      });
}

/** Chooses the tokens of one text: keeps its random stream and what occurred in it. */
export class Sampler {
  readonly #options: SamplingOptions;
  readonly #constraint: TokenConstraint | undefined;
  readonly #ends: readonly number[];
  readonly #stream: RandomStream;
  readonly #occurred = new Set<number>();
  readonly #counts = new Map<number, number>();
  #row: Float32Array | undefined;

  /**
   * @param options checked with {@link checkSampling}
   * @param ends tokens that end a text, allowed where the constraint is complete
   */
  constructor(options: SamplingOptions, prompt: Int32Array, constraint?: TokenConstraint, ends: readonly number[] = []) {
    this.#options = options;
    this.#constraint = constraint;
    this.#ends = ends;
    this.#stream = new RandomStream(options.seed ?? Math.floor(Math.random() * 2 ** 48), "sampling");
    if (this.#penalised) for (const id of prompt) this.#occurred.add(id);
  }

  get #penalised(): boolean {
    return (this.#options.repetitionPenalty ?? 1) !== 1;
  }

  /** The next token by a row of logits [V], which stays as it is. @throws UsageError where the constraint leaves nothing */
  choose(logits: Float32Array): number {
    const row = this.#adjusted(logits);
    const heat = this.#options.temperature ?? 0;
    const id = heat === 0 ? likeliest(row) : this.#draw(row, heat);
    if (id < 0) throw new UsageError("No token can follow: the constraint or the network leaves none.");
    if (this.#penalised) this.#occurred.add(id);
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    return id;
  }

  /** The logits after penalties, bias and constraint: the row itself where there are none. */
  #adjusted(logits: Float32Array): Float32Array {
    const {
      repetitionPenalty: repetition = 1,
      frequencyPenalty: frequency = 0,
      presencePenalty: presence = 0,
      logitBias: bias,
    } = this.#options;
    const plain = repetition === 1 && frequency === 0 && presence === 0 && (bias === undefined || bias.size === 0);
    if (plain && this.#constraint === undefined) return logits;
    this.#row ??= new Float32Array(logits.length);
    const row = this.#row;
    row.set(logits);
    if (repetition !== 1) repetitionPenalty(row, this.#occurred, repetition);
    if (frequency !== 0 || presence !== 0) frequencyPenalty(row, this.#counts, frequency, presence);
    if (bias !== undefined) logitBias(row, bias);
    if (this.#constraint !== undefined) forbid(row, this.#constraint.allowed(), this.#constraint.complete ? this.#ends : []);
    return row;
  }

  #draw(row: Float32Array, heat: number): number {
    const { topK: count = 0, topP: mass = 1, minP: share = 0, typicalP: typical = 1 } = this.#options;
    // 48 bits, so that tokens far less likely than 2^-24 can be drawn as often as they should.
    const uniform = this.#stream.uniform() + this.#stream.uniform() * 2 ** -24;
    if (count === 0 && mass >= 1 && share <= 0 && typical >= 1) return drawOne(row, heat, uniform);
    let left = temperature(candidatesOf(row), heat);
    if (count > 0) left = topK(left, count);
    if (mass < 1) left = topP(left, mass);
    if (share > 0) left = minP(left, share);
    if (typical < 1) left = typicalP(left, typical);
    const at = drawOne(left.logits, 1, uniform);
    return at < 0 ? -1 : left.ids[at];
  }
}

/** The id of the largest logit, the smaller one of equals; -1 where all are -Infinity. */
export function likeliest(logits: Float32Array): number {
  let id = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] > most) {
      most = logits[i];
      id = i;
    }
  }
  return id;
}

/** Natural logarithms of the probabilities of a token and of the `count` likeliest ones, likeliest first, by a row of logits [V]. What is at -Infinity is not among them. */
export function logProbabilities(
  logits: Float32Array,
  id: number,
  count: number,
): { logprob: number; top: { id: number; logprob: number }[] } {
  const most = logits[Math.max(0, likeliest(logits))];
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - most);
  const all = most + Math.log(sum);
  const top: { id: number; logprob: number }[] = [];
  for (let i = 0; count > 0 && i < logits.length; i++) {
    if (logits[i] === Number.NEGATIVE_INFINITY) continue;
    const logprob = logits[i] - all;
    if (top.length === count && logprob <= top[count - 1].logprob) continue;
    let place = top.length;
    while (place > 0 && top[place - 1].logprob < logprob) place--;
    top.splice(place, 0, { id: i, logprob });
    if (top.length > count) top.pop();
  }
  return { logprob: logits[id] - all, top };
}
