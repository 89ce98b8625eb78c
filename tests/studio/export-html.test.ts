// Exported pages, opened from disk in a real browser without a network: they make what Node makes, ask for nothing and complain of nothing.
import { mkdirSync } from "node:fs";
import { rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensurePlay } from "../../bin/fresh.js";
import type { Samples } from "../../src/models/index.ts";
import { loadModel } from "../../src/runs/load.ts";
import { openRun } from "../../src/runs/registry.ts";
import { drawSamples } from "../../src/runs/sampling.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { findChromium, launch } from "../browser/chromium.ts";
import { Sandbox } from "../end-to-end/harness.ts";
import { violations, walk } from "./axe.ts";

const program = findChromium();
if (program === undefined) console.warn("Tests of exported pages are skipped: no Chromium here (CHROMIUM names a program).");

const sandbox = await Sandbox.create();
const artifacts = path.resolve(import.meta.dirname, "../../test-artifacts");

/** Run inside the test's process, to a good end. */
async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await sandbox.inside([...args, "--json"]);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

interface Opened {
  page: Page;
  problems: string[];
}

/** What the page offers to whoever drives it. */
interface Offered {
  atelier?: { client: { call(name: string, given: object, options?: object): Promise<unknown> } };
}

describe.skipIf(program === undefined)("an exported page", () => {
  let browser: Browser;
  let bytes: Record<string, { bytes: number; weights: number }>;

  beforeAll(async () => {
    ensurePlay();
    mkdirSync(artifacts, { recursive: true });
    const pictures = await sandbox.pictures("pictures", 40);
    const text = sandbox.path("rhyme.txt");
    await writeFile(text, "the cat sat on the mat,\nthe dog sat on the log.\n".repeat(60));
    const train = (model: string, run: string, data: string, ...more: string[]) =>
      done("train", model, "--preset", "smoke", "--steps", "4", "--data", data, "--run", run, ...more);
    await train("vae", "vae", pictures);
    await train("dcgan", "gan", pictures);
    await train("ddpm", "diffusion", pictures);
    await train("gpt", "gpt", text, "--set", "context=32");
    bytes = {};
    for (const run of ["vae", "gan", "diffusion", "gpt"])
      bytes[run] = (await done("export", run, "--format", "html", "--out", sandbox.path(`${run}.html`))) as (typeof bytes)[string];
    browser = await launch(program!);
  });
  afterAll(() => browser?.close());

  async function open(run: string, width = 1280): Promise<Opened> {
    const context = await browser.newContext({ viewport: { width, height: 800 }, offline: true });
    const page = await context.newPage();
    const address = pathToFileURL(sandbox.path(`${run}.html`)).href;
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("request", (request) => {
      if (request.url() !== address && !/^(blob|data):/.test(request.url())) problems.push(`a request to ${request.url()}`);
    });
    await page.goto(address);
    await page.waitForFunction(() => "atelier" in globalThis, undefined, { timeout: 120_000 });
    return { page, problems };
  }

  /** Ask the page's own model, as its interface does. */
  function ask<T>(page: Page, name: string, given: object): Promise<T> {
    return page.evaluate(
      async ([call, wish]) => {
        const answer = await (globalThis as Offered).atelier!.client.call(call as string, wish as object);
        const { data, shape } = answer as { data?: ArrayLike<number>; shape?: number[] };
        return (data === undefined ? answer : { data: Array.from(data), shape }) as never;
      },
      [name, given] as const,
    ) as Promise<T>;
  }

  async function expectSameAsNode(page: Page, name: string, sampling?: Record<string, unknown>): Promise<void> {
    const painted = await ask<{ data: number[]; shape: number[] }>(page, "sample", { count: 4, seed: 5, sampling });
    const model = await loadModel(await openRun(path.join(sandbox.home, name)));
    const expected: Samples = await drawSamples({ ...model, backend: await openBackend() }, 4, 5, { sampling });
    expect(painted.shape).toEqual([...expected.shape]);
    const apart = expected.data.reduce((most, value, i) => Math.max(most, Math.abs(value - painted.data[i])), 0);
    expect(apart).toBeLessThan(1e-3);
    expect(new Set(painted.data.map((value) => value.toFixed(3))).size).toBeGreaterThan(4);
  }

  /** Different colours on a canvas of the page. */
  function colours(page: Page, label: string): Promise<number> {
    return page
      .locator(`canvas[aria-label*="${label}"]`)
      .first()
      .evaluate((element) => {
        const canvas = element as HTMLCanvasElement;
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      });
  }

  it("of a VAE: draws, and follows a hand and the arrow keys through its codes", async () => {
    const { page, problems } = await open("vae");
    await expectSameAsNode(page, "vae");
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    await page.locator('canvas[aria-label="16 pictures of seed 0"]').waitFor();
    expect(await colours(page, "16 pictures of seed 0")).toBeGreaterThan(3);
    const pad = page.getByRole("slider", { name: /Place in the plane of codes/ });
    await pad.focus();
    for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowRight");
    await expect.poll(() => pad.getAttribute("aria-valuetext")).toBe("1.44 across, 0.00 up");
    // Wishes that come faster than pictures are dropped, so that the rate needs a hand that goes on.
    const keepMoving = async () => {
      for (const key of ["ArrowUp", "ArrowDown"]) await page.keyboard.press(key);
      return page.getByText(/pictures a second/).count();
    };
    await expect.poll(keepMoving, { timeout: 120_000, interval: 20 }).toBeGreaterThan(0);
    await page.screenshot({ path: path.join(artifacts, "export-vae.png"), fullPage: true });
    expect([...(await violations(page)), ...(await walk(page))]).toEqual([]);
    expect(problems).toEqual([]);
  });

  it("of a GAN: draws, truncates and morphs, on a phone's width too", async () => {
    const { page, problems } = await open("gan", 360);
    await expectSameAsNode(page, "gan");
    await page.getByRole("slider", { name: /Truncation/ }).fill("0.5");
    await page.getByRole("button", { name: "Draw the way" }).click();
    await page.locator('canvas[aria-label="the way in 9 pictures"]').waitFor();
    expect(await colours(page, "the way in 9 pictures")).toBeGreaterThan(2);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await page.screenshot({ path: path.join(artifacts, "export-gan-phone.png"), fullPage: true });
    expect(problems).toEqual([]);
  });

  it("of a diffusion model: is watched step by step", async () => {
    const { page, problems } = await open("diffusion");
    await expectSameAsNode(page, "diffusion", { steps: 5 });
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    const steps = page.getByRole("slider", { name: "On the way" });
    await steps.waitFor();
    await page.getByRole("button", { name: "Next seed" }).waitFor();
    expect(Number(await steps.getAttribute("max"))).toBeGreaterThan(5);
    await steps.fill("0");
    await page.screenshot({ path: path.join(artifacts, "export-diffusion.png"), fullPage: true });
    expect(await violations(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  it("of a GPT: writes what Node writes, and shows what else could have stood there", async () => {
    const { page, problems } = await open("gpt");
    const { texts } = await done("generate", "gpt", "--prompt", "the cat", "--tokens", "20", "--seed", "3", "--temperature", "0.8");
    await page.getByLabel("How it begins").fill("the cat");
    await page.getByLabel("Tokens").fill("20");
    await page.getByLabel("Seed").fill("3");
    await page.getByRole("slider", { name: "Top-p" }).fill("1");
    await page.getByRole("button", { name: "Write", exact: true }).click();
    await page.getByRole("button", { name: "Go on" }).waitFor();
    const written = page.getByRole("group", { name: /What was written/ });
    expect(await written.textContent()).toBe(`the cat${(texts as { text: string }[])[0].text}`);
    await written.focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.locator(".play-alternatives li").count()).toBe(5);
    await page.screenshot({ path: path.join(artifacts, "export-gpt.png"), fullPage: true });
    expect([...(await violations(page)), ...(await walk(page))]).toEqual([]);
    expect(problems).toEqual([]);
  });

  it("takes at most 8 MB besides its weights", async () => {
    for (const [run, { bytes: all, weights }] of Object.entries(bytes)) {
      expect((await stat(sandbox.path(`${run}.html`))).size).toBe(all);
      expect(all - weights).toBeLessThan(8e6);
    }
  });
});

it("is refused for a model that makes nothing, a precision that is none, and a run without a checkpoint", async () => {
  const pictures = await sandbox.pictures("few", 20);
  await done("train", "mlp", "--preset", "smoke", "--steps", "1", "--data", pictures, "--run", "classes", "--set", "classes=2");
  const told = await sandbox.inside(["export", "classes", "--format", "html"]);
  expect(told.code).toBe(2);
  expect(told.err).toContain('The model "mlp" cannot be shown in a page');
  const wrong = await sandbox.inside(["export", "classes", "--format", "html", "--precision", "int4"]);
  expect(wrong.err).toContain("one of: float32, float16");
  await rm(path.join(sandbox.home, "classes", "checkpoints"), { recursive: true });
  expect((await sandbox.inside(["export", "classes", "--format", "html"])).err).toContain("The run classes has no checkpoint yet.");
});
