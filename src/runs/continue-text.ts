/** Texts of any language model, token by token: one at a time, by temperature. */
import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { endToken } from "../data/node/token-sets.ts";
import type { Finish, GeneratedToken, GenerationRequest } from "../generation/engine.ts";
import { type NextToken, openNextToken } from "../models/next-token.ts";
import { compile } from "../runtime/program.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { ViewContext } from "./sampling.ts";

/** One token, with what it was drawn from. */
export interface DrawnToken extends GeneratedToken {
  top?: readonly { id: number; logprob: number /** Probability at the temperature, which it was drawn with. */; drawn: number }[];
}

/** What continues texts with one model. */
export interface TextWriter {
  readonly tokenizer: Tokenizer;
  readonly context: number;
  /**
   * Tokens as they come, one text at a time. Of the sampling options it knows temperature and seed.
   * @throws UsageError for an empty prompt or a temperature that is not in [0, 100]
   */
  generate(request: GenerationRequest): AsyncGenerator<DrawnToken, Finish, void>;
  close(): Promise<void>;
}

/** @throws UsageError for a model that does not continue texts */
export async function openTextWriter({ record, config, network, backend }: ViewContext, tokenizer: Tokenizer): Promise<TextWriter> {
  const reader = await openNextToken({
    ...{ record, config, network },
    compile: (build, options) => compile(backend, build, { name: `${record.name} next token`, ...options }),
  });
  return {
    tokenizer,
    context: reader.context,
    generate: (request) => generate(reader, tokenizer, request),
    close: () => reader.close(),
  };
}

async function* generate(
  reader: NextToken,
  tokenizer: Tokenizer,
  { prompt, maxTokens, sampling = {}, stop = [], logprobs, signal }: GenerationRequest,
): AsyncGenerator<DrawnToken, Finish, void> {
  const { temperature = 0, seed = 0 } = sampling;
  if (!(temperature >= 0 && temperature <= 100)) {
    throw new UsageError({ what: "The temperature is out of range.", got: String(temperature), expected: "0 to 100" });
  }
  const random = new RandomStream(seed, "text");
  const end = endToken(tokenizer);
  const decoder = tokenizer.stream();
  const finish = (reason: Finish["reason"], completionTokens: number, found?: string): Finish => ({
    ...{ reason, promptTokens: prompt.length, completionTokens },
    ...(found === undefined ? {} : { stop: found }),
  });
  reader.reset();
  let scores = await reader.read(prompt);
  let text = "";
  for (let count = 1; count <= maxTokens; count++) {
    if (signal?.aborted) return finish("cancelled", count - 1);
    // A model may have rows that no token has.
    const known = scores.subarray(0, tokenizer.vocabularySize);
    const logs = logProbabilities(known, 1);
    const drawn = temperature === 0 ? logs : logProbabilities(known, temperature);
    const id = temperature === 0 ? largest(logs) : draw(drawn, random.uniform());
    const about = logprobs === undefined ? {} : { logprob: logs[id], top: topOf(logs, drawn, logprobs) };
    if (id === end) {
      yield { id, text: "", ...about };
      return finish("stop", count);
    }
    const piece = decoder.push(id);
    text += piece;
    const found = stop.find((one) => one !== "" && text.includes(one));
    const shown = found === undefined ? piece : piece.slice(0, Math.max(0, piece.length - (text.length - text.indexOf(found))));
    yield { id, text: shown, ...about };
    if (found !== undefined) return finish("stop", count, found);
    if (count < maxTokens) scores = await reader.read([id]);
  }
  return finish("length", maxTokens);
}

/** log softmax(scores / temperature). */
function logProbabilities(scores: Float32Array, temperature: number): Float64Array {
  let most = Number.NEGATIVE_INFINITY;
  for (const score of scores) most = Math.max(most, score);
  let sum = 0;
  const logs = Float64Array.from(scores, (score) => (score - most) / temperature);
  for (const log of logs) sum += Math.exp(log);
  const all = Math.log(sum);
  return logs.map((log) => log - all);
}

function largest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** The token at which the probabilities add up to more than a number from [0, 1). */
function draw(logs: Float64Array, uniform: number): number {
  let sum = 0;
  for (let i = 0; i < logs.length; i++) {
    sum += Math.exp(logs[i]);
    if (uniform < sum) return i;
  }
  return largest(logs);
}

function topOf(logs: Float64Array, drawn: Float64Array, count: number): NonNullable<DrawnToken["top"]> {
  const order = Array.from(logs.keys()).sort((a, b) => logs[b] - logs[a] || a - b);
  return order.slice(0, count).map((id) => ({ id, logprob: logs[id], drawn: Math.exp(drawn[id]) }));
}

/** The ids to begin with: the prompt's, or where it is empty the end of a document, a line's end, or the first token. */
export function promptIds(tokenizer: Tokenizer, prompt: string): Int32Array {
  const ids = tokenizer.encode(prompt, { addSpecialTokens: false });
  if (ids.length > 0) return ids;
  const end = endToken(tokenizer);
  if (end !== undefined) return Int32Array.of(end);
  const line = lineEnd(tokenizer);
  return line.length > 0 ? line : Int32Array.of(0);
}

function lineEnd(tokenizer: Tokenizer): Int32Array {
  try {
    return tokenizer.encode("\n", { addSpecialTokens: false });
  } catch {
    return new Int32Array(0);
  }
}
