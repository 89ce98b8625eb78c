import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Task } from "../tasks.ts";
import { childEnvironment } from "./child.ts";
import { Tasks } from "./tasks.ts";

let home: string;
let tasks: Tasks;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "atelier-tasks-"));
  tasks = new Tasks({ env: { ...process.env, ATELIER_CACHE: path.join(home, "cache") }, runsFolder: home });
});
afterAll(async () => {
  await tasks.close();
  await rm(home, { recursive: true, force: true });
});

async function last(id: string): Promise<Task> {
  let found = tasks.get(id);
  for await (const task of tasks.watch(id, new AbortController().signal)) found = task;
  return found;
}

const look = (use: string, subject = use) =>
  ({ kind: "prepare", subject, operation: "overview", input: { use, kind: "points", split: "train" } }) as const;

test("a child does it; its result and its errors are told to all who watch", async () => {
  const good = tasks.start({ ...look("moons:train=20"), finish: async (found) => ({ count: (found as { count: number }).count }) });
  expect(good).toMatchObject({ state: "running", subject: "moons:train=20" });
  // Two tabs that ask for the same get the same.
  expect(tasks.start(look("moons:train=20")).id).toBe(good.id);
  const bad = tasks.start(look("mnist"));
  expect(() => tasks.start(look("circles"))).toThrow("Two tasks are running already");
  const [done, failed] = await Promise.all([last(good.id), last(bad.id)]);
  expect(done).toMatchObject({ state: "done", result: { count: 20 } });
  expect(failed).toMatchObject({ state: "failed", error: { kind: "UsageError", message: "These data are no points. Given: mnist." } });
  expect(tasks.list().map(({ id }) => id)).toEqual([good.id, bad.id]);
  expect(() => tasks.get("none")).toThrow("no such task");
});

test("one that is stopped undoes what it began", async () => {
  let undone = 0;
  const task = tasks.start({ ...look("moons:train=1000000"), undo: async () => void undone++ });
  expect(await tasks.cancel(task.id)).toMatchObject({ state: "cancelled" });
  expect(undone).toBe(1);
  expect(await last(task.id)).toMatchObject({ state: "cancelled" });
});

test("children let idle threads sleep, and look for runs where the studio does", () => {
  expect(childEnvironment({ ATELIER_THREADS: "3", HOME: "/h" }, "/runs")).toEqual({
    ...{ ATELIER_THREADS: "3", HOME: "/h" },
    ...{ ATELIER_SPIN: "0", ATELIER_HOME: "/runs" },
  });
});
