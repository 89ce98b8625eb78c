import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { UsageError } from "../../core/errors.ts";
import { ApiError } from "../errors.ts";
import type { Reply, TextService } from "../service.ts";

export interface HttpOptions {
  /** Default 127.0.0.1. */
  host?: string | undefined;
  /** Default 8080; 0 takes any that is free. */
  port?: number | undefined;
  /** What clients must send as `Authorization: Bearer KEY`. Needed unless the host is this machine's own. */
  key?: string | undefined;
  /** Origins of pages that may use the server, or `*`. Default none. */
  cors?: readonly string[] | undefined;
  /** Names besides the host's own under which clients may ask for it. */
  names?: readonly string[] | undefined;
  /** The longest body of a request. Default 4 MiB. */
  bodyBytes?: number | undefined;
  /** How long a client may take nothing of a stream before it counts as gone, in milliseconds. Default 60,000. */
  stallMilliseconds?: number | undefined;
}

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  /** Let nobody in any more, give running answers so much time, end the rest. Further calls wait for the first. */
  close(graceMilliseconds?: number): Promise<void>;
}

const LOOPBACK = ["127.0.0.1", "localhost", "::1"];

/**
 * Serve on a port.
 * @throws UsageError for a host other than this machine's own without a key, and a port that cannot be had
 */
export async function serveHttp(service: TextService, options: HttpOptions = {}): Promise<RunningServer> {
  const { host = "127.0.0.1", port = 8080, key } = options;
  requireKey(host, key);
  const server = createServer((request, response) => {
    void answer(service, options, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const what = error.code === "EADDRINUSE" ? `Port ${port} is in use.` : `The server cannot listen on ${host}, port ${port}.`;
      reject(new UsageError({ what, got: error.code, hint: "choose another with --port; 0 takes any that is free", cause: error }));
    });
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  let closed: Promise<void> | undefined;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: (grace = 0) => {
      closed ??= end(server, service, grace);
      return closed;
    },
  };
}

/** @throws UsageError for a host other than this machine's own without a key */
export function requireKey(host: string, key: string | undefined): void {
  if (LOOPBACK.includes(host) || (key !== undefined && key !== "")) return;
  throw new UsageError({
    what: "A server that others can reach needs a key.",
    got: `--host ${host} without --key`,
    hint: "set ATELIER_KEY (or --key), which clients send as their API key",
  });
}

async function end(server: Server, service: TextService, graceMilliseconds: number): Promise<void> {
  const listening = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  await service.close(graceMilliseconds);
  // Answers are written; connections that still wait for a next request would keep the process.
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), 1000).unref();
  await listening;
}

async function answer(service: TextService, options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? "/").split("?");
  const gone = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) gone.abort(new Error("the client is gone"));
  });
  let reply: Reply;
  let cors: Record<string, string> = {};
  try {
    checkHost(request, options);
    cors = corsHeaders(request, options);
    if (request.method === "OPTIONS" && "access-control-allow-origin" in cors) {
      response
        .writeHead(204, { ...cors, "access-control-allow-methods": "GET, POST", "access-control-allow-headers": "*, authorization" })
        .end();
      return;
    }
    if (path !== "/healthz") checkKey(request, options.key);
    const body = () => readJson(request, options.bodyBytes ?? 4 * 2 ** 20);
    reply = await service.handle({ method: request.method ?? "GET", path, body, signal: gone.signal });
  } catch (error) {
    reply = service.refuse(path, error);
  }
  try {
    await send(reply, cors, request.method === "HEAD", response, options.stallMilliseconds ?? 60_000);
  } catch {
    response.destroy();
  }
}

async function send(
  { status, headers, body }: Reply,
  cors: Readonly<Record<string, string>>,
  head: boolean,
  response: ServerResponse,
  stallMilliseconds: number,
): Promise<void> {
  if (typeof body === "string") {
    const length = { "content-length": String(Buffer.byteLength(body)) };
    response.writeHead(status, { ...headers, ...length, ...cors }).end(head ? undefined : body);
    return;
  }
  response.writeHead(status, { ...headers, ...cors });
  response.flushHeaders();
  for await (const event of body) {
    if (response.destroyed) break;
    if (!response.write(event)) await drained(response, stallMilliseconds);
  }
  response.end();
}

