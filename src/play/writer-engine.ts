import { UsageError } from "../core/errors.ts";
import type { Finish, GeneratedToken, GenerationRequest, TextEngine } from "../generation/engine.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { ViewContext } from "./draw.ts";
import { openTextWriter, type TextWriter } from "./text-writer.ts";

/** Recurrent models forget nothing and never end by themselves: so many tokens count as their context. */
const CONTEXT = 4096;

/** A text engine for models without a cache of keys and values, such as recurrent ones: one text at a time. */
export class WriterEngine implements TextEngine {
  readonly name: string;
  readonly context: number;
  readonly vocabulary: number;
  readonly tokenizer: Tokenizer;
  readonly slots = 1;
  readonly #writer: TextWriter;
  /** Ends when the last text that was asked for does. */
  #last: Promise<void> = Promise.resolve();
  #active = 0;
  #waiting = 0;
  #tokens = 0;
  #closed = false;

  private constructor(writer: TextWriter, name: string) {
    this.name = name;
    this.tokenizer = writer.tokenizer;
    this.vocabulary = writer.tokenizer.vocabularySize;
    this.context = Math.min(writer.context, CONTEXT);
    this.#writer = writer;
  }

  /** @throws UsageError for a model that does not continue texts */
  static async open(model: ViewContext, tokenizer: Tokenizer, name: string): Promise<WriterEngine> {
    return new WriterEngine(await openTextWriter(model, tokenizer), name);
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GeneratedToken, Finish, void> {
    requireFits(request, this.context);
    const before = this.#last;
    let done = (): void => undefined;
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    this.#waiting++;
    await before;
    this.#waiting--;
    this.#active++;
    try {
      if (this.#closed || request.signal?.aborted) return { reason: "cancelled", promptTokens: request.prompt.length, completionTokens: 0 };
      const tokens = this.#writer.generate(request);
      for (let next = await tokens.next(); ; next = await tokens.next()) {
        if (next.done) return next.value;
        this.#tokens++;
        yield next.value;
      }
    } finally {
      this.#active--;
      done();
    }
  }

  stats(): { active: number; waiting: number; tokens: number } {
    return { active: this.#active, waiting: this.#waiting, tokens: this.#tokens };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#writer.close();
  }
}

/** @throws UsageError for a prompt that is empty, or does not fit with the tokens asked for */
function requireFits({ prompt, maxTokens }: GenerationRequest, context: number): void {
  if (prompt.length > 0 && prompt.length + maxTokens <= context) return;
  throw new UsageError({
    what: "The prompt and the tokens asked for do not fit the context.",
    got: `${prompt.length} and ${maxTokens} tokens`,
    expected: `1 to ${context} in all`,
  });
}
