import { fork } from "node:child_process";
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { lockHolder, lockRun } from "./lock.ts";
import { temporaryHome } from "./testing/make.ts";

const home = temporaryHome();
const file = () => path.join(home(), "train.lock");

describe("the lock of a run", () => {
  it("lets one trainer in, then the next", () => {
    const lock = lockRun(home());
    expect(lockHolder(home())?.pid).toBe(process.pid);
    expect(() => lockRun(home())).toThrow("is being trained by another process");
    lock.release();
    expect(existsSync(file())).toBe(false);
    const next = lockRun(home());
    lock.release();
    expect(existsSync(file())).toBe(true);
    next.release();
  });

  it("is given up with a process that was killed, and kept while it lives", async () => {
    const script = path.join(home(), "hold.mjs");
    const lock = new URL("../../dist/runs/lock.js", import.meta.url).href;
    writeFileSync(
      script,
      `import { lockRun } from ${JSON.stringify(lock)}; lockRun(process.argv[2]); process.send("held"); setInterval(() => {}, 1000);`,
    );
    const child = fork(script, [home()], { execArgv: [] });
    await new Promise((resolve) => child.once("message", resolve));
    expect(lockHolder(home())?.pid).toBe(child.pid);
    expect(() => lockRun(home())).toThrow(`process ${child.pid} on ${hostname()}`);
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    expect(existsSync(file())).toBe(true);
    expect(lockHolder(home())).toBeUndefined();
    lockRun(home()).release();
  });

  it("does not take another process with the same number for the holder", () => {
    const lock = lockRun(home());
    const held = JSON.parse(readFileSync(file(), "utf8"));
    expect(lockHolder(home())).toEqual(held);
    writeFileSync(file(), JSON.stringify({ ...held, started: "an hour before" }));
    expect(lockHolder(home())).toBeUndefined();
    lock.release();
  });

  it("believes another machine's lock while it is touched", () => {
    writeFileSync(file(), JSON.stringify({ pid: 1, host: "elsewhere", started: "", token: "x" }));
    expect(lockHolder(home())?.host).toBe("elsewhere");
    const longAgo = new Date(Date.now() - 10 * 60_000);
    utimesSync(file(), longAgo, longAgo);
    expect(lockHolder(home())).toBeUndefined();
  });

  it("takes over a lock file that is garbled, unless it is just being written", () => {
    writeFileSync(file(), "");
    expect(() => lockRun(home())).toThrow("is being trained");
    const before = new Date(Date.now() - 60_000);
    utimesSync(file(), before, before);
    lockRun(home()).release();
  });
});
