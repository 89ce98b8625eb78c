// Generation as routes have it, with real processes that hold real runs.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { decode } from "fast-png";
import { afterAll, describe, expect, it } from "vitest";
import { encodePng, readPngText } from "../../src/report/png.ts";
import {
  type AttentionTold,
  base64ToBytes,
  type Gallery,
  type GalleryEntry,
  type GenerateInfo,
  type Generator,
  type NamedPrompt,
  type PictureRequest,
  packMask,
  type Started,
  type TaskEvent,
  type Uploaded,
} from "../../src/studio/generate.ts";
import { failureOf } from "../../src/studio/node/errors.ts";
import type { RouteAnswer } from "../../src/studio/node/route.ts";
import { router } from "../../src/studio/node/router.ts";
import { routes } from "../../src/studio/node/routes.ts";
import { openStudio } from "../../src/studio/node/studio.ts";
import { smokeRuns } from "./smoke-runs.ts";

const { home, pictures } = await smokeRuns();
const folder = path.resolve(import.meta.dirname, "../golden/data/pretrained/gpt2");
const studio = openStudio({ runsFolder: home, folders: [folder] });
afterAll(() => studio.close());
const find = router(routes);

/** Ask as a page does, without a network. */
async function ask(method: "GET" | "POST" | "DELETE", address: string, body?: unknown): Promise<RouteAnswer> {
  const [place, query = ""] = address.split("?");
  const { route, parameters } = find(method, place) as { route: (typeof routes)[number]; parameters: Record<string, string> };
  const signal = new AbortController().signal;
  const bytes = async function* () {
    if (body instanceof Uint8Array) yield body;
  };
  const json = async <T>(schema: { parse(value: unknown): T }) => schema.parse(body);
  return route.handle({ parameters, query: new URLSearchParams(query), json, body: bytes, signal }, studio);
}

async function get<T>(address: string): Promise<T> {
  return ((await ask("GET", address)) as { json: T }).json;
}

async function post<T>(address: string, body: unknown): Promise<T> {
  return ((await ask("POST", address, body)) as { json: T }).json;
}

/** Begin work and follow it to its end. */
async function follow(address: string, body: unknown): Promise<TaskEvent[]> {
  const { task } = await post<Started>(address, body);
  const answer = await ask("GET", `/api/generated/${task}/events`);
  const events: TaskEvent[] = [];
  for await (const { data } of (answer as Extract<RouteAnswer, { events: unknown }>).events) events.push(data as TaskEvent);
  return events;
}

async function made(run: string, request: PictureRequest): Promise<{ entry: GalleryEntry; events: TaskEvent[] }> {
  const events = await follow(`/api/generate/${run}/pictures`, request);
  const last = events[events.length - 1];
  if (last.type !== "done" || last.result.kind !== "pictures") throw new Error(JSON.stringify(last));
  return { entry: last.result.entry, events };
}

async function pngOf(run: string, file: string): Promise<Uint8Array> {
  const { file: place } = (await ask("GET", `/api/generate/${run}/gallery/${file}`)) as { file: string };
  return readFileSync(place);
}

async function pixels(run: string, entry: GalleryEntry, index: number): Promise<number[]> {
  return [...decode(await pngOf(run, entry.files[index])).data];
}

/** The largest difference of two pictures, in levels. */
function apart(a: number[], b: number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}

