import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { FileError, UsageError } from "../../core/errors.ts";
import type { Route } from "./route.ts";
import { type RunningStudio, type StudioServerOptions, serveStudio } from "./server.ts";
import { openStudio } from "./studio.ts";

const folder = mkdtempSync(path.join(tmpdir(), "atelier-studio-"));
const page = path.join(folder, "page");
const secret = path.join(folder, "secret.txt");
const faults: unknown[] = [];

const routes: readonly Route[] = [
  { method: "GET", path: "/api/echo/:name", handle: async ({ parameters, query }) => ({ json: { ...parameters, q: query.get("q") } }) },
  {
    method: "POST",
    path: "/api/sum",
    handle: async (asked) => ({ json: (await asked.json(z.strictObject({ numbers: z.array(z.number()) }))).numbers.length, status: 201 }),
  },
  {
    method: "POST",
    path: "/api/upload",
    handle: async (asked) => {
      let bytes = 0;
      for await (const part of asked.body(1000)) bytes += part.length;
      return { json: bytes };
    },
  },
  { method: "GET", path: "/api/file", handle: async () => ({ file: secret, type: "text/plain" }) },
  { method: "GET", path: "/api/gone", handle: async () => ({ file: `${secret}.gone`, type: "text/plain" }) },
  { method: "GET", path: "/api/bytes", handle: async () => ({ bytes: Uint8Array.of(1, 2, 3), type: "application/octet-stream" }) },
  {
    method: "GET",
    path: "/api/fails/:how",
    handle: async ({ parameters: { how } }) => {
      if (how === "use") throw new UsageError({ what: "There is no such thing.", got: "x", hint: "y" });
      if (how === "file") throw new FileError({ what: "It is broken.", where: secret });
      throw new Error(`cannot read ${secret}`);
    },
  },
  {
    method: "GET",
    path: "/api/events",
    handle: async ({ lastEventId = "0", signal }) => ({
      events: (async function* () {
        for (let id = Number(lastEventId) + 1; id <= 3; id++) yield { event: "row", id: String(id), data: { id } };
        if (lastEventId !== "0") return;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        aborted = true;
      })(),
    }),
  },
];
let aborted = false;

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** A request with whatever headers, as no browser lets pages send them. */
function ask(port: number, method: string, where: string, headers: Record<string, string> = {}, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path: where, headers: { host: `127.0.0.1:${port}`, ...headers } }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => {
        text += part;
      });
      answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const json = { "content-type": "application/json" };
let open: RunningStudio;
let guarded: RunningStudio;
const token = "a-token-of-24-characters";

function start(options: Partial<StudioServerOptions> = {}): Promise<RunningStudio> {
  const onError = (error: unknown) => faults.push(error);
  return serveStudio(openStudio({ runsFolder: path.join(folder, "runs") }), { port: 0, page, routes, onError, ...options });
}

beforeAll(async () => {
  mkdirSync(path.join(page, "assets"), { recursive: true });
  mkdirSync(path.join(page, ".vite"));
  writeFileSync(path.join(page, "index.html"), "<!doctype html>the page");
  writeFileSync(path.join(page, "assets", "index-abc.js"), `${"// ".padEnd(3000, "x")}\n`);
  writeFileSync(path.join(page, ".vite", "manifest.json"), "{}");
  writeFileSync(path.join(page, "notes.exe"), "");
  writeFileSync(secret, "secret");
  open = await start();
  guarded = await start({ token, names: ["studio.example"] });
});

afterAll(async () => {
  await Promise.all([open.close(), guarded.close()]);
  rmSync(folder, { recursive: true, force: true });
});

describe("the page's files", () => {
  it("are served by their exact addresses, packed where that helps", async () => {
    expect(await ask(open.port, "GET", "/")).toMatchObject({ status: 200, text: "<!doctype html>the page" });
    const asset = await ask(open.port, "GET", "/assets/index-abc.js", { "accept-encoding": "gzip" });
    expect(asset).toMatchObject({
      status: 200,
      headers: { "content-encoding": "gzip", "cache-control": expect.stringContaining("immutable") },
    });
    expect((await ask(open.port, "HEAD", "/assets/index-abc.js")).headers["content-length"]).toBe("3001");
  });

  it.each([
    "/../secret.txt",
    "/assets/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/assets/..%5c..%5csecret.txt",
    "//etc/passwd",
    "/assets",
    "/assets/",
    "/.vite/manifest.json",
    "/notes.exe",
    "/index.html/",
    "/api/../../secret.txt",
  ])("%s leads nowhere", async (where) => {
    const { status, text } = await ask(open.port, "GET", where);
    expect(status).toBe(404);
    expect(text).not.toContain("secret");
  });

  it("say what the page may load: its own, with WebAssembly, isolated so that it has threads", async () => {
    const { headers } = await ask(open.port, "GET", "/");
    const policy = headers["content-security-policy"]!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(policy).not.toMatch(/https?:|\*|script-src[^;]*unsafe-inline/);
    expect(headers).toMatchObject({
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "x-content-type-options": "nosniff",
    });
  });
});

