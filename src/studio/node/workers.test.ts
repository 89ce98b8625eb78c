// Processes that hold models, with a stand-in for the program that they run: what crosses, what ends them, what room they make.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { RuntimeError, UsageError } from "../../core/errors.ts";
import type { TaskEvent } from "../generate.ts";
import { Cancelled } from "./worker-protocol.ts";
import { openWorkers, type Target, type Workers, type WorkersOptions } from "./workers.ts";

const folder = mkdtempSync(path.join(tmpdir(), "atelier-workers-"));
const entry = path.join(folder, "worker.mjs");
// It does what it is told: answers, tells, fails, waits to be stopped, hears nothing, or ends.
writeFileSync(
  entry,
  `const stops = new Map();
  process.on("disconnect", () => process.exit(0));
  process.on("message", ({ type, id, given }) => {
    const answer = () => process.send({ type: "answer", id, answer: { text: given.text, worker: process.argv[2] } });
    if (type === "cancel") return stops.get(id)?.();
    if (given.do === "end") process.exit(3);
    else if (given.do === "tell") { for (const text of ["one", "two"]) process.send({ type: "told", id, told: { type: "note", text } }); answer(); }
    else if (given.do === "fail") process.send({ type: "error", id, error: { kind: "UsageError", problem: { what: "It cannot." } } });
    else if (given.do === "wait") stops.set(id, () => process.send({ type: "error", id, error: { kind: "Cancelled", problem: { what: "stopped" } } }));
    else if (given.do !== "nothing") answer();
  });`,
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let workers: Workers;
afterEach(() => workers.close());

function open(options: Partial<WorkersOptions> = {}): Workers {
  workers = openWorkers({ runsFolder: folder, env: process.env, entry: [entry], graceMilliseconds: 20, ...options });
  return workers;
}

const target = (name: string): Target => ({ name, path: path.join(folder, name), kind: "run" });
/** What the stand-in shall do. */
const todo = (what: string, text = "") => ({ do: what, text }) as never;
const ask = (name: string, what: string, signal?: AbortSignal) => workers.ask(target(name), "masks", todo(what, name), { signal });

describe("a process that holds a model", () => {
  it("is opened once, answers, and tells on the way", async () => {
    open();
    const heard: unknown[] = [];
    await expect(ask("a", "answer")).resolves.toEqual({ text: "a", worker: "a" });
    const [{ pid }] = workers.open();
    await workers.ask(target("a"), "masks", todo("tell"), { onTold: (told) => heard.push(told) });
    expect(heard).toEqual([
      { type: "note", text: "one" },
      { type: "note", text: "two" },
    ]);
    expect(workers.open()).toEqual([{ name: "a", busy: false, pid }]);
  });

  it("passes errors on as what they are", async () => {
    open();
    await expect(ask("a", "fail")).rejects.toThrow(UsageError);
    await expect(ask("a", "fail")).rejects.toThrow("It cannot.");
  });

  it("ends in the midst of work: that is told, and the next request opens another", async () => {
    open();
    const ended = ask("a", "end");
    await expect(ended).rejects.toThrow(RuntimeError);
    await expect(ended).rejects.toThrow(/ended in the midst of its work[\s\S]*exit code 3/);
    expect(workers.open()).toEqual([]);
    await expect(ask("a", "answer")).resolves.toBeDefined();
  });

  it("is killed from outside: the same", async () => {
    open();
    const waiting = ask("a", "wait");
    await ask("a", "answer");
    process.kill(workers.open()[0].pid!, "SIGKILL");
    await expect(waiting).rejects.toThrow(/signal SIGKILL/);
  });

  it("stops work when asked, and goes on to live", async () => {
    open();
    const stop = new AbortController();
    const waiting = ask("a", "wait", stop.signal);
    await ask("a", "answer");
    const [{ pid }] = workers.open();
    stop.abort();
    await expect(waiting).rejects.toThrow(Cancelled);
    expect(workers.open()).toEqual([{ name: "a", busy: false, pid }]);
  });

  it("is ended where it does not hear", async () => {
    open();
    const stop = new AbortController();
    const waiting = ask("a", "nothing", stop.signal);
    await ask("a", "answer");
    stop.abort();
    await expect(waiting).rejects.toThrow(Cancelled);
    expect(workers.open()).toEqual([]);
  });
});

describe("their number", () => {
  it("is two at most: the one that rested longest makes room", async () => {
    open();
    await ask("a", "answer");
    await ask("b", "answer");
    await ask("a", "answer");
    await expect(ask("c", "answer")).resolves.toEqual({ text: "c", worker: "c" });
    expect(workers.open().map(({ name }) => name)).toEqual(["a", "c"]);
  });

  it("waits where both are at work, and says so", async () => {
    open();
    const stop = new AbortController();
    const [a, b] = [ask("a", "wait", stop.signal), ask("b", "wait", stop.signal)].map((one) => one.catch((error: unknown) => error));
    const heard: unknown[] = [];
    const third = workers.ask(target("c"), "masks", todo("answer", "c"), { onTold: (told) => heard.push(told) });
    await expect.poll(() => heard).toEqual([{ type: "progress", text: "waiting: a and b are at work" }]);
    stop.abort();
    await expect(third).resolves.toEqual({ text: "c", worker: "c" });
    expect([await a, await b]).toEqual([expect.any(Cancelled), expect.any(Cancelled)]);
  });

  it("falls when nobody asks for a while, and when memory is short", async () => {
    let free = 8e9;
    open({ idleMilliseconds: 60_000, freeBytes: () => free });
    await ask("a", "answer");
    workers.sweep(Date.now() + 59_000);
    expect(workers.open()).toHaveLength(1);
    workers.sweep(Date.now() + 61_000);
    expect(workers.open()).toEqual([]);
    await ask("a", "answer");
    free = 1e8;
    workers.sweep();
    expect(workers.open()).toEqual([]);
  });

  it("never takes a process that is at work", async () => {
    open({ freeBytes: () => 0 });
    const stop = new AbortController();
    const waiting = ask("a", "wait", stop.signal);
    workers.sweep(Date.now() + 1e9);
    expect(workers.open()).toHaveLength(1);
    stop.abort();
    await expect(waiting).rejects.toThrow(Cancelled);
  });
});

describe("work that is followed", () => {
  const told = async (task: string, after?: string) => {
    const events: [string, TaskEvent["type"]][] = [];
    for await (const { id, data } of workers.events(task, after, new AbortController().signal)) events.push([id, data.type]);
    return events;
  };

  it("tells its events to those who come later, from where they were", async () => {
    open();
    const task = workers.start(target("a"), "pictures", todo("tell"));
    const all = [
      ["0", "note"],
      ["1", "note"],
      ["2", "done"],
    ];
    expect(await told(task)).toEqual(all);
    expect(await told(task, "1")).toEqual(all.slice(2));
    expect(await told(task)).toEqual(all);
  });

  it("says why it failed, and that it was stopped", async () => {
    open();
    expect(await told(workers.start(target("a"), "text", todo("fail")))).toEqual([["0", "failed"]]);
    const task = workers.start(target("a"), "text", todo("wait"));
    await ask("a", "answer");
    workers.cancel(task);
    expect(await told(task)).toEqual([["0", "cancelled"]]);
    workers.cancel(task);
  });

  it("is not known for ever", async () => {
    open();
    expect(() => workers.cancel("gone")).toThrow(/not remembered/);
    await expect(told("gone")).rejects.toThrow(/not remembered/);
  });
});

it("calls folders by their names", () => {
  expect([...open({ folders: ["/models/gpt2", "/models/llama/"] }).folders]).toEqual([
    ["@gpt2", "/models/gpt2"],
    ["@llama", "/models/llama"],
  ]);
  expect(() => openWorkers({ runsFolder: folder, env: {}, folders: ["/a/gpt2", "/b/gpt2"] })).toThrow(/one name/);
});
