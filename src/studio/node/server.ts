import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { UsageError } from "../../core/errors.ts";
import { packageInfo } from "../../core/node/package-info.ts";
import { sendAnswer, sendAsset, sendJson } from "./answering.ts";
import { type Asset, listAssets } from "./assets.ts";
import { failureOf, StudioError } from "./errors.ts";
import { checkSource, type Guard, isToken, makeGuard, mayEnter, securityHeaders, tokenCookie } from "./guard.ts";
import { whoAnswers } from "./port.ts";
import { readBody, readJson } from "./reading.ts";
import type { Route, RouteRequest, Studio } from "./route.ts";
import { type Found, router } from "./router.ts";
import { routes as allRoutes } from "./routes.ts";
import { entrancePage, missingPage } from "./small-pages.ts";

export interface StudioServerOptions {
  /** Default 127.0.0.1. Another host demands a token. */
  readonly host?: string | undefined;
  /** Default 5170; 0 takes any that is free. */
  readonly port?: number | undefined;
  /** What a browser must bring to enter. Default: none for this machine's own address, else one that is made. */
  readonly token?: string | undefined;
  /** Further names under which it is asked for. */
  readonly names?: readonly string[] | undefined;
  /** Folder of the built page. */
  readonly page: string;
  /** Default: all of them. */
  readonly routes?: readonly Route[] | undefined;
  /** Told of faults of ours. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface RunningStudio {
  /** `http://127.0.0.1:5170/` */
  readonly url: string;
  /** The address that lets a browser in: with the token, where one is needed. */
  readonly entrance: string;
  /** The same as other machines see it, where the studio listens on all addresses of this one. */
  readonly elsewhere: readonly string[];
  readonly port: number;
  readonly token: string | undefined;
  /** Let nobody in any more, end what was started. */
  close(): Promise<void>;
}

interface Serving {
  readonly studio: Studio;
  readonly guard: Guard;
  readonly assets: ReadonlyMap<string, () => Asset>;
  readonly find: (method: string, path: string) => Found;
  readonly onError: (error: unknown) => void;
  /** Aborted when the server ends. */
  readonly ending: AbortSignal;
}

/**
 * Serve a studio.
 * @throws UsageError for a port that cannot be had, and a token that could be guessed
 */
export async function serveStudio(studio: Studio, options: StudioServerOptions): Promise<RunningStudio> {
  const { host = "127.0.0.1", port = 5170, token, names, page, routes = allRoutes, onError = () => {} } = options;
  // Before listening: what is wrong with the token is said at once.
  makeGuard({ host, port, token, names });
  const ending = new AbortController();
  const find = router(routes);
  const assets = listAssets(page);
  const server = createServer();
  await listen(server, host, port);
  const bound = (server.address() as AddressInfo).port;
  const guard = makeGuard({ host, port: bound, token, names });
  const serving: Serving = { studio, guard, assets, find, onError, ending: ending.signal };
  server.on("request", (request, response) => void answer(serving, request, response));
  const everywhere = host === "0.0.0.0" || host === "::";
  const url = `http://${everywhere ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${bound}/`;
  const entrance = guard.token === undefined ? "" : `?token=${guard.token}`;
  let closed: Promise<void> | undefined;
  return {
    url,
    entrance: `${url}${entrance}`,
    elsewhere: everywhere ? ownAddresses().map((address) => `http://${address}:${bound}/${entrance}`) : [],
    port: bound,
    token: guard.token,
    close: () => {
      closed ??= end(server, studio, ending);
      return closed;
    },
  };
}

/** This machine's addresses in its networks. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return all.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      const { what, hint } = await whoAnswers(host, port);
      throw new UsageError({ what, hint, cause: error });
    }
    const hint = code === "EACCES" ? "ports below 1024 are the system's: choose a higher --port" : "choose another --host or --port";
    throw new UsageError({ what: `The studio cannot listen on ${host}, port ${port}.`, got: code, hint, cause: error });
  }
}

async function end(server: Server, studio: Studio, ending: AbortController): Promise<void> {
  const listening = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  ending.abort(new Error("the studio ends"));
  await studio.close();
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), 500).unref();
  await listening;
}

async function answer(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
  response.on("error", () => {});
  try {
    await respond(serving, request, response);
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { status, body, unexpected } = failureOf(error);
    if (unexpected) serving.onError(error);
    sendJson(body, status, request, response);
    // What is still being sent is let go by, so that the client, which is still sending, can read the answer.
    request.resume();
  }
}

async function respond(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { guard, assets } = serving;
  const [path, search = ""] = splitOnce(request.url ?? "/");
  checkSource(guard, request.headers, path);
  // Tells another `atelier studio` that wants the port who has it.
  if (path === "/api/health") return sendJson({ studio: packageInfo().version }, 200, request, response);
  const query = new URLSearchParams(search);
  if (path === "/" && guard.token !== undefined && query.has("token")) return enter(guard, query.get("token")!, response);
  if (!mayEnter(guard, request.headers)) {
    if (path !== "/") throw new StudioError(401, { what: "The studio needs its token.", hint: "open the address that it printed" });
    response.writeHead(401, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(entrancePage(false));
    return;
  }
  if (path.startsWith("/api/")) return await call(serving, path, query, request, response);
  if (request.method !== "GET" && request.method !== "HEAD") throw new StudioError(405, "Files of the page are only read.");
  const asset = assets.get(path);
  if (asset !== undefined) return sendAsset(asset(), request, response);
  if (path !== "/") throw new StudioError(404, "The studio has nothing at this address.");
  response.writeHead(503, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(missingPage);
}

/** The token leaves the address as soon as it is known, so that it stays in no history. */
function enter(guard: Guard, given: string, response: ServerResponse): void {
  const right = isToken(guard, given);
  if (right) response.writeHead(303, { location: "./", "set-cookie": tokenCookie(guard), "cache-control": "no-store" }).end();
  else response.writeHead(401, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(entrancePage(true));
}

async function call(
  { find, studio, ending }: Serving,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { route, parameters } = find(request.method ?? "GET", path);
  const gone = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) gone.abort(new Error("the client is gone"));
  });
  const last = request.headers["last-event-id"];
  const asked: RouteRequest = {
    parameters,
    query,
    json: (schema) => readJson(request, schema),
    body: (limit) => readBody(request, limit),
    signal: AbortSignal.any([gone.signal, ending]),
    lastEventId: typeof last === "string" ? last : undefined,
  };
  const answered = await route.handle(asked, studio);
  if ("events" in answered) ending.addEventListener("abort", () => response.end(), { once: true });
  await sendAnswer(answered, request, response);
}

function splitOnce(url: string): [path: string, search?: string] {
  const at = url.indexOf("?");
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)];
}
