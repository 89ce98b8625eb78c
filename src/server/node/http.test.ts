// What a well-kept client never sends, and what happens to connections.
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { plainChatTemplate } from "../../tokenizers/chat/template.ts";
import { TextService } from "../service.ts";
import { FakeEngine, type FakeOptions, fakeTokenizer } from "../testing/fake-engine.ts";
import { type HttpOptions, type RunningServer, serveHttp } from "./http.ts";

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function open(fake: FakeOptions = {}, http: HttpOptions = {}) {
  const engine = new FakeEngine(fake);
  const service = new TextService({ engine, template: plainChatTemplate(fakeTokenizer) });
  const server = await serveHttp(service, { port: 0, ...http });
  running.push(server);
  return { engine, service, server };
}

interface Told {
  status: number;
  headers: Headers;
  error: { message: string; type: string; param: string | null; code: string | null };
}

async function ask(url: string, init: RequestInit = {}): Promise<Told> {
  const reply = await fetch(url, init);
  const body = (await reply.json().catch(() => ({}))) as { error: Told["error"] };
  return { status: reply.status, headers: reply.headers, error: body.error };
}

/** A request whose headers fetch would not send. */
function raw(port: number, headers: Record<string, string>, path = "/v1/models"): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest({ port, host: "127.0.0.1", path, headers }, (reply) => {
      reply.resume();
      resolve(reply.statusCode!);
    })
      .on("error", reject)
      .end();
  });
}

async function until(ready: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000 && !(await ready()); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await ready()).toBe(true);
}

const post = (body: string, type = "application/json"): RequestInit => ({ method: "POST", body, headers: { "content-type": type } });

describe("bad requests", () => {
  it("get OpenAI's statuses and bodies", async () => {
    const { server } = await open({}, { bodyBytes: 1000 });
    const completions = `${server.url}/v1/completions`;
    expect(await ask(completions, post("{ nonsense"))).toMatchObject({
      status: 400,
      error: { type: "invalid_request_error", param: null },
    });
    expect(await ask(completions, post("[1]"))).toMatchObject({ status: 400 });
    expect(await ask(completions, post("null"))).toMatchObject({ status: 400 });
    expect(await ask(completions, post('{"prompt":"x"}'))).toMatchObject({ status: 400, error: { param: "model" } });
    expect(await ask(completions, post("{}", "text/plain"))).toMatchObject({ status: 415 });
    expect(await ask(completions, post(`"${"x".repeat(2000)}"`))).toMatchObject({ status: 413, error: { code: "request_too_large" } });
    const streamed = { ...post(""), body: new Blob(["x".repeat(5000)]).stream(), duplex: "half" } as RequestInit;
    expect(await ask(completions, streamed)).toMatchObject({ status: 413 });
    expect(await ask(`${server.url}/v1/files`)).toMatchObject({ status: 404, error: { message: "Invalid URL (GET /v1/files)" } });
    for (const name of ["{model}", "%E0%A4%A"]) expect(await ask(`${server.url}/v1/models/${name}`)).toMatchObject({ status: 404 });
    const wrong = await ask(completions);
    expect(wrong).toMatchObject({ status: 405, error: { code: "method_not_supported" } });
    expect(wrong.headers.get("allow")).toBe("POST");
    expect((await ask(`${server.url}/v1/models`, { method: "HEAD" })).status).toBe(200);
  });

  it("from other hosts' names and pages are refused", async () => {
    const { server } = await open();
    expect(await raw(server.port, { host: "evil.example" })).toBe(403);
    expect(await raw(server.port, { host: `localhost:${server.port}` })).toBe(200);
    expect(await raw(server.port, { host: "127.0.0.1", origin: "https://evil.example" })).toBe(403);
  });

  it("are read where the key or the page is known", async () => {
    const { server } = await open({}, { key: "k", cors: ["https://a.example"], names: ["box.local"] });
    const headers = { authorization: "Bearer k" };
    expect(await ask(`${server.url}/v1/models`)).toMatchObject({ status: 401, error: { code: null } });
    expect((await ask(`${server.url}/healthz`)).status).toBe(200);
    expect(await raw(server.port, { ...headers, host: "box.local" })).toBe(200);
    const page = await fetch(`${server.url}/v1/models`, { headers: { ...headers, origin: "https://a.example" } });
    expect(page.headers.get("access-control-allow-origin")).toBe("https://a.example");
    const flight = await fetch(`${server.url}/v1/models`, { method: "OPTIONS", headers: { origin: "https://a.example" } });
    expect([flight.status, flight.headers.get("access-control-allow-headers")]).toEqual([204, "*, authorization"]);
  });
});

