// Trainings in the studio: a real run in a process of its own, looked at, paused, resumed, stopped and killed from a real browser.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockHolder } from "../../src/runs/lock.ts";
import { newRecord, writeRecord } from "../../src/runs/record.ts";
import { newRun } from "../../src/runs/testing/make.ts";
import { program, type StudioUnderTest, startStudio } from "./harness.ts";

const steps = 100_000;
/** A machine may be busy with other tests. */
const patience = { timeout: 120_000 };

/** The folder of a run that has been trained for long, as if. */
async function longRun(home: string, name: string): Promise<void> {
  const folder = path.join(home, name);
  mkdirSync(path.join(folder, "samples"), { recursive: true });
  await writeRecord(folder, { ...newRecord(newRun()), status: "finished", results: { elbo: -99 } });
  const lines = Array.from({ length: steps }, (_, i) => {
    const loss = 100 + 400 * Math.exp(-i / 9000) + Math.sin(i) + (i === 51_233 ? 900 : 0);
    return JSON.stringify({
      step: i + 1,
      epoch: i / 500,
      seconds: 0.03,
      learningRate: 0.001,
      loss,
      reconstruction: 0.8 * loss,
      kl: 0.2 * loss,
    });
  });
  writeFileSync(path.join(folder, "metrics.jsonl"), `${lines.join("\n")}\n`);
}

