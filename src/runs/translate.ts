/** Models of pairs at work on texts: what they write, where they look, and how right it is. */
import { UsageError } from "../core/errors.ts";
import { beginToken, endToken } from "../data/text/ends.ts";
import type { TextDocument } from "../data/text/text-set.ts";
import { isWindow, type PairSet, type Tokenizers } from "../data/token-set.ts";
import { DrawableIds } from "../generation/drawable.ts";
import { bleu, chrf, exactMatch, wordErrorRate } from "../metrics/text/index.ts";
import { textShape } from "../models/index.ts";
import { type TranslationSampling, Translator, translationSampling } from "../models/translation.ts";
import { type AlignmentPanel, alignmentMaps } from "../report/alignment.ts";
import type { Raster } from "../report/png.ts";
import { compile } from "../runtime/program.ts";
import type { ViewContext } from "./sampling.ts";

/** One target that a model wrote. */
export interface Written {
  text: string;
  /** Natural logarithm of its probability. */
  logProbability: number;
  /** What beams are ordered by. */
  score: number;
  /** Whether it ended by itself. */
  finished: boolean;
  ids: readonly number[];
}

export interface TranslateOptions {
  /** How to search; what is left out is the record's default. */
  sampling?: Readonly<Record<string, unknown>> | undefined;
  onProgress?: ((message: string) => void) | undefined;
}

/** Rows of beams that are written at once. */
const ROWS = 400;

/** A model of pairs with its tokenizers: writes texts from texts. */
export class PairWriter {
  readonly tokenizers: Tokenizers;
  readonly #translator: Translator;
  readonly #encoded: readonly number[][];
  readonly #texts: readonly string[];
  readonly #order: readonly number[];
  readonly #onProgress: TranslateOptions["onProgress"];

  private constructor(parts: {
    tokenizers: Tokenizers;
    translator: Translator;
    encoded: readonly number[][];
    texts: readonly string[];
    onProgress: TranslateOptions["onProgress"];
  }) {
    this.tokenizers = parts.tokenizers;
    this.#translator = parts.translator;
    this.#encoded = parts.encoded;
    this.#texts = parts.texts;
    this.#onProgress = parts.onProgress;
    // Texts of like lengths end at about the same step.
    this.#order = parts.encoded.map((_, i) => i).sort((a, b) => parts.encoded[a].length - parts.encoded[b].length);
  }

  /** Ready for these sources. @throws UsageError for a model that has no translation, an empty source, or settings out of range */
  static async open(
    context: ViewContext,
    tokenizers: Tokenizers,
    texts: readonly string[],
    options: TranslateOptions = {},
  ): Promise<PairWriter> {
    const { record, config, network, backend } = context;
    const shape = textShape(record, config);
    if (record.translation === undefined || shape === undefined || isWindow(shape))
      throw new UsageError({ what: `The model "${record.name}" does not write one text from another.` });
    if (texts.length === 0) throw new UsageError({ what: "There is no text to translate." });
    const { tokenizer, sourceTokenizer = tokenizer } = tokenizers;
    const [begin, end, sourceEnd] = [beginToken(tokenizer), endToken(tokenizer), endToken(sourceTokenizer)] as number[];
    const encoded = texts.map((text) => [...sourceTokenizer.encode(text, { addSpecialTokens: false }), sourceEnd]);
    const longest = encoded.reduce((most, { length }) => Math.max(most, length), 1);
    const sampling = searchOf(options.sampling);
    const translator = await Translator.open({
      ...{ network, translation: record.translation, begin, end, ...sampling },
      unused: new DrawableIds(tokenizer, shape.vocabulary).unused(shape.vocabulary),
      compile: (build, about) => compile(backend, build, { name: `${record.name} writing`, frozen: true, ...about }),
      batch: Math.max(1, Math.min(texts.length, Math.floor(ROWS / sampling.beams))),
      sourceLength: longest,
      maxLength: Math.max(shape.target, Math.ceil(1.5 * longest)),
    });
    return new PairWriter({ tokenizers, translator, encoded, texts, onProgress: options.onProgress });
  }

