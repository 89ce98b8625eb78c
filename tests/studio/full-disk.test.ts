// A training of the studio whose disk fills while it runs: told plainly, its checkpoint kept, and resumed once there is room.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { listCheckpoints } from "../../src/runs/checkpoint.ts";
import { findRun } from "../../src/studio/node/find-run.ts";
import { Jobs } from "../../src/studio/node/jobs.ts";
import { summaryOf } from "../../src/studio/node/run-list.ts";
import type { RunSummary } from "../../src/studio/training.ts";

const disk = mkdtempSync(path.join(tmpdir(), "atelier-disk-"));
const home = path.join(disk, "runs");
let mounted = false;
let jobs: Jobs;

beforeAll(() => {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], { stdio: "ignore" });
    mounted = true;
    mkdirSync(home);
    jobs = new Jobs({ runsFolder: home, env: process.env });
  } catch {
    console.warn("the test of a full disk is skipped: mounting a small file system needs Linux and its administrator");
  }
});
afterAll(async () => {
  await jobs?.close();
  if (mounted) execFileSync("umount", ["-l", disk], { stdio: "ignore" });
  rmSync(disk, { recursive: true, force: true });
});

const summary = async () => summaryOf("full", home, (await jobs.views()).get("full"));
async function until(is: (run: RunSummary) => boolean): Promise<RunSummary> {
  for (;;) {
    const run = await summary();
    if (is(run)) return run;
    if (run.state === "finished" || (run.state === "failed" && run.trouble?.got?.includes("ENOSPC") !== true)) {
      throw new Error(`the run is ${run.state}: ${JSON.stringify(run.trouble)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

it("is told, keeps its last good checkpoint, and goes on when there is room again", async ({ skip }) => {
  if (!mounted) skip("no small file system can be mounted here");
  await jobs.start(
    { model: "vae", preset: "smoke", data: "bars-and-stripes", name: "full", settings: { steps: 1_000_000 } },
    "bars-and-stripes",
  );
  await until(({ step }) => step > 0);
  await jobs.ask("full", "pause");
  await until(({ state }) => state === "paused");
  const [checkpoint] = await listCheckpoints(await findRun("full", home));
  await jobs.resume("full");
  await until(({ state }) => state === "training");
  try {
    writeFileSync(path.join(disk, "ballast"), new Uint8Array(16 * 2 ** 20));
  } catch {
    // As meant: it takes what there was.
  }
  const failed = await until(({ state }) => state === "failed");
  expect(failed.trouble).toMatchObject({
    kind: "FileError",
    got: expect.stringContaining("ENOSPC"),
    hint: expect.stringContaining("the disk is full: free some space"),
  });
  expect(failed.can).toContain("resume");
  expect(await listCheckpoints(await findRun("full", home))).toContain(checkpoint);
  truncateSync(path.join(disk, "ballast"), 0);
  await jobs.resume("full");
  const { step } = await until(({ state }) => state === "training");
  expect(step).toBeGreaterThanOrEqual(checkpoint);
  // A studio that comes back finds the training, and is obeyed by it.
  await jobs.close();
  jobs = new Jobs({ runsFolder: home, env: process.env, tick: 100 });
  expect((await jobs.views()).get("full")).toMatchObject({ lives: true, job: { state: "running" } });
  await jobs.ask("full", "pause");
  await until(({ state }) => state === "paused");
});