describe("routes", () => {
  it("get what stands in the address, and answer with JSON, bytes and files", async () => {
    expect(JSON.parse((await ask(open.port, "GET", "/api/echo/a%2Fb?q=%26")).text)).toEqual({ name: "a/b", q: "&" });
    expect((await ask(open.port, "GET", "/api/bytes")).text).toBe("\u0001\u0002\u0003");
    const file = await ask(open.port, "GET", "/api/file");
    expect(file.text).toBe("secret");
    expect((await ask(open.port, "GET", "/api/file", { "if-none-match": file.headers.etag! })).status).toBe(304);
    expect((await ask(open.port, "GET", "/api/gone")).status).toBe(422);
  });

  it("refuse addresses and methods that are none", async () => {
    expect((await ask(open.port, "GET", "/api/nothing")).status).toBe(404);
    expect((await ask(open.port, "POST", "/api/bytes")).status).toBe(405);
    expect((await ask(open.port, "GET", "/api/echo/%ff")).status).toBe(400);
  });

  it("take bodies that are what they should be and not too long", async () => {
    const sum = (body: string, headers: Record<string, string> = json) => ask(open.port, "POST", "/api/sum", headers, body);
    expect(await sum('{"numbers":[1,2]}')).toMatchObject({ status: 201, text: "2" });
    expect(await sum('{"numbers":["1"]}')).toMatchObject({ status: 400, text: expect.stringContaining("numbers.0") });
    expect((await sum("{")).status).toBe(400);
    expect((await sum('{"numbers":[]}', { "content-type": "text/plain" })).status).toBe(415);
    expect((await sum(" ".repeat(2 ** 20 + 1))).status).toBe(413);
    expect(await ask(open.port, "POST", "/api/upload", {}, Buffer.alloc(1000))).toMatchObject({ status: 200, text: "1000" });
    expect((await ask(open.port, "POST", "/api/upload", { "transfer-encoding": "chunked" }, Buffer.alloc(1001))).status).toBe(413);
  });

  it("tell the errors of users and hide those of ours, which go to the terminal", async () => {
    const use = await ask(open.port, "GET", "/api/fails/use");
    expect(use.status).toBe(400);
    expect(JSON.parse(use.text)).toEqual({ error: { kind: "UsageError", message: "There is no such thing. Given: x.", hint: "y" } });
    expect((await ask(open.port, "GET", "/api/fails/file")).status).toBe(422);
    const bug = await ask(open.port, "GET", "/api/fails/bug");
    expect(bug.status).toBe(500);
    expect(bug.text).not.toContain("secret");
    expect(String(faults.at(-1))).toContain("secret");
  });

  it("send events, and go on after the last one that was seen", async () => {
    const all = await ask(open.port, "GET", "/api/events", { "last-event-id": "1" });
    expect(all.headers["content-type"]).toContain("text/event-stream");
    expect(all.text).toBe('event: row\nid: 2\ndata: {"id":2}\n\nevent: row\nid: 3\ndata: {"id":3}\n\n');
    const gone = request({ host: "127.0.0.1", port: open.port, path: "/api/events" }, (answer) => {
      answer.on("error", () => {});
      answer.once("data", () => gone.destroy());
    });
    gone.on("error", () => {});
    gone.end();
    await expect.poll(() => aborted).toBe(true);
  });
});