describe("what can generate", () => {
  it("is listed with what it makes; a broken folder is told and breaks nothing", async () => {
    mkdirSync(path.join(home, "broken"), { recursive: true });
    writeFileSync(path.join(home, "broken", "run.json"), "{");
    const all = await get<Generator[]>("/api/generate");
    expect(Object.fromEntries(all.map(({ name, kind }) => [name, kind]))).toEqual({
      vae: "pictures",
      ddpm: "pictures",
      gpt: "text",
      broken: "none",
      "@gpt2": "text",
    });
    expect(all.find(({ name }) => name === "broken")?.reason).toMatch(/not JSON/);
    const info = await get<GenerateInfo>("/api/generate/ddpm");
    expect(info.pictures).toEqual({
      fresh: true,
      fills: true,
      starts: true,
      reconstructs: false,
      variations: "image-to-image",
      between: true,
      frames: "steps",
    });
    expect(info.sampling.find(({ name }) => name === "sampler")?.choices).toContain("ancestral");
    expect((await get<GenerateInfo>("/api/generate/vae")).pictures).toMatchObject({ fills: false, starts: false, variations: "codes" });
  });

  it("is found by name, never by path", async () => {
    for (const name of ["..", "../vae", encodeURIComponent("../vae"), "%2e%2e", "nobody"])
      await expect(ask("GET", `/api/generate/${name}`).then(() => "found")).rejects.toThrow();
    await expect(ask("GET", `/api/generate/vae/gallery/${encodeURIComponent("../run.json")}`)).rejects.toThrow(/no such picture/);
  });
});

describe("pictures", () => {
  it("keep all that makes them again, in the file and in the gallery", async () => {
    const request = { work: "fresh", count: 3, seed: "5" } as const;
    const { entry } = await made("vae", request);
    expect(entry).toMatchObject({ run: "vae", model: "vae", step: 3, request, command: "atelier generate vae --seed 5 --count 3" });
    const text = readPngText(await pngOf("vae", entry.files[1]));
    expect(text).toMatchObject({ run: "vae", seed: "5", number: "2", checkpoint: entry.checkpoint });
    expect(JSON.parse(text.request)).toEqual(request);
    const again = await made("vae", JSON.parse(text.request) as PictureRequest);
    expect(await pixels("vae", again.entry, 1)).toEqual(await pixels("vae", entry, 1));
    const gallery = await get<Gallery>("/api/generate/vae/gallery?limit=1");
    expect(gallery).toMatchObject({ total: 2, entries: [{ id: again.entry.id }] });
    await ask("DELETE", `/api/generate/vae/gallery/${again.entry.id}`);
    expect((await get<Gallery>("/api/generate/vae/gallery")).entries.map(({ id }) => id)).toEqual([entry.id]);
  });

  it("have codes by which they are varied and blended", async () => {
    const { entry } = await made("vae", { work: "fresh", count: 2, seed: "6" });
    const [first, second] = [
      { batch: entry.id, index: 0 },
      { batch: entry.id, index: 1 },
    ];
    const near = await made("vae", { work: "variations", of: first, amount: 1e-6, count: 2, seed: "1" });
    expect(apart(await pixels("vae", near.entry, 1), await pixels("vae", entry, 0))).toBeLessThanOrEqual(1);
    const strip = await made("vae", { work: "between", from: first, to: second, steps: 3, method: "spherical" });
    expect(apart(await pixels("vae", strip.entry, 0), await pixels("vae", entry, 0))).toBeLessThanOrEqual(1);
    expect(apart(await pixels("vae", strip.entry, 2), await pixels("vae", entry, 1))).toBeLessThanOrEqual(1);
    expect(strip.entry.captions).toEqual(["0 %", "50 %", "100 %"]);
    // A code is followed through what was made from it.
    const onward = await made("vae", { work: "variations", of: { batch: strip.entry.id, index: 2 }, amount: 1e-6, count: 1, seed: "1" });
    expect(apart(await pixels("vae", onward.entry, 0), await pixels("vae", entry, 1))).toBeLessThanOrEqual(1);
  });

  it("come step by step, and keep what is known to the pixel", async () => {
    const { entry, events } = await made("ddpm", { work: "fresh", count: 2, seed: "1", sampling: { steps: 6 } });
    const frames = events.filter((event) => event.type === "frame");
    expect(frames).toHaveLength(6);
    const [last] = frames.slice(-1);
    const planes = base64ToBytes(last.data);
    expect([...planes.subarray(0, 64)]).toEqual(await pixels("ddpm", entry, 0));
    const known = Array.from({ length: 64 }, (_, i) => i % 8 < 4);
    const filled = await made("ddpm", { work: "fill", of: { batch: entry.id, index: 0 }, known: packMask(known), count: 2, seed: "2" });
    const [before, after] = [await pixels("ddpm", entry, 0), await pixels("ddpm", filled.entry, 1)];
    expect(after.filter((_, i) => known[i])).toEqual(before.filter((_, i) => known[i]));
    expect(after).not.toEqual(before);
    const varied = await made("ddpm", { work: "variations", of: { batch: entry.id, index: 0 }, amount: 0.1, count: 1, seed: "2" });
    expect(varied.entry.files).toHaveLength(1);
  });

  it("begin with one that is sent; what is none, or too small, is refused", async () => {
    const file = readFileSync(path.join(pictures, "left", "left-0.png"));
    const sent = await post<Uploaded>("/api/generate/ddpm/uploads", new Uint8Array(file));
    expect(sent.note).toBe("the picture: resized from 16 x 16 to 8 x 8, made grey");
    const { entry } = await made("ddpm", { work: "from", of: { upload: sent.file }, count: 1, seed: "1", sampling: { strength: 0.4 } });
    expect(entry.request).toMatchObject({ of: { upload: sent.file } });
    const refused = async (bytes: Uint8Array) =>
      ask("POST", "/api/generate/ddpm/uploads", bytes).then(
        () => "taken",
        (error: unknown) => failureOf(error).body.error.message,
      );
    expect(await refused(new TextEncoder().encode("no picture"))).toMatch(/no picture, or of a format that cannot be read/);
    const tiny = encodePng({ width: 2, height: 2, channels: 1, data: new Uint8Array(4) });
    expect(await refused(tiny)).toMatch(/2 x 2 pixels: too small/);
  });

  it("that a model cannot make are refused with the reason", async () => {
    const told = async (run: string, request: PictureRequest) => {
      const [last] = (await follow(`/api/generate/${run}/pictures`, request)).slice(-1);
      return last.type === "failed" ? last.message : last.type;
    };
    expect(await told("vae", { work: "from", of: { seed: "1" }, count: 1, seed: "1" })).toMatch(/no picture/);
    expect(await told("vae", { work: "fresh", count: 1, seed: "1", sampling: { steps: 3 } })).toMatch(/no sampling option "steps"/);
    const everything = packMask(new Array(64).fill(1));
    const { entry } = await made("ddpm", { work: "fresh", count: 1, seed: "1", sampling: { steps: 2 } });
    expect(await told("ddpm", { work: "fill", of: { batch: entry.id, index: 0 }, known: everything, count: 1, seed: "1" })).toMatch(
      /Every pixel is kept/,
    );
    expect(await told("ddpm", { work: "variations", of: { batch: entry.id, index: 7 }, amount: 0.5, count: 1, seed: "1" })).toMatch(
      /no picture of this number/,
    );
  });
});