/** Until the client has taken what is written. @throws Error when it is gone, or takes nothing for too long */
function drained(response: ServerResponse, stallMilliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error) => {
      clearTimeout(timer);
      response.off("drain", onDrain);
      response.off("close", onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onDrain = () => done();
    const onClose = () => done(new Error("the client is gone"));
    const timer = setTimeout(() => done(new Error("the client takes nothing")), stallMilliseconds);
    response.on("drain", onDrain);
    response.on("close", onClose);
    if (response.destroyed) onClose();
  });
}

/** Pages of other sites can make a browser ask this server under a name of theirs (DNS rebinding): only its own names are answered. */
function checkHost(request: IncomingMessage, { host = "127.0.0.1", names = [] }: HttpOptions): void {
  if (!LOOPBACK.includes(host)) return;
  const asked = (request.headers.host ?? "")
    .replace(/:\d+$/, "")
    .replace(/^\[|\]$/g, "")
    .toLowerCase();
  if ([...LOOPBACK, ...names].includes(asked)) return;
  throw new ApiError(403, `This server does not answer under the name '${asked}'.`, { code: "host_not_allowed" });
}

/** What lets a page read the answer. @throws ApiError for a page that may not ask */
function corsHeaders({ headers: { origin, host } }: IncomingMessage, { cors = [] }: HttpOptions): Record<string, string> {
  if (origin === undefined || origin === `http://${host}`) return {};
  if (cors.includes("*")) return { "access-control-allow-origin": "*" };
  if (cors.includes(origin)) return { "access-control-allow-origin": origin, vary: "origin" };
  throw new ApiError(403, `Pages of '${origin}' may not use this server.`, { code: "origin_not_allowed" });
}

function checkKey({ headers: { authorization } }: IncomingMessage, key: string | undefined): void {
  if (key === undefined || key === "") return;
  const given = /^Bearer\s+(.+)$/i.exec(authorization ?? "")?.[1];
  if (given === undefined) {
    throw new ApiError(
      401,
      "You didn't provide an API key. You need to provide it in an Authorization header: Authorization: Bearer YOUR_KEY.",
      {
        headers: { "www-authenticate": "Bearer" },
      },
    );
  }
  // Digests have equal lengths, as a comparison in constant time needs.
  const digest = (text: string) => createHash("sha256").update(text).digest();
  if (!timingSafeEqual(digest(given), digest(key)))
    throw new ApiError(401, "Incorrect API key provided.", { code: "invalid_api_key", headers: { "www-authenticate": "Bearer" } });
}

async function readJson(request: IncomingMessage, most: number): Promise<unknown> {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiError(415, `The body must be sent as application/json${type === "" ? "" : `, not as ${type}`}.`, {
      code: "unsupported_media_type",
    });
  }
  const tooLarge = () => new ApiError(413, `The body of the request is larger than ${most} bytes.`, { code: "request_too_large" });
  if (Number(request.headers["content-length"] ?? 0) > most) throw tooLarge();
  const bytes = await readAll(request, most, tooLarge);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApiError(400, `We could not parse the JSON body of your request. (HINT: it must be valid JSON in UTF-8: ${reason})`);
  }
}

/** A body of at most so many bytes. What comes beyond is let go by, so that the client, which is still sending, can read the answer. */
function readAll(request: IncomingMessage, most: number, tooLarge: () => ApiError): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const onData = (part: Buffer) => {
      size += part.length;
      if (size <= most) return parts.push(part);
      request.off("data", onData);
      request.resume();
      return reject(tooLarge());
    };
    request.on("data", onData);
    request.on("end", () => resolve(Buffer.concat(parts)));
    request.on("close", () => reject(new ApiError(400, "The request ended before its body was complete.")));
  });
}
