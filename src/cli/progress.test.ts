import { describe, expect, it } from "vitest";
import { showActivity } from "./activity.ts";
import { formatBytes, formatDuration, formatNumber, formatTable } from "./format.ts";
import { Progress, type ProgressMode, progressMode } from "./progress.ts";
import { type CapturedIo, capturedIo } from "./testing/captured-io.ts";

/** Drives a progress of 100 steps, 50 ms each. */
function drive(
  mode: ProgressMode,
  steps: number,
  io: CapturedIo,
  act: (progress: Progress, step: number) => void = () => undefined,
): Progress {
  let time = 0;
  const progress = new Progress({ output: io.stderr, mode, total: 100, label: "epoch 1/3", now: () => time });
  for (let step = 1; step <= steps; step++) {
    time += 50;
    progress.update({ step, terms: { reconstruction: 250 - step / 2, kl: 0.0125 } });
    act(progress, step);
  }
  return progress;
}

describe("progress on a terminal", () => {
  it("rewrites one line and leaves it at the end", () => {
    const io = capturedIo({ columns: 120 });
    const progress = drive("line", 40, io);
    progress.end();
    progress.end();
    const frames = io.err().split("\r");
    expect(frames.length).toBe(22);
    expect(frames.at(-1)?.trimEnd()).toBe("epoch 1/3  ████████░░░░░░░░░░░░  40/100  50.0 ms/step  reconstruction 230  kl 0.01250  3s left");
    expect(io.err().split("\n")).toHaveLength(2);
    expect(io.out()).toBe("");
  });

  it("is cut to the width of the terminal, and clears what a longer line left", () => {
    const io = capturedIo({ columns: 40 });
    const progress = drive("line", 100, io);
    progress.end();
    for (const frame of io.err().trimEnd().split("\r")) expect(frame.length).toBeLessThan(40);
    const wide = capturedIo({ columns: 120 });
    const shrinking = new Progress({ output: wide.stderr, mode: "line", total: 2, now: () => 0 });
    shrinking.update({ step: 1, terms: { loss: 1.2345e-9 } });
    shrinking.message("note");
    shrinking.end();
    const line = "██████████░░░░░░░░░░  1/2  loss 1.23e-9";
    expect(wide.err()).toBe(`\r${line}\r${" ".repeat(line.length)}\rnote\n\r${line}\n`);
  });

  it("does not count a pause as time of a step", () => {
    const io = capturedIo({ columns: 120 });
    let time = 0;
    const progress = new Progress({ output: io.stderr, mode: "line", total: 100, now: () => time });
    for (let step = 1; step <= 20; step++) {
      time += 100;
      progress.update({ step });
      if (step === 10) {
        time += 60_000;
        progress.forgetTiming();
      }
    }
    progress.end();
    expect(io.err().split("\r").at(-1)).toContain("100.0 ms/step");
  });
});

describe("progress in a log", () => {
  it("prints a line at first, every ten seconds, and at the end", () => {
    const io = capturedIo();
    const progress = drive("plain", 100, io, (going, step) => step === 50 && going.message("wrote samples/step-50.png"));
    progress.end();
    expect(io.err()).toMatchInlineSnapshot(`
      "epoch 1/3  1/100  reconstruction 249.5  kl 0.01250
      wrote samples/step-50.png
      epoch 1/3  100/100  50.0 ms/step  reconstruction 200  kl 0.01250
      "
    `);
    let time = 0;
    const slow = capturedIo();
    const long = new Progress({ output: slow.stderr, mode: "plain", total: 100, now: () => time });
    for (let step = 1; step <= 30; step++) {
      time += 1000;
      long.update({ step });
    }
    expect(slow.err().trimEnd().split("\n")).toHaveLength(3);
  });

  it("prints nothing when silent", () => {
    const io = capturedIo();
    drive("silent", 100, io, (progress) => progress.message("note")).end();
    expect(io.err()).toBe("");
  });
});

describe("how progress is shown", () => {
  const cases: [ProgressMode, boolean, boolean, Record<string, string>][] = [
    ["line", true, false, {}],
    ["plain", false, false, {}],
    ["plain", true, false, { CI: "true" }],
    ["line", true, false, { CI: "false" }],
    ["plain", true, false, { TERM: "dumb" }],
    ["silent", true, true, {}],
  ];
  it.each(cases)("%s on a terminal %s, json %s, %j", (mode, isTTY, json, env) => {
    expect(progressMode(capturedIo({ isTTY, env }), json)).toBe(mode);
  });

  it("shows activity of unknown length in each way", () => {
    const show = (io: CapturedIo, json = false) => {
      const activity = showActivity(io, json);
      for (const seconds of [0, 1, 2]) activity.onProgress("fetching x@1 (39 MB)", seconds);
      activity.onProgress("unpacking x@1", 0);
      activity.end();
      activity.end();
      return io.err();
    };
    expect(show(capturedIo())).toBe("fetching x@1 (39 MB)\nunpacking x@1\n");
    expect(show(capturedIo({ isTTY: true }))).toBe(
      "\rfetching x@1 (39 MB)\rfetching x@1 (39 MB)  1s\rfetching x@1 (39 MB)  2s\n\runpacking x@1\n",
    );
    expect(show(capturedIo(), true)).toBe("");
  });
});

describe("formats", () => {
  it.each([
    [0, "0"],
    [469, "469"],
    [245.1234, "245.1"],
    [12345.6, "12346"],
    [1234567.8, "1.23e+6"],
    [0.0125, "0.01250"],
    [1.2e-7, "1.20e-7"],
    [-0.5, "-0.5000"],
    [Number.NaN, "NaN"],
    [-Infinity, "-Infinity"],
  ])("number %d", (value, text) => expect(formatNumber(value)).toBe(text));

  it.each([
    [0.4, "0s"],
    [59.6, "1m 00s"],
    [80, "1m 20s"],
    [7500, "2h 05m"],
    [273600, "3d 04h"],
    [Infinity, "?"],
  ])("%d seconds", (value, text) => expect(formatDuration(value)).toBe(text));

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [46_200_000, "46.2 MB"],
    [999_999, "1.0 MB"],
    [113_000_000, "113 MB"],
  ])("%d bytes", (value, text) => expect(formatBytes(value)).toBe(text));

  it("aligns tables", () => {
    expect(
      formatTable(
        [
          ["a", "bb", ""],
          ["ccc", "d"],
        ],
        "  ",
      ),
    ).toBe("  a    bb\n  ccc  d");
    expect(formatTable([])).toBe("");
  });
});
