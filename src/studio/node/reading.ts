import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { StudioError } from "./errors.ts";

/** The longest JSON that a page may send. */
export const JSON_BYTES = 2 ** 20;

/** A JSON body. @throws StudioError where it is none (400, 415) or too long (413); z.ZodError where it is not what it should be */
export async function readJson<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new StudioError(415, { what: "The body is not sent as JSON.", got: type || "no content-type", expected: "application/json" });
  }
  const parts: Uint8Array[] = [];
  for await (const part of readBody(request, JSON_BYTES)) parts.push(part);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)));
  } catch {
    throw new StudioError(400, { what: "The body is not JSON in UTF-8." });
  }
  return schema.parse(value);
}

/** The body as it comes. @param limit bytes @throws StudioError (413) as soon as it is longer, (400) where it ends before its end */
export async function* readBody(request: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  const tooLong = () => new StudioError(413, { what: "The body of the request is too long.", expected: `at most ${limit} bytes` });
  if (Number(request.headers["content-length"] ?? 0) > limit) throw tooLong();
  let size = 0;
  // Destroying the stream would take the answer with it.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    size += (part as Buffer).length;
    if (size > limit) throw tooLong();
    yield part as Buffer;
  }
  if (!request.complete) throw new StudioError(400, { what: "The request ended before its body was complete." });
}
