/**
 * Conversations to learn from: one a line, `{"messages": [{"role", "content"}, ...]}`. Tokens of answers are what is learned; what was said to the model
 * is only read.
 */
import { FileError, UsageError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import type { ChatMessage, ChatTemplate } from "../../tokenizers/chat/template.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";

/** One conversation. */
export type Chat = readonly ChatMessage[];

/** A conversation as a model reads it. */
export interface ChatTokens {
  /** [T] */
  ids: Int32Array;
  /** [T], 1 where a token belongs to an answer. */
  answers: Uint8Array;
}

/**
 * Conversations of a `.jsonl` file, or of a `.json` file with a list. A line may also be `{"prompt", "completion"}`, or `{"instruction", "input",
 * "output"}` as in the Alpaca data. `where` names the file in errors.
 * @throws FileError naming the line that is not right; UsageError for a file without conversations
 */
export function readChats(text: string, where: string): Chat[] {
  const values = text.trimStart().startsWith("[") ? wholeList(text, where) : lines(text, where);
  const chats = values.map(({ value, place }) => chatOf(value, place));
  if (chats.length > 0) return chats;
  throw new UsageError({ what: "There are no conversations in the file.", where, expected: 'lines of {"messages": [...]}' });
}

interface Placed {
  value: unknown;
  place: string;
}

function wholeList(text: string, where: string): Placed[] {
  return (parse(text, where) as unknown[]).map((value, i) => ({ value, place: `${where}, entry ${i + 1}` }));
}

function lines(text: string, where: string): Placed[] {
  return text.split("\n").flatMap((line, i) => {
    const place = `${where}, line ${i + 1}`;
    return line.trim() === "" ? [] : [{ value: parse(line, place), place }];
  });
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError({ what: "A conversation is not JSON.", where, got: text.slice(0, 80), cause: error });
  }
}

function chatOf(value: unknown, where: string): Chat {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const { messages, prompt, completion, instruction, input, output } = fields;
  if (typeof prompt === "string" && typeof completion === "string") return turn(prompt, completion);
  if (typeof instruction === "string" && typeof output === "string")
    return turn(typeof input === "string" && input !== "" ? `${instruction}\n\n${input}` : instruction, output);
  if (!Array.isArray(messages) || messages.length === 0) throw wrong(where, value, '{"messages": [...]}');
  const chat = messages.map((message: unknown) => {
    const { role, content } = (typeof message === "object" && message !== null ? message : {}) as Record<string, unknown>;
    if (typeof role !== "string" || typeof content !== "string")
      throw wrong(where, message, 'messages of the form {"role": "user", "content": "..."}');
    return { role, content };
  });
  if (chat.some(({ role }) => role === "assistant")) return chat;
  throw wrong(where, value, 'at least one message with the role "assistant": answers are what is learned');
}

function turn(user: string, assistant: string): Chat {
  return [
    { role: "user", content: user },
    { role: "assistant", content: assistant },
  ];
}

function wrong(where: string, got: unknown, expected: string): FileError {
  return new FileError({ what: "A conversation is not as it should be.", where, got: JSON.stringify(got)?.slice(0, 80), expected });
}

/**
 * A conversation as ids, with the tokens of its answers marked: those that the template marks itself (`{% generation %}`), else those by which the text
 * up to and with an answer is longer than the one before it that asks for an answer.
 * @throws UsageError for a conversation that the template refuses, or whose answers cannot be told apart
 */
export function chatTokens(chat: Chat, template: ChatTemplate, tokenizer: Tokenizer): ChatTokens {
  const marked = template.renderMarked(chat);
  const text = marked?.text ?? template.render(chat);
  const spans = marked?.answers ?? answersByPrefix(chat, template, text);
  const ids = template.encodeText(tokenizer, text);
  const answers = new Uint8Array(ids.length);
  for (const [begin, end] of spans)
    answers.fill(1, tokensBefore(ids, text, begin, template, tokenizer), tokensBefore(ids, text, end, template, tokenizer));
  return { ids, answers };
}

function answersByPrefix(chat: Chat, template: ChatTemplate, text: string): [number, number][] {
  return chat.flatMap(({ role }, i): [number, number][] => {
    if (role !== "assistant") return [];
    const asked = template.render(chat.slice(0, i), { addGenerationPrompt: true });
    const answered = template.render(chat.slice(0, i + 1));
    if (answered.startsWith(asked) && text.startsWith(answered)) return [[asked.length, answered.length]];
    throw new UsageError({
      what: "The chat template does not show where an answer is: what it writes of the first messages changes with those that follow.",
      got: `answer ${i + 1}, before it ${JSON.stringify(asked.slice(-60))}`,
      hint: "put {% generation %} and {% endgeneration %} around answers in the template, or train on conversations of one answer",
    });
  });
}

