/** What `atelier generate` does for a run of text: continue a prompt. */
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import type { Finish, GeneratedToken, GenerationRequest } from "../generation/engine.ts";
import type { DrawnToken } from "../runs/continue-text.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { OpenedRun } from "./opened.ts";
import { constraintsOf, Reader, samplingOf, type TextSamplingOptions } from "./text-sampling.ts";
import { type Io, printJson } from "./verb.ts";

export interface GenerateTextOptions extends TextSamplingOptions {
  count?: number;
  seed: string;
  prompt?: string;
  tokens?: number;
  showTop?: number;
  stop?: string[];
  out?: string;
}

/** Tokens that are added where no number is given, and the temperature. */
const [TOKENS, TEMPERATURE] = [200, 0.8] as const;

/**
 * Continue a prompt and write the text as it comes.
 * @throws UsageError for a model that does not continue texts
 */
export async function generateText(opened: OpenedRun, options: GenerateTextOptions, io: Io, json: boolean): Promise<void> {
  const { run, model } = opened;
  const { continuesText } = await import("../models/next-token.ts");
  const { promptIds } = await import("../runs/continue-text.ts");
  const { tokenizers } = model;
  if (!continuesText(model.record) || tokenizers === undefined) {
    throw new UsageError({
      what: `The model "${model.record.name}" does not continue texts.`,
      expected: `what it can do: train, evaluate${"maskedLogits" in model.network ? ", fill-mask" : ""}`,
    });
  }
  const { prompt = "", tokens = TOKENS, temperature = TEMPERATURE, seed, count = 1, stop = [] } = options;
  const samplings = Array.from({ length: count }, (_, n) => samplingOf({ ...options, temperature }, n === 0 ? seed : `${seed}/${n}`));
  const ids = promptIds(tokenizers.tokenizer, prompt);
  const constrain = await constraintsOf(options, tokenizers.tokenizer);
  const writer = await openWriter(opened, tokenizers.tokenizer, ids.length + tokens);
  const texts: object[] = [];
  const written: string[] = [];
  const reader = new Reader(json ? undefined : io, options.out !== undefined);
  try {
    for (const sampling of samplings) {
      if (reader.signal.aborted) break;
      const request = {
        prompt: ids,
        maxTokens: tokens,
        sampling,
        stop,
        signal: reader.signal,
        ...(constrain === undefined ? {} : { constraint: constrain() }),
        ...(options.showTop === undefined ? {} : { logprobs: options.showTop }),
      };
      const told = await tellText(writer, request, prompt, options.showTop !== undefined, reader);
      texts.push(told);
      written.push(prompt + told.text);
    }
  } finally {
    await writer.close();
  }
  const file = options.out === undefined ? undefined : path.resolve(options.out);
  if (file !== undefined) await writeFileAtomic(file, `${written.join("\n\n")}\n`);
  if (json)
    printJson(io, { run: run.name, checkpoint: model.hash, prompt, seed, temperature, texts, ...(file === undefined ? {} : { file }) });
  else if (file !== undefined) io.stdout.write(`${file}\n`);
}

type Writer = Pick<Awaited<ReturnType<typeof import("../runs/continue-text.ts").openTextWriter>>, "tokenizer" | "close"> & {
  generate(request: GenerationRequest): AsyncGenerator<DrawnToken | GeneratedToken, Finish, void>;
};

/** The engine with a cache where the network has one and all fits into its context; else one that reads its context anew, or carries a state. */
async function openWriter({ model, backend }: OpenedRun, tokenizer: Tokenizer, tokens: number): Promise<Writer> {
  const { isDecoder } = await import("../nn/decoder.ts");
  const { network, record } = model;
  if (isDecoder(network) && tokens <= network.decoder.context) {
    const { DecoderEngine } = await import("../generation/decoder-engine.ts");
    return await DecoderEngine.open({ network, tokenizer, backend, name: record.name, slots: 1 });
  }
  const { openTextWriter } = await import("../runs/continue-text.ts");
  return await openTextWriter({ ...model, backend }, tokenizer);
}

interface Told {
  text: string;
  tokens: number;
  reason: string;
  seconds: number;
  top?: { token: string; likeliest: { token: string; probability: number; drawn: number | undefined }[] }[];
}

/** One text, shown as it comes; with `top`, a line a token with what else it could have been. */
async function tellText(writer: Writer, request: GenerationRequest, prompt: string, top: boolean, reader: Reader): Promise<Told> {
  const { tokenizer } = writer;
  const started = performance.now();
  const rows: NonNullable<Told["top"]> = [];
  const name = (id: number) => tokenizer.decode([id], { skipSpecialTokens: false }) || (tokenizer.tokenOf(id) ?? "");
  let text = "";
  if (!top) reader.write(prompt);
  const parts = writer.generate(request);
  for (let next = await parts.next(); ; next = await parts.next()) {
    if (next.done) {
      const { reason, completionTokens: tokens } = next.value;
      if (!top) reader.write("\n");
      const seconds = (performance.now() - started) / 1000;
      reader.tellSpeed(tokens, seconds);
      return { text, tokens, reason, seconds, ...(top ? { top: rows } : {}) };
    }
    const { id, text: piece, top: likeliest = [] } = next.value;
    text += piece;
    if (!top) reader.write(piece);
    else {
      const row = {
        token: name(id),
        likeliest: likeliest.map(({ id: other, logprob, ...more }) => {
          const probability = Math.exp(logprob);
          return { token: name(other), probability, drawn: "drawn" in more ? (more.drawn as number) : undefined };
        }),
      };
      rows.push(row);
      const shown = row.likeliest.map(
        ({ token, probability, drawn = probability }) => `${JSON.stringify(token)} ${(100 * drawn).toFixed(1)}%`,
      );
      reader.write(`${JSON.stringify(row.token).padEnd(18)} ${shown.join("  ")}\n`);
    }
  }
}
