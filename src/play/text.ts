/** Continuing texts in the quickest way that a network has. */
import { DecoderEngine } from "../generation/decoder-engine.ts";
import type { Finish, GeneratedToken, GenerationRequest } from "../generation/engine.ts";
import { isDecoder } from "../nn/decoder.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { ViewContext } from "./draw.ts";
import { openTextWriter, promptIds, type TextWriter } from "./text-writer.ts";

export { promptIds };

/** What writes with one model, one text at a time. */
export interface PlayWriter {
  /** The tokens as they come, and how many of the prompt's first tokens lie too far back to count. */
  generate(request: GenerationRequest): { tokens: AsyncGenerator<GeneratedToken, Finish, void>; forgot: number };
  close(): Promise<void>;
}

/**
 * A Transformer keeps the keys and values of what it has read while all fits into its context; beyond, it reads its last tokens anew for each one.
 * Recurrent networks carry their state. @throws UsageError for a model that does not continue texts
 */
export async function openWriter(context: ViewContext, tokenizer: Tokenizer): Promise<PlayWriter> {
  const { network, backend, record } = context;
  const engine = isDecoder(network) ? await DecoderEngine.open({ network, tokenizer, backend, name: record.name, slots: 1 }) : undefined;
  let writer: Promise<TextWriter> | undefined;
  return {
    generate(request) {
      const fits = engine !== undefined && request.prompt.length + request.maxTokens <= engine.context;
      if (fits) return { tokens: engine.generate(request), forgot: 0 };
      writer ??= openTextWriter(context, tokenizer);
      const opened = writer;
      const forgot = engine === undefined ? 0 : Math.max(0, request.prompt.length - engine.context);
      return { tokens: later(opened, request), forgot };
    },
    async close() {
      await engine?.close();
      await (await writer)?.close();
    },
  };
}

async function* later(writer: Promise<TextWriter>, request: GenerationRequest): AsyncGenerator<GeneratedToken, Finish, void> {
  return yield* (await writer).generate(request);
}
