/** Texts of any language model, token by token: one at a time. */
import { endToken } from "../data/node/token-sets.ts";
import type { Finish, GeneratedToken, GenerationRequest } from "../generation/engine.ts";
import { checkSampling, Sampler } from "../generation/sampler.ts";
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
   * Tokens as they come, one text at a time; the seed is 0 where none is given.
   * @throws UsageError for an empty prompt, or settings out of range
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
  checkSampling(sampling);
  const { temperature = 0 } = sampling;
  const sampler = new Sampler({ seed: 0, ...sampling }, prompt);
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
    const id = sampler.choose(known);
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
