import { UsageError } from "../../core/errors.ts";
import type { Finish, GeneratedToken, GenerationRequest, TextEngine } from "../../generation/engine.ts";
import { trainByteBpe } from "../../tokenizers/byte-bpe.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";

export interface FakeOptions {
  slots?: number;
  context?: number;
  /** What is written after a prompt; the end token follows. Default: the prompt's last line, upper case. */
  reply?: (prompt: string, request: GenerationRequest) => string;
  /** Waited before each token. Default: a turn of the event loop. */
  milliseconds?: number;
}

export const fakeTokenizer: Tokenizer = trainByteBpe(["the cat sat on the mat. User: Assistant: hello there, once upon a time"], {
  size: 290,
});

/** A text engine without a network: what it writes is a function of the prompt, one token at a time. */
export class FakeEngine implements TextEngine {
  readonly name = "fake";
  readonly tokenizer = fakeTokenizer;
  readonly vocabulary = fakeTokenizer.vocabularySize;
  readonly context: number;
  readonly slots: number;
  /** The largest number of texts that were written at the same time. */
  mostActive = 0;
  /** Tokens that were given out. */
  tokens = 0;
  closed = false;
  readonly requests: GenerationRequest[] = [];
  readonly #options: FakeOptions;
  #active = 0;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.context = options.context ?? 256;
    this.slots = options.slots ?? 4;
  }

  stats() {
    return { active: this.#active, waiting: 0, tokens: this.tokens };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Two numbers a text: a unit vector that depends on its length. */
  async embed(texts: readonly Int32Array[]): Promise<Float32Array[]> {
    return texts.map(({ length }) => Float32Array.of(Math.sin(length), Math.cos(length)));
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GeneratedToken, Finish, void> {
    const { prompt, maxTokens, stop = [], signal } = request;
    if (prompt.length + maxTokens > this.context) throw new UsageError("The prompt does not fit.");
    this.requests.push(request);
    this.#active++;
    this.mostActive = Math.max(this.mostActive, this.#active);
    let completionTokens = 0;
    const finish = (reason: Finish["reason"], found?: string): Finish => ({
      reason,
      ...(found === undefined ? {} : { stop: found }),
      promptTokens: prompt.length,
      completionTokens,
    });
    try {
      const decoder = this.tokenizer.stream();
      let held = "";
      for (const id of this.#idsFor(request)) {
        if (completionTokens === maxTokens) return finish("length");
        await pause(this.#options.milliseconds);
        if (signal?.aborted) return finish("cancelled");
        completionTokens++;
        this.tokens++;
        const end = id === 0;
        held += end ? decoder.flush() : decoder.push(id);
        const found = earliest(held, stop);
        const last = found !== undefined || end || completionTokens === maxTokens;
        const shown = found === undefined ? (last ? held : held.slice(0, held.length - heldBack(held, stop))) : held.slice(0, found.at);
        held = held.slice(shown.length);
        yield { id, text: shown, ...this.#logprobs(id, request) };
        if (found !== undefined) return finish("stop", found.stop);
        if (end) return finish("stop");
      }
      return finish("length");
    } finally {
      this.#active--;
    }
  }

  #idsFor(request: GenerationRequest): number[] {
    const text = this.tokenizer.decode(request.prompt);
    const reply = this.#options.reply ?? ((prompt: string) => prompt.trimEnd().split("\n").at(-1)!.toUpperCase());
    return [...this.tokenizer.encode(reply(text, request)), 0];
  }

  #logprobs(id: number, { logprobs }: GenerationRequest): Pick<GeneratedToken, "logprob" | "top"> {
    if (logprobs === undefined) return {};
    return { logprob: -0.25, top: Array.from({ length: logprobs }, (_, i) => ({ id: i === 0 ? id : i, logprob: -0.25 - i })) };
  }
}

function pause(milliseconds: number | undefined): Promise<void> {
  return new Promise((resolve) => (milliseconds === undefined ? setImmediate(resolve) : setTimeout(resolve, milliseconds)));
}

function earliest(text: string, stops: readonly string[]): { at: number; stop: string } | undefined {
  const found = stops.map((stop) => ({ at: text.indexOf(stop), stop })).filter(({ at }) => at >= 0);
  return found.sort((a, b) => a.at - b.at)[0];
}

/** Characters at the end that may be the begin of a stop. */
function heldBack(text: string, stops: readonly string[]): number {
  let most = 0;
  for (const stop of stops) for (let n = 1; n < stop.length; n++) if (text.endsWith(stop.slice(0, n))) most = Math.max(most, n);
  return most;
}
