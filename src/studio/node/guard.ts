import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { UsageError } from "../../core/errors.ts";
import { StudioError } from "./errors.ts";

const LOOPBACK = ["127.0.0.1", "localhost", "::1"];
const LEAST_TOKEN = 16;

export interface Guard {
  /** What clients must have; undefined where the studio is only this machine's. */
  readonly token: string | undefined;
  /** The cookie in which a browser keeps the token. Cookies are shared by all ports of a host, so that its name has the port. */
  readonly cookie: string;
  /** Names besides its addresses under which it answers. */
  readonly names: readonly string[];
  readonly loopback: boolean;
}

export interface GuardOptions {
  readonly host: string;
  readonly port: number;
  /** What clients must have. Default: none on the loopback address, else one that is made. */
  readonly token?: string | undefined;
  /** Further names under which the studio is asked for. */
  readonly names?: readonly string[] | undefined;
}

/** Who may ask. @throws UsageError for a token that could be guessed */
export function makeGuard({ host, port, token, names = [] }: GuardOptions): Guard {
  const loopback = LOOPBACK.includes(host);
  if (token !== undefined && !/^[\w.~-]{16,256}$/.test(token)) {
    const expected = `${LEAST_TOKEN} to 256 letters, digits and -._~`;
    throw new UsageError({ what: "This token does not protect the studio.", expected, hint: "leave --token out: one is made" });
  }
  const needed = token ?? (loopback ? undefined : randomBytes(24).toString("base64url"));
  const own = hostname().toLowerCase();
  const known = loopback ? names : [own, `${own}.local`, ...names];
  return { token: needed, cookie: `atelier_studio_${port}`, names: known.map((name) => name.toLowerCase()), loopback };
}

/**
 * Refuse what pages of other sites make a browser ask. A name of theirs that leads to this machine (DNS rebinding) is not answered under; requests from
 * their pages carry an `Origin` or `Sec-Fetch-Site` that says so. Links to the studio (a navigation to its page) are let through.
 * @param path without query
 * @throws StudioError (403)
 */
export function checkSource(guard: Guard, headers: IncomingHttpHeaders, path: string): void {
  const { host = "", origin } = headers;
  const asked = host
    .replace(/:\d+$/, "")
    .replace(/^\[|\]$/g, "")
    .toLowerCase();
  const known = LOOPBACK.includes(asked) || guard.names.includes(asked) || (!guard.loopback && isIP(asked) !== 0);
  if (!known) {
    const hint = "open the address that `atelier studio` printed; --allow-host NAME lets it answer under a further name";
    throw new StudioError(403, { what: `The studio does not answer under the name '${asked}'.`, hint });
  }
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new StudioError(403, { what: `Pages of '${origin}' may not use the studio.` });
  }
  const site = headers["sec-fetch-site"];
  const link = headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document" && path === "/";
  if ((site === "cross-site" || site === "same-site") && !link) {
    throw new StudioError(403, { what: "Pages of other sites may not use the studio." });
  }
}

/** Whether a request brings the token: as cookie, as `Authorization: Bearer`, or there is none to bring. */
export function mayEnter(guard: Guard, { cookie = "", authorization = "" }: IncomingHttpHeaders): boolean {
  if (guard.token === undefined) return true;
  const kept = cookie
    .split(";")
    .map((pair) => pair.trim().split("="))
    .find(([name]) => name === guard.cookie)?.[1];
  const given = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
  return [kept, given].some((text) => text !== undefined && equals(text, guard.token!));
}

/** Whether this is the token, in a time that does not tell how much of it is right. */
export function isToken(guard: Guard, text: string): boolean {
  return guard.token !== undefined && equals(text, guard.token);
}

/** What a browser is told to keep: unreadable for scripts, and not sent from other sites. */
export function tokenCookie(guard: Guard): string {
  return `${guard.cookie}=${guard.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000`;
}

function equals(a: string, b: string): boolean {
  // Digests have equal lengths, as a comparison in constant time needs.
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/**
 * What every answer carries. The policy lets the page load its own files only; WebAssembly may compile and workers may come from memory, as the runtime
 * needs it; KaTeX sets places by style attributes. The isolation headers let WebAssembly have threads.
 */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self' blob:",
    "style-src 'self'",
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "connect-src 'self' blob: data:",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};
