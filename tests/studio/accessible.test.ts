// Every page of the studio as those meet it who do not see it, or do not use a mouse: axe in both colours on a phone and a desk, and a walk by keyboard.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pages } from "../../studio/src/pages.ts";
import { violations, walk } from "./axe.ts";
import { writeBoard, writeEvaluation, writeUpload } from "./fixtures.ts";
import { overflow, program, type StudioUnderTest, startStudio, type Visit } from "./harness.ts";
import { smokeRuns } from "./smoke-runs.ts";

const { home, pictures } = program === undefined ? { home: "", pictures: "" } : await smokeRuns();

/** Pages as they open, then with something in them. */
const places = [
  ...pages.map(({ path: name }) => name),
  ...["garden/vae", "learn/vae", "data/moons", "data/bars-and-stripes", "train?model=vae", "runs/vae", "runs/gpt", "runs/broken"],
  ...["data/own:shapes", "data/absent", "explore/vae", "explore/gpt", "generate/gpt?tab=attention", "runs/vae?tab=samples", "runs/absent"],
  ...["compare?runs=vae,ddpm", "evaluate/vae", "evaluate/absent", "generate/vae", "generate/ddpm", "generate/gpt", "chat/gpt", "nowhere"],
];

describe.skipIf(program === undefined)("the studio without eyes or mouse", () => {
  let studio: StudioUnderTest;
  beforeAll(async () => {
    mkdirSync(path.join(home, "broken"));
    writeFileSync(path.join(home, "broken", "run.json"), "{");
    await writeBoard(home);
    await writeEvaluation(home, "vae");
    await writeUpload(home, pictures);
    studio = await startStudio(home);
  });
  afterAll(async () => {
    await studio?.close();
  });

  /** Open a place and wait until what it shows is there. */
  async function opened(place: string): Promise<Visit> {
    const visit = await studio.visit(`#/${place}`);
    visit.page.setDefaultTimeout(120_000);
    await visit.page.locator("main h1, main h2").first().waitFor();
    await expect.poll(() => visit.page.locator("main .loading").count(), { timeout: 120_000 }).toBe(0);
    return visit;
  }

  it.each(places)(
    "#/%s: axe finds nothing, on a desk in both colours and on a phone, and the keyboard reaches all",
    { timeout: 300_000 },
    async (place) => {
      const { page } = await opened(place);
      const wrong: string[] = [];
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: width === 360 ? 740 : 800 });
        // Colours do not depend on the width: the dark ones are looked at on the desk only.
        for (const colorScheme of width === 360 ? (["light"] as const) : (["dark", "light"] as const)) {
          await page.emulateMedia({ colorScheme });
          wrong.push(...(await violations(page)).map((line) => `${width}, ${colorScheme}: ${line}`));
        }
        expect(await overflow(page)).toBe(0);
      }
      wrong.push(...(await walk(page)));
      expect(wrong).toEqual([]);
      await page.context().close();
    },
  );
});
