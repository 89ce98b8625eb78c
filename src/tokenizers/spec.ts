/** The parts of a `tokenizer.json`, as Hugging Face's `tokenizers` writes it: names and fields are theirs. */
import { z } from "zod";
import { FileError } from "../core/errors.ts";

const pattern = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);
const part = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) => z.object({ type: z.literal(type), ...shape });

export type NormalizerSpec = z.infer<typeof plainNormalizer> | { type: "Sequence"; normalizers: NormalizerSpec[] };
const plainNormalizer = z.discriminatedUnion("type", [
  part("NFC", {}),
  part("NFD", {}),
  part("NFKC", {}),
  part("NFKD", {}),
  part("Lowercase", {}),
  part("StripAccents", {}),
  part("ByteLevel", {}),
  part("Strip", { strip_left: z.boolean(), strip_right: z.boolean() }),
  part("Replace", { pattern, content: z.string() }),
  part("Prepend", { prepend: z.string() }),
  part("Precompiled", { precompiled_charsmap: z.string() }),
  part("BertNormalizer", {
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean(),
  }),
]);
const normalizer: z.ZodType<NormalizerSpec> = z.lazy(() =>
  z.union([plainNormalizer, part("Sequence", { normalizers: z.array(normalizer) })]),
);

export type SplitBehavior = z.infer<typeof behavior>;
const behavior = z.enum(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]);
const metaspace = {
  replacement: z.string(),
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  add_prefix_space: z.boolean().optional(),
};

export type PreTokenizerSpec = z.infer<typeof plainPreTokenizer> | { type: "Sequence"; pretokenizers: PreTokenizerSpec[] };
const plainPreTokenizer = z.discriminatedUnion("type", [
  part("ByteLevel", { add_prefix_space: z.boolean(), trim_offsets: z.boolean().optional(), use_regex: z.boolean().optional() }),
  part("Whitespace", {}),
  part("WhitespaceSplit", {}),
  part("BertPreTokenizer", {}),
  part("Metaspace", { ...metaspace, split: z.boolean().optional() }),
  part("Punctuation", { behavior: behavior.optional() }),
  part("Digits", { individual_digits: z.boolean() }),
  part("CharDelimiterSplit", { delimiter: z.string() }),
  part("Split", { pattern, behavior, invert: z.boolean() }),
]);
const preTokenizer: z.ZodType<PreTokenizerSpec> = z.lazy(() =>
  z.union([plainPreTokenizer, part("Sequence", { pretokenizers: z.array(preTokenizer) })]),
);

/** Ids at most: far above any vocabulary, so that a broken file does not ask for all memory. */
const MOST_IDS = 2 ** 24;
const tokenId = z
  .int()
  .min(0)
  .max(MOST_IDS - 1);
/** Tokens to ids, kept as they are. Not `z.record`, which leaves out a token that is called `__proto__`. */
const vocabulary = z
  .custom<Record<string, number>>((value) => typeof value === "object" && value !== null && !Array.isArray(value), {
    error: "not an object of tokens and their ids",
  })
  .superRefine((value, context) => {
    for (const [token, id] of Object.entries(value)) {
      if (Number.isInteger(id) && id >= 0 && id < MOST_IDS) continue;
      context.addIssue({ code: "custom", path: [token], message: `the id ${String(id)} is no whole number from 0 to ${MOST_IDS - 1}` });
      return;
    }
  });