/** How many tokens of a text lie before a character of it. A token over the border counts as after. */
function tokensBefore(ids: Int32Array, text: string, at: number, template: ChatTemplate, tokenizer: Tokenizer): number {
  if (at >= text.length) return ids.length;
  const before = template.encodeText(tokenizer, text.slice(0, at));
  let same = 0;
  while (same < before.length && same < ids.length && before[same] === ids[same]) same++;
  return same;
}

export interface ChatBatchOptions {
  /** B, conversations a batch. */
  batch: number;
  /** T, tokens a conversation: longer ones lose their end. */
  length: number;
  seed: number | bigint | string;
  /** What short conversations are filled up with. It is never learned. Default 0. */
  pad?: number | undefined;
}

/** Whether a conversation has a token of an answer among its first so many targets. The first token of all is never predicted. */
export function answersWithin({ answers }: ChatTokens, length: number): boolean {
  return answers.subarray(1, length + 1).includes(1);
}

/** Batches of conversations, in an order that is new for each pass. Only tokens of answers have a weight. */
export class ChatBatches {
  /** B */
  readonly batch: number;
  /** Conversations that are used: those with an answer within the length. */
  readonly count: number;
  /** Conversations left out because no token of an answer is within the length. */
  readonly dropped: number;
  /** Conversations that lost their end. */
  readonly cut: number;
  readonly #chats: readonly ChatTokens[];
  readonly #options: ChatBatchOptions;
  #order: number[] = [];

  /** @throws UsageError where there are fewer conversations than a batch takes */
  constructor(chats: readonly ChatTokens[], options: ChatBatchOptions) {
    const { batch, length } = options;
    this.#chats = chats.filter((one) => answersWithin(one, length));
    this.batch = batch;
    this.#options = options;
    this.count = this.#chats.length;
    this.dropped = chats.length - this.count;
    this.cut = this.#chats.filter(({ ids }) => ids.length > length + 1).length;
    if (this.count >= batch) return;
    throw new UsageError({
      what: "There are fewer conversations than a batch takes.",
      got: `${this.count}${this.dropped > 0 ? `, and ${this.dropped} without an answer in the first ${length} tokens` : ""}`,
      expected: `at least ${batch}`,
    });
  }

  /** Batches in a pass; what is left over waits for the next. */
  get stepsPerEpoch(): number {
    return Math.floor(this.count / this.#options.batch);
  }

  /**
   * The batch of a step, which follows from the seed and the step's number alone: tokens [B, T + 1], of which the last T are targets, and the weights
   * [B, T] of the targets, which add up to 1.
   */
  at(step: number): { tokens: Int32Array; weights: Float32Array } {
    const { batch } = this.#options;
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (this.#order[0] !== epoch) this.#order = [epoch, ...this.#shuffled(epoch)];
    const first = 1 + (step % this.stepsPerEpoch) * batch;
    return this.#fill(this.#order.slice(first, first + batch));
  }

  /** Every conversation once, in order; the last batch is filled up with rows without a weight. `answers` are the tokens that count. */
  *inOrder(): Generator<{ tokens: Int32Array; weights: Float32Array; answers: number }, void, void> {
    const { batch, length } = this.#options;
    for (let first = 0; first < this.count; first += batch) {
      const rows = Array.from({ length: Math.min(batch, this.count - first) }, (_, i) => first + i);
      const answers = rows.reduce((sum, row) => sum + this.#chats[row].answers.subarray(1, length + 1).reduce((a, b) => a + b, 0), 0);
      yield { ...this.#fill(rows), answers };
    }
  }

  #fill(rows: readonly number[]): { tokens: Int32Array; weights: Float32Array } {
    const { batch, length, pad = 0 } = this.#options;
    const tokens = new Int32Array(batch * (length + 1)).fill(pad);
    const weights = new Float32Array(batch * length);
    let total = 0;
    for (const [b, row] of rows.entries()) {
      const { ids, answers } = this.#chats[row];
      tokens.set(ids.subarray(0, length + 1), b * (length + 1));
      for (const [i, answer] of answers.subarray(1, length + 1).entries()) {
        weights[b * length + i] = answer;
        total += answer;
      }
    }
    return { tokens, weights: weights.map((weight) => weight / total) };
  }

  #shuffled(epoch: number): number[] {
    const stream = new RandomStream(this.#options.seed, `chats/${epoch}`);
    const order = Array.from({ length: this.count }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = stream.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
