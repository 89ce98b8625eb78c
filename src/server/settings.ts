import type { TokenConstraint } from "../generation/constraint.ts";
import type { GenerationRequest, SamplingOptions, TextEngine } from "../generation/engine.ts";
import type { ChatTemplate } from "../tokenizers/chat/template.ts";
import { ApiError, badParameter } from "./errors.ts";
import type { ChatBody, CompletionBody } from "./schemas.ts";

/** What one model is served with. */
export interface ServedModel {
  engine: TextEngine;
  /** The name that clients use. */
  name: string;
  /** How chats become text. */
  template: ChatTemplate;
  /** Constraints for `response_format`: any JSON object, or one that fits a JSON schema. Without it that field is refused. @throws UsageError for a schema that cannot be satisfied */
  constrain?: ((schema: Readonly<Record<string, unknown>> | undefined) => TokenConstraint) | undefined;
  /** The most tokens that a request may ask for. Default: what the context has left. */
  maxTokens?: number | undefined;
}

type Fields = CompletionBody | ChatBody;

/** A request's fields as the engine takes them. `choice` counts the texts of one prompt: each has a seed of its own that follows from the request's. */
export function samplingOf(body: Fields, choice: number, vocabulary: number): SamplingOptions {
  const options: SamplingOptions = { temperature: body.temperature };
  // The interface allows an empty nucleus, and means the likeliest token.
  if (body.top_p === 0) options.topK = 1;
  else if (body.top_p !== undefined && body.top_p < 1) options.topP = body.top_p;
  if (body.top_k !== undefined) options.topK = options.topK ?? body.top_k;
  if (body.min_p !== undefined) options.minP = body.min_p;
  if (body.typical_p !== undefined) options.typicalP = body.typical_p;
  if (body.repetition_penalty !== undefined) options.repetitionPenalty = body.repetition_penalty;
  if (body.frequency_penalty !== undefined) options.frequencyPenalty = body.frequency_penalty;
  if (body.presence_penalty !== undefined) options.presencePenalty = body.presence_penalty;
  if (body.seed !== undefined) options.seed = choice === 0 ? body.seed : `${body.seed}/${choice}`;
  if (body.logit_bias !== undefined) options.logitBias = biasOf(body.logit_bias, vocabulary);
  return options;
}

function biasOf(biases: Readonly<Record<string, number>>, vocabulary: number): Map<number, number> {
  return new Map(
    Object.entries(biases).map(([token, bias]) => {
      const id = Number(token);
      if (/^\d+$/.test(token) && id < vocabulary) return [id, bias];
      throw badParameter("logit_bias", `Invalid key in 'logit_bias': ${token}. Keys must be token ids from 0 to ${vocabulary - 1}.`);
    }),
  );
}

/** @throws ApiError for options of a stream where no stream is asked for */
export function checkStreamOptions(body: Fields): void {
  if (body.stream_options !== undefined && !body.stream)
    throw badParameter("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
}

/** The request's texts that end an answer. @throws ApiError for an empty one */
export function stopsOf(stop: string | readonly string[] | undefined): string[] {
  const list = stop === undefined ? [] : typeof stop === "string" ? [stop] : [...stop];
  if (list.includes("")) throw badParameter("stop", "Invalid 'stop': a stop text must not be empty.");
  return list;
}

/**
 * How many tokens a request may take: what it asked for, or `otherwise` as far as the context has room.
 * @throws ApiError 400 where prompt and asked tokens do not fit the context, or more are asked for than the server gives
 */
export function tokensFor(
  { engine, maxTokens }: ServedModel,
  prompt: Int32Array,
  asked: { tokens: number | undefined; param: string; of: "messages" | "prompt" },
  otherwise = Number.POSITIVE_INFINITY,
): number {
  const { tokens, param, of } = asked;
  const room = engine.context - prompt.length;
  if (tokens !== undefined && maxTokens !== undefined && tokens > maxTokens) {
    throw badParameter(
      param,
      `${param} is too large: ${tokens}. This server gives at most ${maxTokens} completion tokens, whereas you asked for ${tokens}.`,
    );
  }
  if (room < (tokens ?? 1)) {
    const requested = tokens === undefined ? "" : ` (${prompt.length} in the ${of}, ${tokens} in the completion)`;
    throw new ApiError(
      400,
      `This model's maximum context length is ${engine.context} tokens. However, you requested ${prompt.length + (tokens ?? 0)} tokens${requested}. Please reduce the length of the ${of}${tokens === undefined ? "" : " or completion"}.`,
      { param: of, code: "context_length_exceeded" },
    );
  }
  return tokens ?? Math.min(room, otherwise, maxTokens ?? room);
}

/** Prompts as clients give them, as ids. @throws ApiError for ids that are no tokens, or an empty prompt where the model has no token that begins a text */
export function promptIds(engine: TextEngine, given: string | readonly number[], param: string): Int32Array {
  const { tokenizer, vocabulary } = engine;
  if (typeof given !== "string") {
    const wrong = given.find((id) => id < 0 || id >= vocabulary);
    if (wrong !== undefined)
      throw badParameter(param, `Invalid '${param}': ${wrong} is no token id of this model, which are 0 to ${vocabulary - 1}.`);
    return Int32Array.from(given);
  }
  const ids = tokenizer.encode(given);
  if (ids.length > 0) return ids;
  const begin = ["<|endoftext|>", "<s>", "<bos>"].map((token) => tokenizer.idOf(token)).find((id) => id !== undefined);
  if (begin === undefined) throw badParameter(param, `Invalid '${param}': it is empty, and this model has no token that begins a text.`);
  return Int32Array.of(begin);
}

/** How many texts, and what they cost: OpenAI's `usage`. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** The counts of a request: each prompt once, every text's tokens. */
export function usageOf(promptTokens: number, completionTokens: number): Usage {
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens };
}

/** A generation that all texts of a request share but for prompt and seed. */
export type SharedRequest = Omit<GenerationRequest, "prompt" | "sampling">;