describe("a server", () => {
  it("for others needs a key, and a free port", async () => {
    const service = new TextService({ engine: new FakeEngine(), template: plainChatTemplate(fakeTokenizer) });
    await expect(serveHttp(service, { host: "0.0.0.0", port: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: A server that others can reach needs a key.
        got:      --host 0.0.0.0 without --key
        try:      set ATELIER_KEY (or --key), which clients send as their API key]
    `);
    const { server } = await open();
    await expect(serveHttp(service, { port: server.port })).rejects.toThrow("is in use");
  });

  it("tells figures as Prometheus reads them", async () => {
    const { server } = await open();
    await ask(`${server.url}/v1/completions`, post('{"model":"fake","prompt":"the cat"}'));
    await ask(`${server.url}/v1/completions`, post('{"model":"nobody"}'));
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toContain('atelier_requests_total{route="/v1/completions",status="200"} 1\n');
    expect(text).toContain('atelier_requests_total{route="/v1/completions",status="404"} 1\n');
    expect(text).toContain('atelier_first_token_seconds_bucket{le="+Inf"} 1\n');
    expect(text).toMatch(/^atelier_completion_tokens_total [1-9]\d*$/m);
    expect(text).toContain("atelier_slots 4\n");
    for (const line of text.trimEnd().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [-+.\dEeINfa]+)$/);
    const health = await (await fetch(`${server.url}/healthz`)).json();
    expect(health).toMatchObject({ status: "ok", model: "fake", active: 0 });
  });

  it("lets running answers end when it closes, and nobody in", async () => {
    const { engine, server } = await open({ milliseconds: 5, reply: () => "one two three four" });
    const kept = fetch(`${server.url}/v1/completions`, post('{"model":"fake","prompt":"x","stream":true}'));
    await until(() => engine.stats().active === 1);
    const closed = server.close(10_000);
    const text = await (await kept).text();
    expect(text).toContain("[DONE]");
    await closed;
    expect(engine.closed).toBe(true);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it("cuts what takes longer, and says so in the stream", async () => {
    const { server, engine } = await open({ milliseconds: 5, context: 4000, reply: () => "on and on ".repeat(300) });
    const cut = await fetch(`${server.url}/v1/completions`, post('{"model":"fake","prompt":"x","stream":true,"max_tokens":3000}'));
    const whole = ask(`${server.url}/v1/completions`, post('{"model":"fake","prompt":"x","max_tokens":3000}'));
    await until(() => engine.stats().active === 2);
    await server.close(30);
    const text = await cut.text();
    expect(text).toContain("service_unavailable");
    expect(text).not.toContain("[DONE]");
    expect(await whole).toMatchObject({ status: 503, error: { type: "server_error" } });
  });

  it("does not write ahead of a client that reads slowly, and drops it in the end", async () => {
    const { engine, service, server } = await open(
      { context: 1e6, reply: () => "the cat sat on the mat. ".repeat(20_000) },
      { stallMilliseconds: 200 },
    );
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    const body = '{"model":"fake","prompt":"x","stream":true,"max_tokens":400000}';
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    socket.pause();
    await until(() => engine.stats().active === 1);
    let before = -1;
    await until(async () => {
      const same = engine.tokens === before;
      before = engine.tokens;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return same;
    });
    // What lies in the system's buffers; the text has 400,000 tokens.
    expect(engine.tokens).toBeLessThan(100_000);
    await until(() => service.admission.active === 0 && engine.stats().active === 0);
    socket.destroy();
  });
});