  /** What is written for each source, the best first. */
  async write(): Promise<Written[][]> {
    const { tokenizer } = this.tokenizers;
    const progress = (done: number) => this.#onProgress?.(`writing: ${done} of ${this.#texts.length}`);
    const found = await this.#translator.translate(
      this.#order.map((i) => this.#encoded[i]),
      progress,
    );
    const written = new Array<Written[]>(this.#texts.length);
    found.forEach((beams, at) => {
      written[this.#order[at]] = beams.map(({ tokens, logProbability, score, finished }) => ({
        ...{ logProbability, score, finished, ids: tokens },
        text: tokenizer.decode(tokens),
      }));
    });
    return written;
  }

  /** Where the model looked in source `index` while it wrote a target. */
  async align(index: number, { ids }: Pick<Written, "ids">): Promise<AlignmentPanel> {
    const { tokenizer, sourceTokenizer = tokenizer } = this.tokenizers;
    const source = this.#encoded[index];
    const { weights } = await this.#translator.align(source, ids);
    return { source: namesOf(sourceTokenizer, source), target: namesOf(tokenizer, ids), weights };
  }

  close(): Promise<void> {
    return this.#translator.close();
  }
}

/** Tokens as people read them: those that are text, and the end as a full stop in a ring's place. */
function namesOf(tokenizer: Tokenizers["tokenizer"], ids: ArrayLike<number>): string[] {
  return Array.from(ids, (id) => {
    const special = [...tokenizer.specialTokens.values()].includes(id);
    return special ? "." : tokenizer.decode([id]).trim() || (tokenizer.tokenOf(id) ?? "");
  });
}

function searchOf(sampling: TranslateOptions["sampling"]): TranslationSampling {
  return translationSampling.parse(sampling ?? {});
}

/** How right targets are, by one way of writing them. */
export interface TranslationFigures {
  /** Share that equals a right target. */
  exact: number;
  /** Edits per word (per sound, of sounds between blanks). */
  errorRate: number;
  bleu: number;
  chrf: number;
}

export interface TranslationReport {
  sources: number;
  greedy: TranslationFigures;
  beam: TranslationFigures & TranslationSampling;
  /** Under which settings BLEU is. */
  signature: string;
}

/**
 * Write the target of each different source, greedily and with beams, and compare it with all targets that are right for it.
 * @param documents pairs; those with one source are one question
 */
export async function measureTranslations(
  context: ViewContext,
  tokenizers: Tokenizers,
  documents: readonly TextDocument[],
  options: TranslateOptions = {},
): Promise<TranslationReport> {
  const answers = new Map<string, string[]>();
  for (const { text, target } of documents) if (target !== undefined) answers.set(text, [...(answers.get(text) ?? []), target]);
  const [sources, references] = [[...answers.keys()], [...answers.values()]];
  const scored = async (sampling: TranslationSampling) => {
    const writer = await PairWriter.open(context, tokenizers, sources, { ...options, sampling });
    const written = await writer.write().finally(() => writer.close());
    const texts = written.map(([best]) => best?.text ?? "");
    const { score, signature } = bleu(texts, references);
    const figures = { exact: exactMatch(texts, references), errorRate: wordErrorRate(texts, references).rate };
    return { signature, figures: { ...figures, bleu: score, chrf: chrf(texts, references).score } };
  };
  const sampling = searchOf(options.sampling);
  const { figures: greedy, signature } = await scored({ ...sampling, beams: 1 });
  const { figures } = await scored(sampling);
  return { sources: sources.length, greedy, beam: { ...figures, ...sampling }, signature };
}

/** Held-out pairs that are written while a model trains, and how many of them are drawn. */
const [SHOWN, DRAWN] = [16, 4] as const;

/** A few held-out sources, what the model writes for them, and maps of where it looked; undefined for models that do not write. */
export async function sampleTranslations(context: ViewContext, held: PairSet): Promise<{ text: string; alignments: Raster } | undefined> {
  if (context.record.translation === undefined || held.tokenizer === undefined) return undefined;
  // Held-out pairs stand in the data's order, often the alphabet's: take them from all over.
  const stride = Math.max(1, Math.floor(held.count / SHOWN));
  const pairs = Array.from({ length: Math.min(SHOWN, held.count) }, (_, i) => held.texts[i * stride]);
  const tokenizers = { tokenizer: held.tokenizer, sourceTokenizer: held.sourceTokenizer };
  const writer = await PairWriter.open(
    context,
    tokenizers,
    pairs.map(({ source }) => source),
    { sampling: { beams: 1 } },
  );
  try {
    const written = await writer.write();
    const lines = pairs.map(
      ({ source, target }, i) => `${source} -> ${written[i][0].text}${written[i][0].text === target ? "" : ` (${target})`}\n`,
    );
    const panels = [];
    for (let i = 0; i < Math.min(DRAWN, pairs.length); i++) panels.push(await writer.align(i, written[i][0]));
    return { text: lines.join(""), alignments: alignmentMaps(panels, { columns: 2 }) };
  } finally {
    await writer.close();
  }
}