describe("texts", () => {
  const tokens = (events: TaskEvent[]) => events.filter((event) => event.type === "token");

  it("come token by token with what else could have stood there, and go on from another", async () => {
    const events = await follow("/api/generate/gpt/text", { prompt: "the", maxTokens: 5, temperature: 1, seed: "3", alternatives: 4 });
    const written = tokens(events);
    expect(written).toHaveLength(5);
    for (const { top, probability } of written) {
      expect(top).toHaveLength(4);
      expect(probability).toBeGreaterThan(0);
      expect(top[0].probability).toBeGreaterThanOrEqual(top[3].probability);
    }
    expect(events.at(-1)).toMatchObject({ type: "done", result: { kind: "text", reason: "length", tokens: 5, seed: "3" } });
    const other = written[1].top.find(({ id }) => id !== written[1].id)!;
    const asked = { prompt: "the", tokens: [written[0].id, other.id], maxTokens: 2, temperature: 0 };
    const on = await follow("/api/generate/gpt/text", asked);
    expect(tokens(on)).toHaveLength(2);
    // Beyond the context the text goes on, and the same seed writes the same.
    const long = { prompt: "the", maxTokens: 80, seed: "3", temperature: 1 };
    const [once, twice] = [await follow("/api/generate/gpt/text", long), await follow("/api/generate/gpt/text", long)];
    expect(tokens(once).map(({ id }) => id)).toEqual(tokens(twice).map(({ id }) => id));
    expect(tokens(once)).toHaveLength(80);
  });

  it("are looked into, and talked with", async () => {
    const { tokens: names, layers } = await post<AttentionTold>("/api/generate/gpt/attention", { text: "the sea" });
    const size = names.length;
    const first = new Uint16Array(base64ToBytes(layers[0][0]).buffer);
    expect(first).toHaveLength(size * size);
    expect(first[0]).toBe(65_535);
    const chat = { messages: [{ role: "user", content: "the" }], maxTokens: 4, seed: "1" };
    const events = await follow("/api/generate/gpt/chat", chat);
    const last = events.at(-1)!;
    expect(last).toMatchObject({
      type: "done",
      result: { kind: "chat", reason: "length", tokens: 4, forgotten: 0, prompt: "User: the\nAssistant:" },
    });
    const pieces = events.flatMap((event) => (event.type === "piece" ? [event.text] : []));
    expect(last.type === "done" && last.result.kind === "chat" && last.result.text).toBe(pieces.join(""));
    expect((await follow("/api/generate/gpt/chat", { ...chat, system: "Ø" })).at(-1)).toMatchObject({
      type: "failed",
      message: expect.stringMatching(/vocabulary/),
    });
  });

  it("come from the folder of a pretrained model, too", async () => {
    const run = encodeURIComponent("@gpt2");
    expect(await get<GenerateInfo>(`/api/generate/${run}`)).toMatchObject({
      kind: "text",
      folder: true,
      text: { chat: true, attention: false },
    });
    expect(tokens(await follow(`/api/generate/${run}/text`, { prompt: "The", maxTokens: 3 }))).toHaveLength(3);
    await expect(get(`/api/generate/${run}/gallery`)).rejects.toThrow(/no run named/);
    const [last] = (await follow(`/api/generate/${run}/pictures`, { work: "fresh", count: 1, seed: "1" })).slice(-1);
    expect(last).toMatchObject({ type: "failed", message: expect.stringMatching(/writes texts and nothing else/) });
  });

  it("are prompted by name", async () => {
    const prompt = { name: "sea", system: "Speak of the sea.", examples: [{ user: "a", assistant: "b" }], text: "" };
    await post("/api/prompts/sea", prompt);
    expect(await get<NamedPrompt[]>("/api/prompts")).toEqual([prompt]);
    await post("/api/prompts/sea/rename", { to: "tide" });
    await expect(ask("DELETE", "/api/prompts/sea")).rejects.toThrow(/no prompt named "sea"/);
    await ask("DELETE", "/api/prompts/tide");
    expect(await get("/api/prompts")).toEqual([]);
  });
});