describe.skipIf(program === undefined)("training in the studio", () => {
  let studio: StudioUnderTest;
  beforeAll(async () => {
    studio = await startStudio();
  });
  afterAll(async () => {
    await studio?.close();
  });

  const tag = (page: Page) => page.locator(".run-title .tag").first();
  const state = (page: Page, text: string) => expect.poll(() => tag(page).innerText(), patience).toBe(text);
  const order = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
  const logged = async (page: Page) =>
    Number((await page.locator(".curves .hint").innerText()).replace(/ steps logged.*/, "").replaceAll(",", ""));
  const sample = (page: Page) => page.locator(".samples[data-step]").getAttribute("data-step");
  const run = (name: string) => path.join(studio.runsFolder, name);

  it("starts from its form, shows curves and samples as they come, pauses, resumes and ends", async () => {
    const { page, problems, picture } = await studio.visit("#/train?model=vae&preset=smoke&data=bars-and-stripes");
    // What cannot be read is told beside its field, and can be put back.
    await page.getByText("Model", { exact: true }).last().click();
    await page.getByLabel("image", { exact: true }).fill("[2");
    await page.getByText(/^must be list .* written as JSON$/).waitFor();
    expect(await order(page, "Start training").isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Put image back to [1,8,8]" }).click();
    await page.getByLabel("learningRate", { exact: true }).fill("11");
    await page.getByText("must be a number <= 10 and > 0").waitFor();
    await page.getByLabel("learningRate", { exact: true }).fill("0.002");
    await page.getByLabel("steps", { exact: true }).fill("12000");
    await page.getByText(/^about .* are free$/).waitFor(patience);
    await page.getByText(/atelier train vae --preset smoke --data bars-and-stripes/).waitFor();
    await picture("train-form");
    await order(page, "Start training").click();
    await page.getByRole("heading", { level: 1, name: "vae-001" }).waitFor();
    await state(page, "training");
    await expect.poll(() => logged(page), patience).toBeGreaterThan(0);
    const before = await logged(page);
    await expect.poll(() => logged(page), patience).toBeGreaterThan(before);
    const first = await sample(page);
    await expect.poll(() => sample(page), patience).not.toBe(first);
    await picture("run-training");
    await order(page, "Pause").click();
    await state(page, "paused");
    const paused = await logged(page);
    await page.getByRole("slider", { name: "Step" }).press("Home");
    await expect.poll(() => sample(page)).toBe("1200");
    await order(page, "Resume").click();
    await expect.poll(() => logged(page), patience).toBeGreaterThan(paused);
    // The slider stays where it was put.
    expect(await sample(page)).toBe("1200");
    await order(page, "Stop here").click();
    await state(page, "finished");
    await page.getByRole("heading", { name: "Results on held-out data" }).waitFor();
    await page.getByText(/^ended at step \d+ of 12000, as was asked/).waitFor();
    await picture("run-finished");
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("two pages drive one run; a killed process and a folder that is gone are told in both", async () => {
    const first = await studio.visit("#/runs");
    const asked = { model: "vae", preset: "smoke", data: "bars-and-stripes", name: "shared", settings: { steps: 1_000_000 } };
    const post = (at: string, data: object) => first.page.request.post(`${studio.url}api/${at}`, { data });
    expect((await post("training", asked)).status()).toBe(201);
    expect((await post("training", asked)).status()).toBe(409);
    await first.page.getByRole("link", { name: "shared" }).click();
    const second = await studio.visit("#/runs/shared");
    await state(second.page, "training");
    await measureInteractions(first.page);
    await order(first.page, "Pause").click();
    await state(second.page, "paused");
    // A page that has not heard of it yet, as it were.
    expect(await (await post("runs/shared/pause", {})).json()).toMatchObject({
      error: { message: expect.stringContaining("not being trained now") },
    });
    await order(second.page, "Resume").click();
    await state(first.page, "training");
    process.kill(lockHolder(run("shared"))!.pid, "SIGKILL");
    for (const { page } of [first, second]) {
      await state(page, "killed");
      await page.getByText("ended from outside by SIGKILL").first().waitFor();
    }
    await second.picture("run-killed");
    expect(await order(first.page, "Resume").isEnabled()).toBe(true);
    rmSync(run("shared"), { recursive: true });
    for (const { page } of [first, second]) await page.getByRole("heading", { name: "This run is gone" }).waitFor();
    expect(first.problems).toEqual([]);
    await first.page.context().close();
    await second.page.context().close();
  });

  it("opens a run of 100,000 steps, zooms into it and finds its spike", async () => {
    await longRun(studio.runsFolder, "long");
    const { page, problems, picture } = await studio.visit("#/runs");
    await page.getByRole("link", { name: "long" }).waitFor();
    const began = Date.now();
    await page.getByRole("link", { name: "long" }).click();
    await page.locator(".chart canvas").first().waitFor();
    console.info(`a run of 100,000 steps: ${Date.now() - began} ms from the click to its curves`);
    expect(await page.locator(".chart").count()).toBe(3);
    await page.getByText("100,000 steps logged; a point is the mean of 128").waitFor();
    await page.getByLabel("From step").fill("51000");
    await page.getByLabel("to", { exact: true }).fill("51500");
    await page.getByLabel("to", { exact: true }).press("Enter");
    await page.getByText("100,000 steps logged. Drag").waitFor();
    await picture("run-long-zoomed");
    await order(page, "All steps").click();
    await page.getByText("a point is the mean of 128").waitFor();
    const chart = page.locator(".chart .u-over").first();
    // Charts are drawn anew, one a frame.
    await chart.scrollIntoViewIfNeeded();
    await expect.poll(() => chart.boundingBox()).not.toBeNull();
    const box = (await chart.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.getByText("a point is the mean of 32").waitFor();
    await chart.dblclick();
    await page.getByText("a point is the mean of 128").waitFor();
    await page.goto(`${studio.url}#/compare?runs=long,vae-001`);
    await page.getByRole("heading", { name: "Settings and results" }).waitFor();
    expect(await page.locator("main .chart").count()).toBe(3);
    await picture("compare");
    expect(problems).toEqual([]);
    await page.context().close();
  });
});

/** How long the page takes from an input to the frame that shows it, while a training runs: printed, since machines differ. */
async function measureInteractions(page: Page): Promise<void> {
  await page.evaluate(() => {
    const found: number[] = [];
    Object.assign(globalThis, { interactions: found });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if ((entry as PerformanceEventTiming).interactionId > 0) found.push(entry.duration);
    }).observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);
  });
  for (let i = 0; i < 6; i++) {
    await page.getByLabel("Logarithmic").click();
    await page.getByRole("slider", { name: "Smoothing" }).press("ArrowRight");
    await page.getByLabel("Learning rate, times, gradients").click();
  }
  const durations = await page.evaluate(() => (globalThis as unknown as { interactions: number[] }).interactions.sort((a, b) => a - b));
  const at = (share: number) => durations[Math.min(durations.length - 1, Math.floor(share * durations.length))] ?? 0;
  console.info(`interaction to next frame while a training runs: median ${at(0.5)} ms, longest ${at(1)} ms of ${durations.length} events`);
}
