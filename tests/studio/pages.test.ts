// Every page of the studio in a real browser, on a phone's width and on a desk's.
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveStudio } from "../../src/studio/node/server.ts";
import { openStudio } from "../../src/studio/node/studio.ts";
import { pages } from "../../studio/src/pages.ts";
import { overflow, program, type StudioUnderTest, startStudio, type Visit } from "./harness.ts";

describe.skipIf(program === undefined)("the studio's pages", () => {
  let studio: StudioUnderTest;
  beforeAll(async () => {
    studio = await startStudio();
  });
  afterAll(async () => {
    await studio?.close();
  });

  /** Open a place and wait until what it shows is there. */
  async function opened(place: string, width: number, dark = false): Promise<Visit> {
    const visit = await studio.visit(place, { width, height: width < 500 ? 740 : 800, dark });
    await visit.page.locator("main h1, main h2").first().waitFor();
    await visit.page.locator("main .loading").first().waitFor({ state: "detached" });
    return visit;
  }

  const places = [...pages.map(({ path }) => `#/${path}`), "#/garden/vae", "#/learn/vae", "#/learn/dcgan", "#/nowhere"];

  it.each(places)("%s fits a phone and a desk, in both colours, without an error and without leaving the machine", async (place) => {
    for (const width of [360, 1280]) {
      const visit = await opened(place, width, width === 360);
      const name = place.replace(/\W+/g, "-").replace(/^-/, "");
      await visit.picture(`page-${name}-${width}`);
      expect(await overflow(visit.page)).toBe(0);
      expect(visit.problems).toEqual([]);
      await visit.page.context().close();
    }
  });

  it("the garden is narrowed by words and by what models can do, and the address says so", async () => {
    const { page, problems } = await opened("#/garden", 1280);
    const all = await page.locator(".model-card").count();
    await page.getByLabel("Search").fill("tidy codes");
    await expect.poll(() => page.locator(".model-card").count()).toBe(1);
    await page.getByLabel("Search").fill("");
    await page.getByLabel("Ability").selectOption("fills");
    await expect.poll(() => page.locator(".model-card").count()).toBeLessThan(all);
    expect(page.url()).toContain("can=fills");
    await page.getByRole("link", { name: /^Train this: PixelCNN$/ }).waitFor();
    await page.getByRole("link", { name: "PixelCNN", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "PixelCNN" }).waitFor();
    await page.getByText("No run of this model is finished yet.").waitFor();
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("an equation's code shows the lines in which it stands, by keyboard too", async () => {
    const { page, problems, picture } = await opened("#/learn/vae", 1280);
    await page.locator(".katex").first().waitFor();
    const quote = page.getByRole("button", { name: "reparameterize()" });
    await quote.focus();
    await page.keyboard.press("Enter");
    expect(await quote.getAttribute("aria-pressed")).toBe("true");
    await expect.poll(() => page.locator(".code-line.marked").first().innerText()).toContain("reparameterize");
    expect(await page.locator(".code-line.marked").first().isVisible()).toBe(true);
    await picture("learn-quote");
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("a token lets a browser in, and is in no address afterwards", async () => {
    const token = "a-token-of-24-characters";
    const page = path.resolve(import.meta.dirname, "../../dist/studio/page");
    const server = await serveStudio(openStudio({ runsFolder: studio.runsFolder }), { port: 0, page, token });
    const context = await studio.browser.newContext();
    const visit = await context.newPage();
    await visit.goto(server.url);
    await visit.getByLabel("Token").fill(token);
    await visit.getByRole("button", { name: "Enter" }).click();
    await visit.getByRole("heading", { name: "Garden" }).waitFor();
    expect(visit.url()).toBe(server.url);
    expect(await visit.evaluate(() => document.cookie)).toBe("");
    expect(await visit.evaluate(() => crossOriginIsolated)).toBe(true);
    await context.close();
    await server.close();
  });

  it("the colours that were chosen are kept", async () => {
    const { page } = await opened("#/garden", 1280);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByLabel("Colours").selectOption("dark");
    expect(await ground()).not.toBe(light);
    await page.reload();
    await page.locator("main h1").waitFor();
    expect(await ground()).not.toBe(light);
    await page.context().close();
  });
});