it("a process that is killed is told plainly, and the next request opens another", async () => {
  const { task } = await post<Started>("/api/generate/ddpm/pictures", {
    work: "fresh",
    count: 200,
    seed: "1",
    sampling: { steps: 40, sampler: "ancestral" },
  });
  const events: TaskEvent[] = [];
  const answer = (await ask("GET", `/api/generated/${task}/events`)) as Extract<RouteAnswer, { events: unknown }>;
  for await (const { data } of answer.events) {
    const event = data as TaskEvent;
    if (event.type === "frame" && events.every(({ type }) => type !== "frame"))
      process.kill(studio.workers.open().find(({ name }) => name === "ddpm")!.pid!, "SIGKILL");
    events.push(event);
  }
  expect(events.at(-1)).toMatchObject({ type: "failed", message: expect.stringMatching(/ended in the midst of its work.*SIGKILL/) });
  expect((await made("ddpm", { work: "fresh", count: 1, seed: "1" })).entry.files).toHaveLength(1);
});

it("a run whose folder disappears while it is open is told plainly", async () => {
  const { renameSync } = await import("node:fs");
  renameSync(path.join(home, "vae"), path.join(home, ".away"));
  await expect(ask("POST", "/api/generate/vae/pictures", { work: "fresh", count: 1, seed: "1" })).rejects.toThrow(/no run named "vae"/);
  renameSync(path.join(home, ".away"), path.join(home, "vae"));
  expect((await made("vae", { work: "fresh", count: 1, seed: "1" })).entry.files).toHaveLength(1);
});
