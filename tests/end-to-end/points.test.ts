// Points in the plane from the command line: the animation of a training, drawn points as picture, table and animation, the densities beside each other.
import { readFile } from "node:fs/promises";
import { decode } from "fast-png";
import { beforeAll, describe, expect, it } from "vitest";
import { frameCount } from "../../src/report/apng.ts";
import { Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();

/** Run inside the test's process, to a good end. */
async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await sandbox.inside([...args, "--json"]);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

const animation = (run: string) => readFile(`${sandbox.home}/${run}/samples/training.png`);
const flow = ["train", "realnvp", "--preset", "toy", "--data", "moons", "--limit", "600", "--seed", "3"];

beforeAll(async () => {
  await done(...flow, "--steps", "12", "--run", "whole");
});

describe("points in the plane", () => {
  it("a run that is made longer animates on where it stood", async () => {
    await done(...flow, "--steps", "5", "--run", "halves");
    const before = frameCount(await animation("halves"));
    await done("train", "--resume", "--run", "halves", "--steps", "12");
    const after = await animation("halves");
    expect(before).toBeGreaterThan(0);
    expect(frameCount(after)).toBeGreaterThan(before);
    expect(frameCount(await animation("whole"))).toBe(12);
  });

  it("draws a picture, a table of numbers, and how noise becomes points", async () => {
    await done("generate", "whole", "--count", "50", "--seed", "1", "--out", sandbox.path("a.png"), "--frames", sandbox.path("frames.png"));
    expect(decode(await readFile(sandbox.path("a.png"))).width).toBeGreaterThanOrEqual(320);
    expect(frameCount(await readFile(sandbox.path("frames.png")))).toBeGreaterThan(0);
    await done("generate", "whole", "--count", "50", "--seed", "1", "--out", sandbox.path("a.csv"));
    const [head, ...lines] = (await readFile(sandbox.path("a.csv"), "utf8")).trimEnd().split("\n");
    expect(head).toBe("x,y");
    expect(lines).toHaveLength(50);
    expect(lines.every((line) => line.split(",").length === 2 && line.split(",").every((number) => Number.isFinite(Number(number))))).toBe(
      true,
    );
    expect(new Set(lines).size).toBe(50);
  });

  it("measures the model's density against the data's own", async () => {
    const { samples } = (await done("evaluate", "whole", "--samples", "200", "--limit", "400")) as {
      samples: { measures: Record<"nll" | "kl" | "mmd", { value: number; error: number; real: number }> };
    };
    const { nll, kl, mmd } = samples.measures;
    expect(nll.value - nll.real).toBeCloseTo(kl.value, 4);
    expect(kl.value).toBeGreaterThan(0);
    expect(mmd.value).toBeGreaterThan(mmd.real);
  });

  it("refuses options of pictures", async () => {
    const { code, err } = await sandbox.inside(["generate", "whole", "--given", "0", "--known", "top"]);
    expect(code).toBe(2);
    expect(err).toContain("cannot fill in a given picture");
  });
});
