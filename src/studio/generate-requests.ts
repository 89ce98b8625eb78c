// What the page may ask of generation, checked by the server. The page takes only the types.
import { z } from "zod";

const seed = z.string().min(1).max(64);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "1 to 64 letters, digits, - and _, beginning with a letter or digit");
/** A file of a gallery: never a path. */
const file = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,79}\.png$/, "the name of a picture in the gallery");

/** A picture that is there already: one of a batch, one that was sent, a held-out one by its number, or the fresh one of a seed. */
export const pictureRef = z.union([
  z.strictObject({ batch: name, index: z.int().min(0).max(4095) }),
  z.strictObject({ upload: file }),
  z.strictObject({ held: z.int().min(0).max(10_000_000) }),
  z.strictObject({ seed }),
]);
export type PictureRef = z.infer<typeof pictureRef>;

const sampling = z.record(z.string().max(64), z.union([z.number(), z.boolean(), z.string().max(64)])).optional();
const conditions = {
  /** A class by name or number, for all. */
  label: z.string().max(200).optional(),
  attributes: z.record(z.string().max(200), z.union([z.literal(0), z.literal(1)])).optional(),
};
const count = z.int().min(1).max(256);

export const fillRequest = z.strictObject({
  work: z.literal("fill"),
  of: pictureRef,
  /** See `packMask`. */
  known: z.string().max(64_000),
  ...{ count, seed, sampling, ...conditions },
});
export type FillRequest = z.infer<typeof fillRequest>;

/** Pictures wanted. `amount` in (0, 1]: how far variations lie from their picture. */
export const pictureRequest = z.discriminatedUnion("work", [
  z.strictObject({ work: z.literal("fresh"), count, seed, sampling, ...conditions }),
  z.strictObject({ work: z.literal("variations"), of: pictureRef, amount: z.number().gt(0).max(1), count, seed, sampling, ...conditions }),
  z.strictObject({
    work: z.literal("between"),
    from: pictureRef,
    to: pictureRef,
    steps: z.int().min(2).max(64),
    method: z.enum(["linear", "spherical"]),
    sampling,
    ...conditions,
  }),
  fillRequest,
  z.strictObject({ work: z.literal("from"), of: pictureRef, count, seed, sampling, ...conditions }),
  z.strictObject({ work: z.literal("reconstruct"), of: pictureRef, ...conditions }),
]);
export type PictureRequest = z.infer<typeof pictureRequest>;

export const pointsRequest = z.strictObject({ count: z.int().min(1).max(20_000), seed, sampling, label: conditions.label });
export type PointsRequest = z.infer<typeof pointsRequest>;

const wording = {
  temperature: z.number().min(0).max(10).default(0.8),
  topK: z.int().min(0).max(1_000_000).optional(),
  topP: z.number().gt(0).max(1).optional(),
  minP: z.number().min(0).max(1).optional(),
  repetitionPenalty: z.number().gt(0).max(10).optional(),
  seed: seed.default("0"),
  maxTokens: z.int().min(1).max(100_000).default(120),
};

export const textRequest = z.strictObject({
  prompt: z.string().max(200_000),
  /** Ids that stand after the prompt: a text that was begun and goes on, with another token perhaps. */
  tokens: z.array(z.int().min(0)).max(100_000).default([]),
  stop: z.array(z.string().min(1).max(200)).max(8).default([]),
  /** Alternatives told for each token. */
  alternatives: z.int().min(0).max(20).default(8),
  ...wording,
});
export type TextRequest = z.input<typeof textRequest>;

const chatTurn = z.strictObject({ role: z.enum(["user", "assistant"]), content: z.string().max(100_000) });
export type ChatTurn = z.infer<typeof chatTurn>;
const example = z.strictObject({ user: z.string().max(20_000), assistant: z.string().max(20_000) });
export type Example = z.infer<typeof example>;

export const chatRequest = z.strictObject({
  system: z.string().max(50_000).optional(),
  examples: z.array(example).max(50).default([]),
  /** The conversation; the last turn is the user's. */
  messages: z.array(chatTurn).min(1).max(1000),
  ...wording,
});
export type ChatRequest = z.input<typeof chatRequest>;

/** How tokens are chosen, as texts and chats share it. */
export type WordingRequest = Pick<TextRequest, keyof typeof wording>;

export const attentionRequest = z.strictObject({ text: z.string().min(1).max(2000) });
export type AttentionRequest = z.infer<typeof attentionRequest>;
export const masksRequest = z.strictObject({ text: z.string().min(1).max(20_000), top: z.int().min(1).max(50).default(5) });
export type MasksRequest = z.input<typeof masksRequest>;
export const pairsRequest = z.strictObject({ text: z.string().min(1).max(20_000), sampling, count: z.int().min(1).max(20).default(5) });
export type PairsRequest = z.input<typeof pairsRequest>;

/** A prompt with a name: what the model is told first, and examples of how to answer. */
export const namedPrompt = z.strictObject({
  name,
  system: z.string().max(50_000).default(""),
  examples: z.array(example).max(50).default([]),
  /** What stands in the text playground, with it. */
  text: z.string().max(200_000).default(""),
});
export type NamedPrompt = z.output<typeof namedPrompt>;
export const promptName = name;
