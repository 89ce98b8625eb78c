import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { TokenConstraint } from "./constraint.ts";

/** How the next token is chosen from the logits. Everything left out changes nothing; without a temperature (or with 0) the likeliest token is taken. */
export interface SamplingOptions {
  /** Logits are divided by it; 0 takes the likeliest token. Default 0 here; servers have their own default. [0, 100]. */
  temperature?: number;
  /** Only the so many likeliest tokens. 0 for all. */
  topK?: number;
  /** Only the likeliest tokens whose probabilities add up to at least this (nucleus, Holtzman et al. 2020). (0, 1]. */
  topP?: number;
  /** Only tokens at least this times as likely as the likeliest. [0, 1]. */
  minP?: number;
  /** Only tokens whose surprise is closest to the entropy, with this probability in all (Meister et al. 2022). (0, 1]. */
  typicalP?: number;
  /** Logits of tokens in prompt or text are divided (above 0) or multiplied (below 0) by it (Keskar et al. 2019). Above 0; 1 for none. */
  repetitionPenalty?: number;
  /** Taken off a token's logit for each time that it stands in the text after the prompt. [-2, 2]. */
  frequencyPenalty?: number;
  /** Taken off the logit of each token that stands in the text after the prompt. [-2, 2]. */
  presencePenalty?: number;
  /** Same seed, same text, whatever else is in the batch. Default: another one each time. */
  seed?: string | number;
  /** Added to logits, by token id; in [-100, 100]. */
  logitBias?: ReadonlyMap<number, number>;
}

/** One text to be continued. */
export interface GenerationRequest {
  /** Ids [T], at least one, special tokens included. */
  prompt: Int32Array;
  /** The most tokens after the prompt; at least 1, and at most what the context has left. */
  maxTokens: number;
  sampling?: SamplingOptions;
  /** Texts that end the generation; the one that does is not part of the text. */
  stop?: readonly string[];
  /** Alternatives a token, with their log-probabilities; 0 for the token's own only; absent: none. They are the model's, before temperature and filters. */
  logprobs?: number;
  /** What the text must look like. */
  constraint?: TokenConstraint;
  /** Ends the generation with reason `cancelled`; the slot is free at once. */
  signal?: AbortSignal;
}

/** One token, and the text that it makes certain. */
export interface GeneratedToken {
  id: number;
  /** What can be shown now: "" while a character or a possible stop string is open. */
  text: string;
  /** Natural logarithm of the probability that the model gave it. */
  logprob?: number;
  /** The likeliest tokens in its place, likeliest first. */
  top?: readonly { id: number; logprob: number }[];
}

/** How a generation ended. */
export interface Finish {
  /** `stop`: an end token, a stop string, or a complete constraint; `length`: `maxTokens` or the context. */
  reason: "stop" | "length" | "cancelled";
  /** The stop string that ended it. */
  stop?: string;
  promptTokens: number;
  /** Tokens taken from the network, an end token included. */
  completionTokens: number;
}

/** What continues texts: calls made while others run share their batches. */
export interface TextEngine {
  readonly name: string;
  /** The most tokens of prompt and text together. */
  readonly context: number;
  /** Logits a token. */
  readonly vocabulary: number;
  readonly tokenizer: Tokenizer;
  /** Texts that are continued at the same time; further ones wait. */
  readonly slots: number;
  /**
   * Tokens as they come. Text that was held back when the generation ends comes with the last one, or with one more token without a text of its own
   * (the end token). Leaving the loop early cancels.
   * @throws UsageError for a prompt that is empty or does not fit, and for settings out of range
   */
  generate(request: GenerationRequest): AsyncGenerator<GeneratedToken, Finish, void>;
  /** One vector [C] a text, of length 1: the mean over its tokens of the last hidden states. */
  embed?(texts: readonly Int32Array[]): Promise<Float32Array[]>;
  /** How many texts are continued and wait now, and how many tokens were made since the engine was opened. */
  stats(): { active: number; waiting: number; tokens: number };
  /** Cancel what runs and free the programs. */
  close(): Promise<void>;
}
