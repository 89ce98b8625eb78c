import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { MetricsLog, readMetrics, truncateAfter } from "./metrics-log.ts";
import { temporaryHome } from "./testing/make.ts";

const home = temporaryHome();
const file = () => path.join(home(), "metrics.jsonl");

function logSteps(...steps: number[]): void {
  const log = new MetricsLog(file());
  for (const step of steps) log.append({ step, loss: step / 2 });
  log.flush();
}

describe("writing metrics", () => {
  it("buffers for a second, then writes", () => {
    let now = 0;
    const log = new MetricsLog(file(), () => now);
    log.append({ step: 1, loss: 1 });
    now = 999;
    log.append({ step: 2, loss: 1 });
    expect(existsSync(file())).toBe(false);
    now = 1000;
    log.append({ step: 3, loss: 1 });
    expect(readFileSync(file(), "utf8")).toBe('{"step":1,"loss":1}\n{"step":2,"loss":1}\n{"step":3,"loss":1}\n');
    log.append({ step: 4, loss: 1 });
    log.flush();
    expect(readFileSync(file(), "utf8").split("\n")).toHaveLength(5);
  });

  it("keeps numbers that are not finite", async () => {
    const log = new MetricsLog(file());
    const row = { step: 1, loss: Number.NaN, up: Infinity, down: -Infinity, note: "none", done: true, missing: null };
    log.append(row);
    log.flush();
    expect(await readMetrics(file())).toEqual([row]);
  });

  it("says so when it cannot write, and keeps what it has", () => {
    const log = new MetricsLog(file());
    mkdirSync(file());
    log.append({ step: 1 });
    expect(() => log.flush()).toThrow("Could not write the metrics");
    const other = new MetricsLog(path.join(home(), "none", "metrics.jsonl"));
    other.append({ step: 1 });
    expect(() => other.flush()).toThrow("ENOENT");
    mkdirSync(path.join(home(), "none"));
    other.flush();
    expect(readFileSync(other.file, "utf8")).toBe('{"step":1}\n');
  });
});

describe("reading metrics", () => {
  it("reads nothing from no file", async () => {
    expect(await readMetrics(file())).toEqual([]);
    expect(await truncateAfter(file(), 10)).toBe(0);
    expect(existsSync(file())).toBe(false);
  });

  it.each(["", "{", '{"step":3,"lo', '{"step":3,"loss":1}'])("leaves out a last line cut short: %j", async (torn) => {
    logSteps(1, 2);
    writeFileSync(file(), torn, { flag: "a" });
    expect((await readMetrics(file())).map((row) => row.step)).toEqual([1, 2]);
  });

  it.each([
    ["no JSON", "{step: 1}"],
    ["no object", "3"],
    ["null", "null"],
    ["no step", '{"loss":1}'],
    ["a step that is no number", '{"step":"1"}'],
    ["an empty line", ""],
  ])("names a line with %s", async (_, line) => {
    logSteps(1);
    writeFileSync(file(), `${line}\n{"step":2}\n`, { flag: "a" });
    await expect(readMetrics(file())).rejects.toThrow(`${file()}, line 2`);
  });
});

describe("going back to a checkpoint", () => {
  it("drops later rows and a torn line, and keeps the bytes of the others", async () => {
    writeFileSync(file(), '{"step": 1, "loss": 0.50}\n{"step":2}\n{"step":3}\n{"step":4}\n{"st');
    expect(await truncateAfter(file(), 2)).toBe(2);
    expect(readFileSync(file(), "utf8")).toBe('{"step": 1, "loss": 0.50}\n{"step":2}\n');
    logSteps(3);
    expect((await readMetrics(file())).map((row) => row.step)).toEqual([1, 2, 3]);
  });

  it("drops only the torn line, or all", async () => {
    logSteps(1, 2);
    writeFileSync(file(), '{"step"', { flag: "a" });
    expect(await truncateAfter(file(), 5)).toBe(0);
    expect(readFileSync(file(), "utf8").endsWith('{"step":2,"loss":1}\n')).toBe(true);
    expect(await truncateAfter(file(), 0)).toBe(2);
    expect(readFileSync(file(), "utf8")).toBe("");
  });
});
