/** What `atelier generate` does with a folder in Hugging Face's layout, of a model or an adapter: continue a prompt by the text engine, or by beam search. */
import { existsSync } from "node:fs";
import path from "node:path";
import { FileError, UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import type { Finish, GeneratedToken, SamplingOptions } from "../generation/engine.ts";
import { checkFits } from "../generation/sequence.ts";
import type { DecoderNetwork } from "../nn/decoder.ts";
import type { LoadedText } from "../runs/text-engine.ts";
import type { Backend } from "../runtime/backend.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { constraintsOf, Reader, refuseBesideBeams, samplingOf, type TextSamplingOptions } from "./text-sampling.ts";
import { type Io, printJson } from "./verb.ts";

export interface GenerateFolderOptions extends TextSamplingOptions {
  count?: number;
  seed: string;
  prompt?: string;
  tokens?: number;
  showTop?: number;
  stop?: string[];
  out?: string;
  device: string;
}

/** Tokens that are added where no number is given. */
const TOKENS = 200;

/**
 * The folder that a name means, where it is one with a model or an adapter in Hugging Face's layout, or a model's name on the hub (ORG/NAME), which is
 * fetched the first time; undefined for a run.
 * @throws FileError for a model that cannot be fetched
 */
export async function textFolder(name: string): Promise<string | undefined> {
  const holds = (file: string) => existsSync(path.join(name, file));
  if (existsSync(name)) return (holds("config.json") || holds("adapter_config.json")) && !holds("run.json") ? name : undefined;
  const { isModelName, modelFolder } = await import("../pretrained/node/index.ts");
  if (!name.includes("/") || !isModelName(name)) return undefined;
  return await modelFolder(name).catch((error: unknown) => {
    if (!(error instanceof FileError)) throw error;
    // It may as well be the mistyped path of a run.
    throw new FileError({
      ...error.problem,
      what: `There is no folder "${name}" here, and no model of this name could be fetched. ${error.problem.what}`,
    });
  });
}

interface Opened {
  readonly name: string;
  readonly network: DecoderNetwork;
  readonly tokenizer: Tokenizer;
  readonly endTokens: readonly number[];
  readonly backend: Backend;
  readonly precision: "float32" | "int8" | "int4";
}

/** Continue a prompt and write the text as it comes. @throws FileError for a folder that cannot be read; UsageError for settings out of range */
export async function generateFromFolder(folder: string, options: GenerateFolderOptions, io: Io, json: boolean): Promise<void> {
  refuseBesideBeams(options);
  const { prompt = "", stop = [], count = 1, seed } = options;
  const samplings = Array.from({ length: count }, (_, n) => samplingOf(options, n === 0 ? seed : `${seed}/${n}`));
  const opened = await openFolder(folder, options);
  const { tokenizer, network } = opened;
  const ids = promptTokens(opened, prompt);
  const maxTokens = Math.min(options.tokens ?? TOKENS, network.decoder.context - ids.length);
  if (options.tokens !== undefined && options.tokens > maxTokens)
    io.stderr.write(`The context of ${network.decoder.context} tokens leaves room for ${maxTokens} after the prompt.\n`);
  const texts =
    options.beams === undefined
      ? await drawTexts(opened, { ids, maxTokens, stop, samplings }, options, new Reader(json ? undefined : io, options.out !== undefined))
      : (await searchTexts(opened, { ids, maxTokens }, options)).slice(0, json ? options.beams : count);
  if (options.beams !== undefined && !json) for (const { text } of texts) io.stdout.write(`${prompt}${text}\n`);
  const file = options.out === undefined ? undefined : path.resolve(options.out);
  if (file !== undefined) await writeFileAtomic(file, `${texts.map(({ text }) => prompt + text).join("\n\n")}\n`);
  if (json) printJson(io, { folder, vocabulary: tokenizer.vocabularySize, prompt, seed, texts, ...(file === undefined ? {} : { file }) });
}

async function openFolder(folder: string, { device, quantize }: GenerateFolderOptions): Promise<Opened> {
  if (quantize !== undefined && quantize !== "int8" && quantize !== "int4")
    throw new UsageError({ what: "There is no such form of weights.", got: String(quantize), expected: "int8 or int4" });
  const { isAdapterFolder } = await import("../pretrained/node/index.ts");
  const { openBackend } = await import("../runtime/node/open.ts");
  const { isDecoder } = await import("../nn/decoder.ts");
  const { endTokensOf } = await import("../generation/index.ts");
  const {
    name,
    network,
    tokenizer,
    endTokens = [],
  } = (await isAdapterFolder(folder)) ? await tunedModel(folder) : await wholeModel(folder);
  if (!isDecoder(network)) throw new UsageError({ what: `A model of the kind "${name}" does not continue texts.`, where: folder });
  const ends = endTokens.length > 0 ? endTokens : endTokensOf(tokenizer);
  return { name, network, tokenizer, endTokens: ends, backend: await openBackend({ device }), precision: quantize ?? "float32" };
}

type Loaded = Pick<LoadedText, "name" | "network" | "tokenizer" | "endTokens">;

async function wholeModel(folder: string): Promise<Loaded> {
  const { readModelFolder, requireTokenizer } = await import("../pretrained/node/index.ts");
  const model = await readModelFolder(folder);
  return { name: model.kind, network: model.network, tokenizer: requireTokenizer(model), endTokens: model.endTokens };
}

/** An adapter merged into the model that it belongs to. */
async function tunedModel(folder: string): Promise<Loaded> {
  const { loadText } = await import("../runs/text-engine.ts");
  return await loadText(folder);
}

/** The prompt's ids with the special tokens that the tokenizer puts around; an empty prompt is the token that ends or begins texts. */
function promptTokens({ tokenizer, endTokens, network }: Opened, prompt: string): Int32Array {
  const ids = tokenizer.encode(prompt);
  checkFits(ids.length, network.decoder.context);
  if (ids.length > 0) return ids;
  const [end] = endTokens;
  if (end === undefined) throw new UsageError({ what: "The prompt is empty.", hint: '--prompt "Once upon a time"' });
  return Int32Array.of(end);
}

interface Wishes {
  ids: Int32Array;
  maxTokens: number;
}

/** A token, and the likeliest in its place. */
interface TopRow {
  token: string;
  likeliest: { token: string; probability: number }[];
}

interface Told {
  text: string;
  tokens: number;
  reason?: Finish["reason"];
  score?: number;
  /** A row a token, where alternatives were asked for. */
  top?: TopRow[];
}

interface DrawWishes extends Wishes {
  stop: string[];
  /** Of each text. */
  samplings: SamplingOptions[];
}

async function drawTexts(opened: Opened, wishes: DrawWishes, options: GenerateFolderOptions, reader: Reader): Promise<Told[]> {
  const { ids, maxTokens, stop, samplings } = wishes;
  const { showTop } = options;
  const { name, network, tokenizer, endTokens, backend, precision } = opened;
  const { DecoderEngine } = await import("../generation/index.ts");
  const constraints = await constraintsOf(options, tokenizer);
  const engine = await DecoderEngine.open({ network, tokenizer, backend, precision, endTokens, slots: 1, name });
  const texts: Told[] = [];
  try {
    for (const sampling of samplings) {
      if (reader.signal.aborted) break;
      const started = performance.now();
      const constraint = constraints?.();
      const request = {
        prompt: ids,
        maxTokens,
        sampling,
        stop,
        signal: reader.signal,
        ...(constraint === undefined ? {} : { constraint }),
      };
      const parts = engine.generate(showTop === undefined ? request : { ...request, logprobs: showTop });
      let text = "";
      const top: TopRow[] = [];
      if (showTop === undefined) reader.write(options.prompt ?? "");
      let next = await parts.next();
      for (; !next.done; next = await parts.next()) {
        text += next.value.text;
        if (showTop === undefined) reader.write(next.value.text);
        else {
          top.push(topRow(tokenizer, next.value));
          reader.write(topLine(top.at(-1)!));
        }
      }
      reader.write("\n");
      const { completionTokens: tokens, reason } = next.value;
      reader.tellSpeed(tokens, (performance.now() - started) / 1000);
      texts.push({ text, tokens, reason, ...(showTop === undefined ? {} : { top }) });
    }
  } finally {
    await engine.close();
  }
  return texts;
}

function topRow(tokenizer: Tokenizer, { id, top = [] }: GeneratedToken): TopRow {
  const name = (token: number) => tokenizer.decode([token], { skipSpecialTokens: false });
  return { token: name(id), likeliest: top.map((other) => ({ token: name(other.id), probability: Math.exp(other.logprob) })) };
}

function topLine({ token, likeliest }: TopRow): string {
  const shown = likeliest.map((other) => `${JSON.stringify(other.token)} ${(100 * other.probability).toFixed(1)}%`);
  return `${JSON.stringify(token).padEnd(18)} ${shown.join("  ")}\n`;
}

async function searchTexts(
  opened: Opened,
  { ids, maxTokens }: Wishes,
  { beams = 1, lengthPenalty }: GenerateFolderOptions,
): Promise<Told[]> {
  const { network, tokenizer, endTokens, backend, precision } = opened;
  const { searchWithDecoder } = await import("../generation/decoder-beams.ts");
  const found = await searchWithDecoder({
    network,
    tokenizer,
    backend,
    precision,
    prompt: ids,
    beams,
    maxLength: maxTokens,
    endToken: endTokens,
    lengthPenalty,
  });
  return found.map(({ tokens, score }) => {
    const text = tokenizer.decode([...ids, ...tokens]).slice(tokenizer.decode(ids).length);
    return { text, tokens: tokens.length, score };
  });
}
