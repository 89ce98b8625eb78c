import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.ts";
import { drawCurves } from "./curves.ts";
import { createRun, type Run } from "./registry.ts";
import { newRun, temporaryHome } from "./testing/make.ts";

const home = temporaryHome();

async function runWith(rows: readonly Record<string, number | string>[]): Promise<Run> {
  const run = await createRun(newRun(), home());
  await writeFile(run.metricsFile, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return run;
}

/** How many pixels have a colour: a curve's, or none's. */
function pixelsOf({ data }: { data: Uint8Array }, [red, green, blue]: readonly number[]): number {
  let count = 0;
  for (let i = 0; i < data.length; i += 3) if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) count++;
  return count;
}
const [FIRST, SECOND] = [
  [63, 144, 218],
  [255, 169, 14],
];

describe("drawCurves", () => {
  const rows = Array.from({ length: 1000 }, (_, i) => ({ step: i + 1, learningRate: 0.1, kl: i / 1000, "gradientNorm.a": 3 }));

  it("shows the losses of one run, without learning rates and norms", async () => {
    const picture = await drawCurves([await runWith(rows)]);
    expect(pixelsOf(picture, FIRST)).toBeGreaterThan(500);
    expect(pixelsOf(picture, SECOND)).toBe(0);
  });

  it("shows what is asked for, of several runs, where a run has it", async () => {
    const [one, other] = [await runWith(rows), await runWith([{ step: 1, real: 2 }])];
    const picture = await drawCurves([one, other], { names: ["kl", "real"] });
    expect(pixelsOf(picture, FIRST)).toBeGreaterThan(500);
    expect(pixelsOf(picture, SECOND)).toBeGreaterThan(10);
  });

  it("interrupts a curve where a value is not finite, and leaves out what came before a step", async () => {
    const run = await runWith([...rows.slice(0, 2), { step: 3, kl: "NaN" }, { step: 4, kl: 0.5 }]);
    expect(pixelsOf(await drawCurves([run], { after: 2 }), FIRST)).toBeGreaterThan(10);
  });

  it("tells of runs without rows and of names that nobody logged", async () => {
    const run = await runWith(rows);
    await expect(drawCurves([await runWith([])])).rejects.toThrow(/has logged nothing yet/);
    await expect(drawCurves([run], { after: 1000 })).rejects.toThrow(/nothing after step 1000/);
    await expect(drawCurves([run], { names: ["k"] })).rejects.toThrow(UsageError);
    await expect(drawCurves([run], { names: ["kll"] })).rejects.toThrow(/did you mean "kl"/);
  });
});