const model = z.discriminatedUnion("type", [
  part("BPE", {
    dropout: z.number().nullish(),
    unk_token: z.string().nullish(),
    continuing_subword_prefix: z.string().nullish(),
    end_of_word_suffix: z.string().nullish(),
    fuse_unk: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
    vocab: vocabulary,
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
  part("WordPiece", {
    unk_token: z.string(),
    continuing_subword_prefix: z.string(),
    max_input_chars_per_word: z.int().min(0),
    vocab: vocabulary,
  }),
  part("WordLevel", { vocab: vocabulary, unk_token: z.string() }),
  part("Unigram", {
    unk_id: z.int().min(0).nullish(),
    vocab: z.array(z.tuple([z.string(), z.number()])),
    byte_fallback: z.boolean().nullish(),
  }),
]);
export type ModelSpec = z.infer<typeof model>;
export type BpeSpec = Extract<ModelSpec, { type: "BPE" }>;
export type WordPieceSpec = Extract<ModelSpec, { type: "WordPiece" }>;
export type WordLevelSpec = Extract<ModelSpec, { type: "WordLevel" }>;
export type UnigramSpec = Extract<ModelSpec, { type: "Unigram" }>;

const typed = { type_id: z.int().min(0) };
const templatePart = z.union([
  z.object({ SpecialToken: z.object({ id: z.string(), ...typed }) }),
  z.object({ Sequence: z.object({ id: z.enum(["A", "B"]), ...typed }) }),
]);
export type TemplatePart = z.infer<typeof templatePart>;
const token = z.tuple([z.string(), z.int().min(0)]);
export type PostProcessorSpec = z.infer<typeof plainPostProcessor> | { type: "Sequence"; processors: PostProcessorSpec[] };
const plainPostProcessor = z.discriminatedUnion("type", [
  part("ByteLevel", { add_prefix_space: z.boolean().optional(), trim_offsets: z.boolean().optional(), use_regex: z.boolean().optional() }),
  part("BertProcessing", { sep: token, cls: token }),
  part("RobertaProcessing", { sep: token, cls: token, trim_offsets: z.boolean().optional(), add_prefix_space: z.boolean().optional() }),
  part("TemplateProcessing", {
    single: z.array(templatePart),
    pair: z.array(templatePart),
    special_tokens: z.record(z.string(), z.object({ id: z.string(), ids: z.array(z.int().min(0)), tokens: z.array(z.string()) })),
  }),
]);
const postProcessor: z.ZodType<PostProcessorSpec> = z.lazy(() =>
  z.union([plainPostProcessor, part("Sequence", { processors: z.array(postProcessor) })]),
);

export type DecoderSpec = z.infer<typeof plainDecoder> | { type: "Sequence"; decoders: DecoderSpec[] };
const plainDecoder = z.discriminatedUnion("type", [
  part("ByteLevel", { add_prefix_space: z.boolean().optional(), trim_offsets: z.boolean().optional(), use_regex: z.boolean().optional() }),
  part("WordPiece", { prefix: z.string(), cleanup: z.boolean() }),
  part("Metaspace", { ...metaspace, split: z.boolean().optional() }),
  part("BPEDecoder", { suffix: z.string() }),
  part("ByteFallback", {}),
  part("Fuse", {}),
  part("Strip", { content: z.string(), start: z.int().min(0), stop: z.int().min(0) }),
  part("Replace", { pattern, content: z.string() }),
]);
const decoder: z.ZodType<DecoderSpec> = z.lazy(() => z.union([plainDecoder, part("Sequence", { decoders: z.array(decoder) })]));

const addedToken = z.object({
  id: tokenId,
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(true),
  special: z.boolean().default(false),
});
/** A token that is found in the text as it stands, before anything else is looked at. */
export type AddedToken = z.infer<typeof addedToken>;

const tokenizer = z.object({
  version: z.string().default("1.0"),
  truncation: z.unknown().optional(),
  padding: z.unknown().optional(),
  added_tokens: z.array(addedToken).default([]),
  normalizer: normalizer.nullish(),
  pre_tokenizer: preTokenizer.nullish(),
  post_processor: postProcessor.nullish(),
  decoder: decoder.nullish(),
  model,
});
export type TokenizerSpec = z.infer<typeof tokenizer>;

/** The parsed JSON of a `tokenizer.json`, checked. `where` names it in errors. @throws FileError naming the field that is not right or not known here. */
export function checkTokenizerSpec(value: unknown, where: string): TokenizerSpec {
  const checked = tokenizer.safeParse(withModelType(value));
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new FileError({
    what: "The tokenizer file is not one that can be used here.",
    where: `${where}, ${issue.path.join(".") || "top"}`,
    got: issue.message,
    expected: "a tokenizer.json of Hugging Face's tokenizers with a BPE, WordPiece, WordLevel or Unigram model",
  });
}

/** Old files lack the model's type. */
function withModelType(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("model" in value)) return value;
  const { model } = value;
  if (typeof model !== "object" || model === null || "type" in model) return value;
  const type =
    "merges" in model
      ? "BPE"
      : "max_input_chars_per_word" in model
        ? "WordPiece"
        : "vocab" in model && Array.isArray(model.vocab)
          ? "Unigram"
          : "WordLevel";
  return { ...value, model: { type, ...model } };
}
