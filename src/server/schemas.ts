/** The bodies that clients send: OpenAI's fields, and those that other servers of open models add (`top_k`, `min_p`, `typical_p`, `repetition_penalty`). */
import { z } from "zod";

/** Texts that one request may ask for. */
export const MOST_CHOICES = 128;

const text = z.string();
const ids = z.array(z.int()).min(1);
/** Accepted and without effect here. */
const ignored = z.unknown().optional();

const sampling = {
  temperature: z.number().min(0).max(2).default(1),
  top_p: z.number().min(0).max(1).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).optional(),
  seed: z.int().optional(),
  top_k: z.int().min(0).optional(),
  min_p: z.number().min(0).max(1).optional(),
  typical_p: z.number().gt(0).max(1).optional(),
  repetition_penalty: z.number().gt(0).max(10).optional(),
};

const generation = {
  model: text,
  ...sampling,
  n: z.int().min(1).max(MOST_CHOICES).default(1),
  stop: z.union([text, z.array(text).max(4)]).optional(),
  stream: z.boolean().default(false),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: ignored }).optional(),
  user: ignored,
  store: ignored,
  metadata: ignored,
  service_tier: ignored,
  safety_identifier: ignored,
  prompt_cache_key: ignored,
  prompt_cache_retention: ignored,
};

export const completionBody = z.strictObject({
  ...generation,
  prompt: z.union([text, ids, z.array(text).min(1), z.array(ids).min(1)]).default(""),
  max_tokens: z.int().min(1).optional(),
  echo: z.boolean().default(false),
  logprobs: z.int().min(0).max(20).optional(),
  best_of: z.int().min(1).optional(),
  suffix: text.optional(),
});
export type CompletionBody = z.infer<typeof completionBody>;

const textPart = z.object({ type: z.literal("text"), text });
const message = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([text, z.array(textPart).min(1)]).nullish(),
  name: text.optional(),
  refusal: ignored,
});

// The type first, so that an unknown one is answered with those that there are.
const responseFormat = z.looseObject({ type: z.enum(["text", "json_object", "json_schema"]) }).pipe(
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("text") }),
    z.strictObject({ type: z.literal("json_object") }),
    z.strictObject({
      type: z.literal("json_schema"),
      json_schema: z.strictObject({
        name: text,
        description: text.optional(),
        schema: z.record(z.string(), z.unknown()).optional(),
        strict: z.boolean().nullish(),
      }),
    }),
  ]),
);

export const chatBody = z.strictObject({
  ...generation,
  messages: z.array(message).min(1),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().default(false),
  top_logprobs: z.int().min(0).max(20).optional(),
  response_format: responseFormat.optional(),
  modalities: z.array(z.literal("text")).optional(),
  parallel_tool_calls: ignored,
  reasoning_effort: ignored,
  verbosity: ignored,
  prediction: ignored,
});
export type ChatBody = z.infer<typeof chatBody>;
export type ResponseFormat = z.infer<typeof responseFormat>;

export const embeddingBody = z.strictObject({
  model: text,
  input: z.union([text, ids, z.array(text).min(1).max(2048), z.array(ids).min(1).max(2048)]),
  encoding_format: z.enum(["float", "base64"]).default("float"),
  dimensions: z.int().min(1).optional(),
  user: ignored,
});
export type EmbeddingBody = z.infer<typeof embeddingBody>;
