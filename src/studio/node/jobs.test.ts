import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noteEvent } from "../../runs/events-log.ts";
import { lockRun, type RunLock } from "../../runs/lock.ts";
import { createRun, type Run } from "../../runs/registry.ts";
import { RequestBox } from "../../runs/request.ts";
import { newRun, temporaryHome } from "../../runs/testing/make.ts";
import type { StartRequest } from "../training.ts";
import { Jobs } from "./jobs.ts";
import type { Ending, Launch } from "./launch.ts";
import { summaries, summaryOf } from "./run-list.ts";

const home = temporaryHome();
const asked: StartRequest = { model: "vae", preset: "smoke", settings: { codeSize: 4 } };

/** Processes that do what the test does for them; they all live as long as the test's own process. */
interface Fake {
  words: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  say(activity: string): void;
  end(ending?: Partial<Ending>): void;
  killed: string[];
}
let started: Fake[];
let jobs: Jobs;
let locks: RunLock[];

const launch: Launch = (words, { env, onActivity }) => {
  let end!: (ending: Ending) => void;
  const ended = new Promise<Ending>((resolve) => {
    end = resolve;
  });
  const killed: string[] = [];
  const fake = {
    words,
    env,
    killed,
    say: (text: string) => onActivity?.(text),
    end: (ending: Partial<Ending> = {}) => end({ code: 0, signal: null, trouble: undefined, ...ending }),
  };
  started.push(fake);
  return { pid: process.pid, ended, kill: (signal) => killed.push(signal ?? "SIGTERM") };
};

beforeEach(() => {
  started = [];
  locks = [];
  jobs = new Jobs({ runsFolder: home(), env: { HERE: "1" }, launch, tick: 20 });
});
afterEach(async () => {
  for (const lock of locks) lock.release();
  await jobs.close();
});

/** What the training's process does first. */
async function begin(name: string): Promise<Run> {
  const run = await createRun(newRun({ name }), home());
  locks.push(lockRun(run.folder));
  await run.update({ status: "training" });
  noteEvent(run, {
    ...{ type: "start", step: 0, totalSteps: 40, parameters: 9, compileSeconds: 1, pid: 1 },
    predicted: { memoryBytes: 1, stepSeconds: 1 },
  });
  await writeFile(run.metricsFile, '{"step":1,"seconds":0.5,"loss":1}\n{"step":2,"seconds":1.5,"loss":1}\n');
  return run;
}
const release = () => locks.pop()!.release();
const summary = async (name: string) => summaryOf(name, home(), (await jobs.views()).get(name));
const state = async (name: string) => (await summary(name)).state;
const files = () => readdir(path.join(home(), ".studio", "jobs"));
const settled = async (name: string) => {
  for (let i = 0; i < 200 && (await jobs.views()).get(name)?.lives; i++) await new Promise((resolve) => setTimeout(resolve, 10));
};

