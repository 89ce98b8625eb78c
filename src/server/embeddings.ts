import { ApiError, badParameter } from "./errors.ts";
import type { EmbeddingBody } from "./schemas.ts";
import { promptIds } from "./settings.ts";
import type { Work } from "./work.ts";

/** Texts that are embedded at a time; between them other requests have their turn. */
const TOGETHER = 16;

/** One vector of length 1 a text. @throws ApiError 400 */
export async function embeddings(body: EmbeddingBody, work: Work): Promise<object> {
  const { engine, name } = work.model;
  if (engine.embed === undefined)
    throw new ApiError(400, `The model '${name}' does not make embeddings.`, { param: "model", code: "unsupported_model" });
  const { input } = body;
  const given = typeof input === "string" ? [input] : typeof input[0] === "number" ? [input as number[]] : (input as string[] | number[][]);
  const texts = given.map((text) => {
    if (text === "") throw badParameter("input", "Invalid 'input': a text must not be empty.");
    const ids = promptIds(engine, text, "input");
    if (ids.length <= engine.context) return ids;
    throw new ApiError(
      400,
      `This model's maximum context length is ${engine.context} tokens, however you requested ${ids.length} tokens. Please reduce your input.`,
      { param: "input", code: "context_length_exceeded" },
    );
  });
  const vectors: Float32Array[] = [];
  for (let from = 0; from < texts.length; from += TOGETHER) {
    const release = await work.ticket.slot();
    try {
      vectors.push(...(await engine.embed(texts.slice(from, from + TOGETHER))));
    } finally {
      release();
    }
  }
  const size = vectors[0].length;
  if (body.dimensions !== undefined && body.dimensions !== size)
    throw badParameter("dimensions", `This model's embeddings have ${size} dimensions, which cannot be changed.`);
  const tokens = texts.reduce((sum, { length }) => sum + length, 0);
  return {
    object: "list",
    model: name,
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: body.encoding_format === "base64" ? base64(vector) : Array.from(vector),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/** The little-endian bytes of float32 numbers. */
function base64(vector: Float32Array): string {
  const bytes = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, i) => {
    bytes.setFloat32(i * 4, value, true);
  });
  let text = "";
  for (let i = 0; i < bytes.byteLength; i++) text += String.fromCharCode(bytes.getUint8(i));
  return btoa(text);
}
