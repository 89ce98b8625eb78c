/** Texts of any language model, token by token, one at a time. Transformers have a quicker way: the text engine (src/generation). */
import { endToken } from "../data/text/ends.ts";
import { endTokensOf } from "../generation/decoder-engine.ts";
import { DrawableIds } from "../generation/drawable.ts";
import type { Finish, GeneratedToken, GenerationRequest } from "../generation/engine.ts";
import { likeliest } from "../generation/sampler.ts";
import { Sequence } from "../generation/sequence.ts";
import { type NextToken, openNextToken } from "../models/next-token.ts";
import { compile } from "../runtime/program.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { ViewContext } from "./draw.ts";

/** One token, with what it was drawn from. */
export interface DrawnToken extends GeneratedToken {
  top?: readonly { id: number; logprob: number /** Probability at the temperature, which it was drawn with. */; drawn: number }[];
}

/** What continues texts with one model. */
export interface TextWriter {
  readonly tokenizer: Tokenizer;
  readonly context: number;
  /**
   * Tokens as they come, one text at a time. What lies further back than the context is forgotten.
   * @throws UsageError for an empty prompt, and for settings out of range
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

async function* generate(reader: NextToken, tokenizer: Tokenizer, request: GenerationRequest): AsyncGenerator<DrawnToken, Finish, void> {
  const { vocabularySize: vocabulary } = tokenizer;
  const { prompt, sampling = {}, logprobs, signal } = request;
  const drawable = new DrawableIds(tokenizer, vocabulary);
  const ends = endTokensOf(tokenizer);
  const sequence = new Sequence(request, { tokenizer, context: Number.POSITIVE_INFINITY, vocabulary, drawable, ends });
  const tokens = sequence.read();
  reader.reset();
  let pending: ArrayLike<number> = prompt;
  for (;;) {
    if (signal?.aborted) sequence.end("cancelled");
    if (!sequence.done) {
      const scores = drawable.of(await reader.read(pending));
      const drawn = logprobs === undefined ? undefined : drawnFrom(scores, sampling.temperature ?? 0);
      sequence.take(scores);
      // Exactly one token comes of each take.
      const next = await tokens.next();
      if (next.done) return next.value;
      const { top, ...token } = next.value;
      yield top === undefined ? token : { ...token, top: top.map((one) => ({ ...one, drawn: drawn!(one.id) })) };
      pending = [token.id];
    } else {
      const last = await tokens.next();
      if (last.done) return last.value;
    }
  }
}

/** Probabilities at a temperature, before any filter: softmax(scores / temperature), or all on the likeliest. */
function drawnFrom(scores: Float32Array, temperature: number): (id: number) => number {
  const most = likeliest(scores);
  if (temperature === 0) return (id) => (id === most ? 1 : 0);
  let sum = 0;
  for (const score of scores) sum += Math.exp((score - scores[most]) / temperature);
  const kept = scores.slice();
  return (id) => Math.exp((kept[id] - kept[most]) / temperature) / sum;
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