describe("a training", () => {
  it("is started with its words and an environment that leaves room, and goes through its states", async () => {
    expect(await jobs.start({ ...asked, threads: 3 }, "mnist")).toBe("vae-001");
    expect(started[0].words.join(" ")).toBe(
      "train vae --preset smoke --seed 0 --data mnist --set codeSize=4 --run vae-001 --json --events",
    );
    expect(started[0].env).toMatchObject({ HERE: "1", ATELIER_HOME: home(), ATELIER_SPIN: "0", ATELIER_THREADS: "3" });
    started[0].say("fetching mnist");
    expect(await summary("vae-001")).toMatchObject({ state: "starting", activity: "fetching mnist", can: ["cancel"] });
    const run = await begin("vae-001");
    expect(await summary("vae-001")).toMatchObject({
      state: "training",
      step: 2,
      totalSteps: 40,
      stepSeconds: 1,
      can: ["pause", "finish"],
    });
    await run.update({ status: "stopped" });
    noteEvent(run, { type: "stopped", step: 2 });
    release();
    started[0].end({ code: 130 });
    await settled("vae-001");
    expect(await summary("vae-001")).toMatchObject({ state: "paused", can: ["resume", "remove"] });
    expect(await files()).toEqual([]);
    await jobs.resume("vae-001", { steps: 80 });
    expect(started[1].words.slice(0, 6)).toEqual(["train", "--resume", "--run", "vae-001", "--steps", "80"]);
  });

  it("is asked to pause or finish by a file in its folder; what is no longer valid is refused", async () => {
    await jobs.start(asked);
    await expect(jobs.ask("vae-001", "pause")).rejects.toThrow("There is no run named");
    const run = await begin("vae-001");
    const box = new RequestBox(run.folder);
    await jobs.ask("vae-001", "finish");
    expect([box.look(), (await summary("vae-001")).asked]).toEqual(["finish", "finish"]);
    await expect(jobs.resume("vae-001")).rejects.toThrow("is being trained already");
    await expect(jobs.remove("vae-001")).rejects.toThrow("is at work");
    await expect(jobs.cancel("vae-001")).rejects.toThrow("neither waits nor prepares");
    await run.update({ status: "finished" });
    noteEvent(run, { type: "finished", step: 2 });
    release();
    started[0].end();
    await settled("vae-001");
    await expect(jobs.ask("vae-001", "pause")).rejects.toMatchObject({ status: 409 });
    expect(await summary("vae-001")).toMatchObject({ state: "finished", can: ["resume", "remove"] });
    await jobs.remove("vae-001");
    await expect(state("vae-001")).rejects.toThrow("There is no run named");
  });

  it("waits while another trains, goes on when that has ended, and can be taken back", async () => {
    await jobs.start(asked);
    expect(await jobs.start({ ...asked, name: "second" })).toBe("second");
    expect(await jobs.start(asked)).toBe("vae-002");
    await expect(jobs.start({ ...asked, name: "second" })).rejects.toMatchObject({ status: 409 });
    await expect(jobs.start({ ...asked, name: "../away" })).rejects.toThrow("cannot have this name");
    expect([await state("second"), started.length]).toEqual(["waiting", 1]);
    await jobs.cancel("vae-002");
    await begin("vae-001");
    release();
    started[0].end({ code: null, signal: "SIGKILL" });
    await settled("vae-001");
    expect([await state("second"), started.length]).toEqual(["starting", 2]);
    expect((await summaries(home(), await jobs.views())).map(({ name }) => name)).toEqual(["vae-001", "second"]);
    await jobs.cancel("second");
    expect(started[1].killed).toEqual(["SIGTERM"]);
  });

  it("that somebody else has started in the folder of runs is waited for too", async () => {
    await begin("by-hand");
    await jobs.start(asked);
    expect([await state("vae-001"), started.length]).toEqual(["waiting", 0]);
    release();
    for (let i = 0; i < 200 && started.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(started.length).toBe(1);
  });
});

describe("what goes wrong", () => {
  it("a killed process is told with its signal and what is kept, also to a later studio", async () => {
    await jobs.start(asked);
    await begin("vae-001");
    release();
    started[0].end({ code: null, signal: "SIGKILL" });
    await settled("vae-001");
    const told = await summary("vae-001");
    expect(told).toMatchObject({ state: "killed", can: ["resume", "remove"] });
    expect(told.trouble).toMatchInlineSnapshot(`
      {
        "got": "The metrics up to step 2 are kept, and every checkpoint written before.",
        "hint": "resume it: it goes on from its last checkpoint, or from its beginning where there is none yet",
        "kind": "Killed",
        "what": "The training's process was ended from outside by SIGKILL; the system does that when memory runs out.",
      }
    `);
    const later = new Jobs({ runsFolder: home(), env: {}, launch });
    expect((await summaryOf("vae-001", home(), (await later.views()).get("vae-001"))).trouble).toEqual(told.trouble);
    await later.close();
  });

  it("a failure before there is a run is kept with the job until it is removed", async () => {
    await jobs.start(asked);
    const trouble = { kind: "FileError", what: "Could not fetch the package.", hint: "connect to the network once" };
    started[0].end({ code: 1, trouble });
    await settled("vae-001");
    expect(await summary("vae-001")).toMatchObject({ state: "failed", trouble, can: ["remove"] });
    expect(await files()).toEqual(["vae-001.json"]);
    await jobs.remove("vae-001");
    expect(await files()).toEqual([]);
  });

  it("a full disk is told, although the training could not mark its run as failed", async () => {
    await jobs.start(asked);
    await begin("vae-001");
    release();
    const trouble = {
      kind: "FileError",
      what: "Could not write the metrics.",
      got: "ENOSPC: no space left on device, write",
      hint: "the disk is full: free some space",
    };
    started[0].end({ code: 1, trouble });
    await settled("vae-001");
    expect(await summary("vae-001")).toMatchObject({ state: "failed", trouble, can: ["resume", "remove"] });
  });

  it("a broken folder is shown as broken, and breaks nothing else", async () => {
    await begin("good");
    await mkdir(path.join(home(), "bad"));
    await writeFile(path.join(home(), "bad", "run.json"), "{");
    const all = await summaries(home(), await jobs.views());
    expect(all.map(({ name, state: is }) => [name, is]).sort()).toEqual([
      ["bad", "broken"],
      ["good", "training"],
    ]);
    expect(all.find(({ name }) => name === "bad")!.trouble).toMatchObject({ what: "The run's description is not JSON." });
    await expect(summary("../good")).rejects.toThrow("There is no run named");
    await jobs.remove("bad");
  });
});

it("a studio that comes back finds what waits and what runs, and sees it end", async () => {
  await jobs.start(asked);
  await jobs.start({ ...asked, name: "second" });
  await begin("vae-001");
  await jobs.close();
  const back = new Jobs({ runsFolder: home(), env: {}, launch, tick: 20 });
  const views = await back.views();
  expect([...views].map(([name, { job, lives }]) => [name, job.state, lives])).toEqual([
    ["vae-001", "running", true],
    ["second", "waiting", false],
  ]);
  expect((await summaryOf("vae-001", home(), views.get("vae-001"))).state).toBe("training");
  await back.ask("vae-001", "pause");
  await back.close();
});
