// The page Explore: a trained run opened in the browser itself, its map of codes, and moving through it.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Sandbox } from "../end-to-end/harness.ts";
import { violations } from "./axe.ts";
import { overflow, program, type StudioUnderTest, startStudio } from "./harness.ts";

const sandbox = await Sandbox.create();

describe.skipIf(program === undefined)("exploring", () => {
  let studio: StudioUnderTest;
  beforeAll(async () => {
    const pictures = await sandbox.pictures("pictures", 60);
    for (const model of ["vae", "dcgan"]) {
      const words = [
        "train",
        model,
        "--preset",
        "smoke",
        "--steps",
        "4",
        "--data",
        pictures,
        "--run",
        model,
        ...(model === "vae" ? ["--set", "codeSize=3"] : []),
      ];
      const { code, err } = await sandbox.inside(words);
      if (code !== 0) throw new Error(err);
    }
    studio = await startStudio(sandbox.home);
  });
  afterAll(async () => {
    await studio?.close();
  });

  it("maps the codes of a VAE and follows the pointer and the keys", async () => {
    const { page, problems, picture } = await studio.visit("#/explore");
    await page.getByRole("link", { name: /^vae/ }).click();
    await page.getByRole("button", { name: "Compute the map" }).click({ timeout: 120_000 });
    const map = page.getByRole("slider", { name: /Place on the map of/ });
    await map.waitFor({ timeout: 120_000 });
    const box = (await map.boundingBox())!;
    const before = await map.getAttribute("aria-valuetext");
    await page.mouse.move(box.x + 20, box.y + 20);
    await page.mouse.down();
    for (let i = 1; i <= 40; i++) await page.mouse.move(box.x + 20 + 4 * i, box.y + 20 + 3 * i);
    await page.mouse.up();
    expect(await map.getAttribute("aria-valuetext")).not.toBe(before);
    await page
      .getByText(/pictures a second/)
      .first()
      .waitFor();
    const dragged = await map.getAttribute("aria-valuetext");
    await map.press("ArrowLeft");
    expect(await map.getAttribute("aria-valuetext")).not.toBe(dragged);
    const large = page.locator('canvas[aria-label="what the model makes of this code"]');
    expect(await large.evaluate((canvas) => (canvas as HTMLCanvasElement).width)).toBe(8);
    await page.getByRole("button", { name: "A way begins here" }).click();
    await page.getByRole("button", { name: "Draw the way" }).click();
    await page.locator('canvas[aria-label="the way in 9 pictures"]').waitFor();
    await picture("explore-vae");
    expect(await violations(page)).toEqual([]);
    // What is computed once is there at the next visit.
    await page.reload();
    await map.waitFor({ timeout: 120_000 });
    expect(problems).toEqual([]);
  });

  it("opens a GAN on a phone's width, and says that it has no map", async () => {
    const { page, problems, picture } = await studio.visit("#/explore/dcgan", { width: 360, height: 740, dark: true });
    await page.getByRole("slider", { name: /Truncation/ }).waitFor({ timeout: 120_000 });
    await page.getByText("No map of codes for this model: it has no encoder that gives pictures codes.").waitFor();
    await page.getByText(/Computed by the processor/).waitFor();
    await page.getByRole("button", { name: "Four new codes" }).click();
    expect(await overflow(page)).toBe(0);
    await picture("explore-gan-phone");
    expect(problems).toEqual([]);
  });

  it("takes a run along as one file, from its page", async () => {
    const { page, problems, picture } = await studio.visit("#/runs/vae");
    await page.getByRole("button", { name: "Make the file" }).click({ timeout: 120_000 });
    const save = page.getByRole("link", { name: "Save vae.html" });
    await save.waitFor({ timeout: 120_000 });
    const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
    expect(download.suggestedFilename()).toBe("vae.html");
    const text = await readFile(await download.path(), "utf8");
    expect(text.startsWith("<!doctype html>")).toBe(true);
    expect(text).toContain('"examples"');
    await picture("share");
    // It is there at the next visit.
    await page.reload();
    await save.waitFor({ timeout: 120_000 });
    expect(await violations(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  it("says plainly that a run is gone", async () => {
    const { page } = await studio.visit("#/explore/nothing");
    await page.getByText('There is no run named "nothing".').waitFor({ timeout: 120_000 });
  });
});
