import { UsageError } from "../core/errors.ts";
import type { ChatMessage, ChatTemplate } from "../tokenizers/chat/template.ts";
import type { Finish, SamplingOptions, TextEngine } from "./engine.ts";

export interface ChatSessionOptions {
  /** What the model is told before the first message. */
  system?: string | undefined;
  /** The most tokens of an answer. Default: what the context has left, at least a quarter of it. */
  maxTokens?: number | undefined;
  sampling?: SamplingOptions | undefined;
  /** What was said before, the system's message not among it: examples of how to answer, or an earlier conversation. */
  history?: readonly ChatMessage[] | undefined;
}

/** An answer that is complete or was cut. */
export interface Answer extends Finish {
  text: string;
  /** Messages that were left out, oldest first, because the context has no room for them. */
  forgotten: number;
}

/** A conversation with a model: what was said, and answers to what is said next. */
export class ChatSession {
  readonly engine: TextEngine;
  readonly template: ChatTemplate;
  readonly #options: ChatSessionOptions;
  #messages: ChatMessage[] = [];
  #system: string | undefined;

  constructor(engine: TextEngine, template: ChatTemplate, options: ChatSessionOptions = {}) {
    this.engine = engine;
    this.template = template;
    this.#options = options;
    this.#system = options.system;
    this.#messages = [...(options.history ?? [])];
  }

  /** Everything that was said, the system's message first where there is one. */
  get messages(): ChatMessage[] {
    return [...(this.#system === undefined ? [] : [{ role: "system", content: this.#system }]), ...this.#messages];
  }

  /** Forget what was said; the system's message stays. */
  reset(): void {
    this.#messages = [];
  }

  /** Set the system's message, or take it away. What was said stays. */
  setSystem(text: string | undefined): void {
    this.#system = text;
  }

  /**
   * Say something and get the answer piece by piece. A cut answer stays in the conversation as far as it came.
   * @throws UsageError for a message that the context has no room for; the conversation is then as it was before
   */
  async *say(text: string, signal?: AbortSignal): AsyncGenerator<string, Answer, void> {
    this.#messages.push({ role: "user", content: text });
    let answer = "";
    let begun = false;
    let tokens: ReturnType<TextEngine["generate"]> | undefined;
    try {
      const { prompt, forgotten } = this.#prompt();
      const maxTokens = Math.min(this.#options.maxTokens ?? Number.POSITIVE_INFINITY, this.engine.context - prompt.length);
      const { sampling } = this.#options;
      const request = { prompt, maxTokens, stop: this.template.stops, ...(sampling && { sampling }), ...(signal && { signal }) };
      tokens = this.engine.generate(request);
      for (let next = await tokens.next(); ; next = await tokens.next()) {
        if (next.done) return { ...next.value, text: answer, forgotten };
        const piece = this.template.leadingSpace && !begun ? next.value.text.replace(/^ /, "") : next.value.text;
        begun ||= next.value.text !== "";
        answer += piece;
        if (piece !== "") yield piece;
      }
    } finally {
      // Who leaves early takes no more of the answer: the engine's slot is free.
      await tokens?.return(undefined as never);
      if (answer === "") this.#messages.pop();
      else this.#messages.push({ role: "assistant", content: answer });
    }
  }

  /** The conversation as ids, without the oldest messages where it would leave no room for an answer. */
  #prompt(): { prompt: Int32Array; forgotten: number } {
    const { context, tokenizer } = this.engine;
    const room = Math.min(this.#options.maxTokens ?? Number.POSITIVE_INFINITY, Math.max(1, Math.floor(context / 4)));
    for (let forgotten = 0; ; forgotten++) {
      const kept = this.#messages.slice(forgotten);
      // Templates may insist on a conversation that the user begins.
      if (kept[0]?.role === "assistant") continue;
      const messages = [...this.messages.slice(0, this.#system === undefined ? 0 : 1), ...kept];
      const prompt = this.template.encode(tokenizer, messages, { addGenerationPrompt: true });
      if (prompt.length + room <= context) return { prompt, forgotten };
      if (kept.length > 1) continue;
      if (prompt.length < context) return { prompt, forgotten };
      throw new UsageError({
        what: "The message is too long for the model.",
        got: `${prompt.length} tokens`,
        expected: `fewer than ${context}, the model's context`,
        hint: "say less, or make the system's message shorter (/system TEXT)",
      });
    }
  }
}
