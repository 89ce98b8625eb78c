// The pages Generate and Chat in a real browser, with runs of three steps.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { decode } from "fast-png";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Gallery } from "../../src/studio/generate.ts";
import { overflow, program, type StudioUnderTest, startStudio } from "./harness.ts";
import { smokeRuns } from "./smoke-runs.ts";

const runs = program === undefined ? undefined : await smokeRuns();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe.skipIf(program === undefined)("the pages that generate", () => {
  let studio: StudioUnderTest;
  beforeAll(async () => {
    studio = await startStudio(runs!.home);
  });
  afterAll(() => studio?.close());

  const done = (page: Page) =>
    expect.poll(() => page.locator(".work-state [role=status]").first().innerText(), { timeout: 120_000 }).toBe("Done.");
  const gallery = async (run: string) => (await (await fetch(`${studio.url}api/generate/${run}/gallery`)).json()) as Gallery;
  const pixels = (run: string, file: string) => [...decode(readFileSync(path.join(runs!.home, run, "gallery", file))).data];

  /** What is wrong for those who hear or see less: rule and place. */
  async function barriers(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    return await page.evaluate(async () => {
      const { violations } = await (
        globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }
      ).axe.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}`);
    });
  }

  it("pictures: generate, look closely, vary, make again, remove", async () => {
    const { page, problems, picture } = await studio.visit("#/generate");
    await page.getByRole("link", { name: "vae" }).click();
    await page.getByLabel("How many").fill("4");
    await page.getByRole("button", { name: "Generate", exact: true }).click();
    await done(page);
    await page.getByRole("button", { name: "Picture 2: look closer" }).click();
    await page.getByText("atelier generate vae --seed 1 --count 4").waitFor();
    await picture("generate-large");
    expect(await barriers(page)).toEqual([]);
    await page.getByRole("button", { name: "Variations", exact: true }).click();
    await expect.poll(async () => (await gallery("vae")).total, { timeout: 120_000 }).toBe(2);
    await done(page);
    const { entries } = await gallery("vae");
    expect(entries[0].request).toMatchObject({ work: "variations", of: { batch: entries[1].id, index: 1 }, count: 4 });
    await page.getByRole("heading", { name: /^4 pictures near another/ }).waitFor();
    await page.getByRole("button", { name: "4 pictures of seed 1: number 3" }).click();
    await page.getByRole("button", { name: "Interpolate from it" }).click();
    await page.getByRole("button", { name: "4 pictures of seed 1: number 4" }).click();
    await page.getByRole("button", { name: "Interpolate to it" }).click();
    await page.getByRole("button", { name: "Interpolate", exact: true }).click();
    await page.getByText("100 %").waitFor({ timeout: 120_000 });
    await picture("generate-strip");
    expect(await barriers(page)).toEqual([]);
    await page.getByRole("button", { name: "8 pictures from one to another: number 1" }).click();
    await page.getByRole("button", { name: "Remove the batch" }).click();
    await expect.poll(async () => (await gallery("vae")).total).toBe(2);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("diffusion: watched step by step, and a part painted with the brush, by pointer and by keyboard", async () => {
    const { page, problems, picture } = await studio.visit("#/generate/ddpm", { dark: true });
    await page.getByLabel("How many").fill("2");
    await page.getByRole("button", { name: "Generate", exact: true }).click();
    await done(page);
    await page.getByText("step 20 of 20").waitFor();
    const first = page.locator(".stage canvas").first();
    const shown = () => first.evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
    const last = await shown();
    await page.getByRole("slider", { name: "Step on the way" }).fill("0");
    await page.getByText("step 1 of 20").waitFor();
    expect(await shown()).not.toBe(last);
    await page.getByRole("button", { name: "Play" }).click();
    await page.getByText("step 20 of 20").waitFor();
    expect(await shown()).toBe(last);
    await page.getByRole("button", { name: "Picture 1: look closer" }).click();
    await page.getByRole("button", { name: "Paint a part" }).click();
    const brush = page.getByRole("application");
    const box = (await brush.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.1, box.y + box.height * 0.1);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.1, { steps: 3 });
    await page.mouse.up();
    await brush.focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", " "]) await page.keyboard.press(key);
    await expect.poll(() => brush.getAttribute("aria-label")).toMatch(/: marked$/);
    await picture("generate-brush");
    expect(await barriers(page)).toEqual([]);
    await page.getByRole("button", { name: "Paint", exact: true }).click();
    await expect.poll(async () => (await gallery("ddpm")).total, { timeout: 120_000 }).toBe(2);
    const { entries } = await gallery("ddpm");
    const [painted, before] = [pixels("ddpm", entries[0].files[0]), pixels("ddpm", entries[1].files[0])];
    const same = painted.filter((value, i) => value === before[i]).length;
    expect(same).toBeGreaterThan(32);
    expect(same).toBeLessThan(64);
    // The lowest row was not marked.
    expect(painted.slice(-8)).toEqual(before.slice(-8));
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("a picture of the user's own is dropped, and work begins from it", async () => {
    const { page, problems, picture } = await studio.visit("#/generate/ddpm", { width: 360, height: 740 });
    await page.getByRole("radio", { name: "From a picture" }).check();
    await page.locator("input[type=file]").setInputFiles(path.join(runs!.pictures, "left", "left-1.png"));
    await page.getByText("resized from 16 x 16 to 8 x 8").waitFor();
    await page.getByLabel("How many").fill("3");
    await page.getByRole("button", { name: "Generate", exact: true }).click();
    await done(page);
    await picture("generate-from-360");
    expect(await overflow(page)).toBe(0);
    expect(await barriers(page)).toEqual([]);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("text: tokens tell what else could have stood there, and another is taken", async () => {
    const { page, problems, picture } = await studio.visit("#/generate/gpt");
    await page.getByLabel("Prompt", { exact: true }).fill("the ");
    await page.getByLabel("Tokens", { exact: true }).fill("12");
    await page.getByRole("button", { name: "Write", exact: true }).click();
    await done(page);
    const tokens = page.locator(".token");
    expect(await tokens.count()).toBe(12);
    await tokens.nth(3).hover();
    await page.getByRole("region", { name: "What else could have stood there" }).waitFor();
    expect(await page.locator(".alternative").count()).toBe(8);
    await picture("generate-text");
    expect(await barriers(page)).toEqual([]);
    // By keyboard: from token to token, then to another one in its place.
    await tokens.nth(3).focus();
    await page.keyboard.press("ArrowRight");
    expect(await tokens.nth(4).getAttribute("aria-pressed")).toBe("true");
    const before = await tokens.allInnerTexts();
    await page.locator(".alternative:not(:disabled)").first().click();
    await done(page);
    const after = await tokens.allInnerTexts();
    expect(after.slice(0, 4)).toEqual(before.slice(0, 4));
    expect(after[4]).not.toBe(before[4]);
    expect(problems).toEqual([]);
    await page.getByRole("link", { name: "Attention" }).click();
    await page.getByLabel("Text").fill("the sea");
    await page.getByRole("button", { name: "Look" }).click();
    await page.getByRole("button", { name: "Layer 1, head 1" }).waitFor({ timeout: 120_000 });
    await page.getByRole("toolbar").getByRole("button").first().click();
    await page.getByText("looks at").waitFor();
    await picture("generate-attention");
    expect(await barriers(page)).toEqual([]);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("chat: a prompt is kept by name, an answer comes, a message is edited and sent again", async () => {
    const { page, problems, picture } = await studio.visit("#/chat");
    await page.getByRole("link", { name: "gpt" }).click();
    await page.getByLabel("Name", { exact: true }).fill("sea");
    await page.getByRole("button", { name: "Keep" }).click();
    await page.getByText('Kept as "sea".').waitFor();
    await page.getByText("Sampling").click();
    await page.getByLabel("Tokens", { exact: true }).fill("6");
    await page.getByLabel("Message", { exact: true }).fill("the");
    await page.keyboard.press("Enter");
    await page.getByText(/What the model read/).waitFor({ timeout: 120_000 });
    expect((await page.locator(".turn.assistant .turn-text").innerText()).length).toBeGreaterThan(0);
    await picture("chat");
    expect(await barriers(page)).toEqual([]);
    await page.getByRole("button", { name: "Edit message 1 and send it again" }).click();
    expect(await page.getByLabel("Message", { exact: true }).inputValue()).toBe("the");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText(/What the model read/).waitFor({ timeout: 120_000 });
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByText('"sea" is removed.').waitFor();
    expect(await overflow(page)).toBe(0);
    expect(problems).toEqual([]);
    await page.context().close();
  });
});