describe("who may ask", () => {
  it("answers only under this machine's own names, so that no other name can be bent to it", async () => {
    for (const host of ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"]) {
      expect((await ask(open.port, "GET", "/api/bytes", { host: `${host}:${open.port}` })).status).toBe(200);
    }
    for (const host of ["evil.example", `evil.example:${open.port}`, "localhost.evil.example", "192.168.1.5"]) {
      expect((await ask(open.port, "GET", "/api/bytes", { host })).status).toBe(403);
    }
  });

  it("refuses what pages of other sites ask", async () => {
    const own = `http://127.0.0.1:${open.port}`;
    const post = (headers: Record<string, string>) => ask(open.port, "POST", "/api/sum", { ...json, ...headers }, '{"numbers":[]}');
    expect((await post({ origin: own, "sec-fetch-site": "same-origin" })).status).toBe(201);
    for (const origin of ["http://evil.example", "http://127.0.0.1:1", "null", `http://localhost:${open.port}`]) {
      expect((await post({ origin })).status).toBe(403);
    }
    for (const site of ["cross-site", "same-site"]) {
      const image = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" };
      expect((await ask(open.port, "GET", "/api/bytes", image)).status).toBe(403);
      const frame = { "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" };
      expect((await ask(open.port, "GET", "/", frame)).status).toBe(403);
      const link = { "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
      expect((await ask(open.port, "GET", "/", link)).status).toBe(200);
      expect((await ask(open.port, "GET", "/api/bytes", link)).status).toBe(403);
    }
  });
});

describe("a token", () => {
  it("is asked for everywhere but by the one who looks who has the port", async () => {
    expect((await ask(guarded.port, "GET", "/api/health")).status).toBe(200);
    expect(await ask(guarded.port, "GET", "/")).toMatchObject({ status: 401, text: expect.not.stringContaining("the page") });
    for (const where of ["/api/bytes", "/api/nothing", "/assets/index-abc.js"]) {
      expect((await ask(guarded.port, "GET", where)).status).toBe(401);
    }
    const cookie = `atelier_studio_${guarded.port}`;
    for (const wrong of [`${cookie}=${token}x`, `${cookie}=`, `other=${token}`]) {
      expect((await ask(guarded.port, "GET", "/api/bytes", { cookie: wrong })).status).toBe(401);
    }
    expect((await ask(guarded.port, "GET", "/api/bytes", { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await ask(guarded.port, "GET", "/api/bytes", { host: "Studio.example", authorization: `Bearer ${token}` })).status).toBe(200);
  });

  it("leaves the address for a cookie that scripts and other sites cannot use", async () => {
    expect(guarded.entrance).toBe(`http://127.0.0.1:${guarded.port}/?token=${token}`);
    expect((await ask(guarded.port, "GET", "/?token=wrong")).status).toBe(401);
    const entered = await ask(guarded.port, "GET", `/?token=${token}`);
    expect(entered).toMatchObject({ status: 303, headers: { location: "./" } });
    const [cookie] = entered.headers["set-cookie"]!;
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict/);
    const headers = { cookie: `first=1; ${cookie.split(";")[0]}` };
    expect(await ask(guarded.port, "GET", "/", headers)).toMatchObject({ status: 200, text: "<!doctype html>the page" });
  });

  it("is made where others can reach the studio, and must not be easy to guess", async () => {
    const reachable = await start({ host: "0.0.0.0" });
    expect(reachable.token).toMatch(/^[\w-]{32}$/);
    for (const address of reachable.elsewhere) expect(address).toMatch(/^http:\/\/[\d.]+:\d+\/\?token=/);
    expect((await ask(reachable.port, "GET", "/api/bytes")).status).toBe(401);
    const bearer = { authorization: `Bearer ${reachable.token}` };
    expect((await ask(reachable.port, "GET", "/api/bytes", { ...bearer, host: "192.168.1.5:80" })).status).toBe(200);
    expect((await ask(reachable.port, "GET", "/api/bytes", { ...bearer, host: "evil.example" })).status).toBe(403);
    await reachable.close();
    await expect(start({ token: "short" })).rejects.toThrow("does not protect");
  });
});

describe("ports", () => {
  it("that are in use are told with who has them and which is free", async () => {
    const error = (await start({ port: open.port }).catch((reason: unknown) => reason)) as UsageError;
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(`Port ${open.port} is in use by another studio.`);
    expect(error.message).toMatch(/--port \d+ is free/);
  });
});

it("shows what to do where the page is not built, and ends with streams open", async () => {
  const bare = await start({ page: path.join(folder, "nowhere") });
  expect(await ask(bare.port, "GET", "/")).toMatchObject({ status: 503, text: expect.stringContaining("npm run build") });
  const stream = ask(bare.port, "GET", "/api/events").catch(() => undefined);
  await expect.poll(async () => (await ask(bare.port, "GET", "/api/health")).status).toBe(200);
  await bare.close();
  await stream;
});
