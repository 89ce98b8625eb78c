import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { fileError } from "../../core/node/files.ts";
import type { Asset } from "./assets.ts";
import type { RouteAnswer } from "./route.ts";

/** How often a line goes out that keeps a quiet stream of events open, in milliseconds. */
const BEAT = 15_000;

/** Send what a route answered. @throws FileError where a file is not there (nothing is sent then) */
export async function sendAnswer(answer: RouteAnswer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if ("json" in answer) sendJson(answer.json, answer.status ?? 200, request, response);
  else if ("bytes" in answer) {
    response.writeHead(200, { "content-type": answer.type, "content-length": answer.bytes.length, "cache-control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : answer.bytes);
  } else if ("file" in answer) await sendFile(answer, request, response);
  else await sendEvents(answer.events, response);
}

/** Numbers that JSON lacks (NaN, the infinities) become null, as in every JSON. */
export function sendJson(value: unknown, status: number, request: IncomingMessage, response: ServerResponse): void {
  const body = Buffer.from(JSON.stringify(value ?? null));
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": body.length,
    "cache-control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** Send a file of the page. Those whose names change with their content may be kept for good. */
export function sendAsset(asset: Asset, request: IncomingMessage, response: ServerResponse): void {
  const packed = asset.packed !== undefined && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = packed ? asset.packed! : asset.bytes;
  response.writeHead(200, {
    "content-type": asset.type,
    "content-length": body.length,
    "cache-control": asset.hashed ? "public, max-age=31536000, immutable" : "no-cache",
    vary: "accept-encoding",
    ...(packed ? { "content-encoding": "gzip" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function sendFile(
  { file, type, cache = "none" }: Extract<RouteAnswer, { file: string }>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const about = await stat(file).catch((error: unknown) => {
    throw fileError(error, "The file cannot be read.");
  });
  const tag = `"${about.size.toString(36)}-${Math.round(about.mtimeMs).toString(36)}"`;
  const headers = { "cache-control": cache === "immutable" ? "private, max-age=31536000, immutable" : "no-cache", etag: tag };
  if (request.headers["if-none-match"] === tag) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, "content-type": type, "content-length": about.size });
  if (request.method === "HEAD") response.end();
  else if (about.size === 0) response.end();
  // Never more than was promised, even where the file grows.
  else await pipeline(createReadStream(file, { end: about.size - 1 }), response);
}

async function sendEvents(events: Extract<RouteAnswer, { events: unknown }>["events"], response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no" });
  response.flushHeaders();
  const beat = setInterval(() => response.write(":\n\n"), BEAT);
  const gone = new Promise<"gone">((resolve) => {
    if (response.destroyed) resolve("gone");
    response.once("close", () => resolve("gone"));
  });
  const reader = events[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([reader.next(), gone]);
      if (next === "gone" || next.done) break;
      const { event, id, data } = next.value;
      const head = `${event === undefined ? "" : `event: ${oneLine(event)}\n`}${id === undefined ? "" : `id: ${oneLine(id)}\n`}`;
      const full = !response.write(`${head}data: ${JSON.stringify(data ?? null)}\n\n`);
      if (full && (await Promise.race([new Promise((resolve) => response.once("drain", resolve)), gone])) === "gone") break;
    }
    response.end();
  } finally {
    clearInterval(beat);
    // Not waited for: a generator that waits for its next event cannot end before it has come.
    void Promise.resolve(reader.return?.()).catch(() => {});
  }
}

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, " ");
}
