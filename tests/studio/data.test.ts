// Data, evaluation and leaderboards in a real browser: a folder is brought along, looked at, learnt from, and what was learnt is measured.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Sandbox } from "../end-to-end/harness.ts";
import { writeBoard } from "./fixtures.ts";
import { program, type StudioUnderTest, startStudio, type Visit } from "./harness.ts";

const sandbox = await Sandbox.create();

describe.skipIf(program === undefined)("data, evaluation and leaderboard", () => {
  let studio: StudioUnderTest;
  let pictures: string;
  beforeAll(async () => {
    Object.assign(process.env, { ATELIER_CACHE: sandbox.path("cache"), ATELIER_THREADS: "1" });
    pictures = await sandbox.pictures("shapes", 20);
    await writeFile(path.join(pictures, "left", "broken.png"), "no picture");
    await mkdir(sandbox.home, { recursive: true });
    await mkdir(path.join(sandbox.home, "ruined"));
    await writeFile(path.join(sandbox.home, "ruined", "run.json"), "{");
    await writeBoard(sandbox.home);
    studio = await startStudio(sandbox.home);
  });
  afterAll(async () => {
    await studio?.close();
  });

  /** A page that waits as long as a busy machine needs. */
  async function visit(place: string): Promise<Visit> {
    const visit = await studio.visit(place);
    visit.page.setDefaultTimeout(120_000);
    return visit;
  }

  it("a dropped folder becomes a data set that can be looked at; the bad file is named", async () => {
    const { page, problems, picture } = await visit("#/data");
    await page.getByRole("heading", { name: "Bars and stripes" }).waitFor();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Choose a folder" }).click()]);
    await chooser.setFiles(pictures);
    await page.getByLabel("Name of the data set").fill("my-shapes");
    await page.getByRole("button", { name: "Take them in" }).click();
    await page.getByText("40 files are in").waitFor();
    await page.getByText("What was left out (1)").click();
    await page.getByText("left/broken.png").waitFor();
    await picture("data-uploaded");
    await page.getByRole("link", { name: "my-shapes", exact: true }).first().click();
    await page.getByRole("heading", { level: 1, name: "my-shapes" }).waitFor();
    await page.getByText("pictures", { exact: false }).first().waitFor();
    const cells = page.getByRole("list", { name: "Pictures of the data set" }).getByRole("img");
    await cells.first().waitFor();
    const all = await cells.count();
    await page.getByLabel("Class").selectOption("0");
    await expect.poll(() => cells.count()).toBeLessThan(all);
    expect(await cells.first().getAttribute("aria-label")).toContain("left");
    await page.getByRole("button", { name: "Look for them" }).click();
    await page.getByText(/training pictures say or show/).waitFor();
    await picture("data-set");
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("files that are dropped are taken as those that are chosen, and other names are asked for", async () => {
    const { page, problems } = await visit("#/data");
    const place = page.getByRole("region", { name: "Drop a folder" });
    await place.waitFor();
    // As a text: what a page has is not known here.
    const transfer = await page.evaluateHandle(`(() => {
      const data = new DataTransfer();
      data.items.add(new File(["Once upon a time. ".repeat(40)], "tale.txt"));
      data.items.add(new File(["MZ"], "tale.exe"));
      return data;
    })()`);
    await place.dispatchEvent("drop", { dataTransfer: transfer });
    await page.getByText("1 files, 720 bytes; 1 will be left out").waitFor();
    const name = page.getByLabel("Name of the data set");
    await name.fill("../tale");
    await page.getByText("1 to 64 letters").waitFor();
    expect(await page.getByRole("button", { name: "Take them in" }).isDisabled()).toBe(true);
    await name.fill("tale");
    await page.getByRole("button", { name: "Take them in" }).click();
    await page.getByText("1 files are in").waitFor();
    await page.getByRole("link", { name: "tale", exact: true }).first().click();
    await page.getByText("Once upon a time").first().waitFor();
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("a set that is made here is drawn when it is asked for; points lie on their density", async () => {
    const { page, problems, picture } = await visit("#/data/bars-and-stripes");
    await page.getByRole("button", { name: /^Draw it here/ }).click();
    await page.getByRole("list", { name: "Pictures of the data set" }).waitFor();
    await page.goto(`${studio.url}#/data/moons`);
    await page.getByRole("img", { name: /3,000 points of 2 classes/ }).waitFor();
    await page.getByText("Other sizes and noise").click();
    await page.getByLabel("noise").fill("30");
    await page.getByRole("button", { name: "Show this one" }).click();
    await page.getByText("--data moons:noise=30").waitFor();
    await picture("data-points");
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("a run is evaluated, its samples beside their nearest training pictures", async () => {
    const good = await sandbox.pictures("good", 60);
    await sandbox.json("train", "vae", "--preset", "smoke", "--data", good, "--run", "mine", "--epochs", "1");
    const { page, problems, picture } = await visit("#/evaluate");
    await page.getByRole("link", { name: "mine" }).click();
    await page.getByRole("heading", { name: "Evaluate mine" }).waitFor();
    await page.getByText("It has not been evaluated here yet.").waitFor();
    await page.getByLabel("hold samples against the data").check();
    await page.getByLabel("Samples", { exact: true }).fill("12");
    await page.getByLabel("By the features of").selectOption("mnist");
    await page.getByRole("button", { name: "Evaluate", exact: true }).click();
    await page.getByRole("table", { name: "Samples against data" }).waitFor({ timeout: 300_000 });
    expect(await page.getByRole("table", { name: "Samples against data" }).locator("tbody th").allInnerTexts()).toContain("memorised");
    await page.getByRole("heading", { name: "Nearest training pictures" }).waitFor();
    expect(await page.locator(".pairs > li").count()).toBe(12);
    await page.getByText("of held-out pictures lie as near").first().waitFor();
    await picture("evaluation");
    await page.reload();
    await page.getByRole("combobox", { name: "Evaluation" }).waitFor();
    await page.getByRole("button", { name: /^Remove the evaluation/ }).click();
    await page.getByText("It has not been evaluated here yet.").waitFor();
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("leaderboards are sorted by any column; what never finished is shown as such", async () => {
    const { page, problems, picture } = await visit("#/leaderboard");
    const table = page.getByRole("table", { name: "Leaderboard board" });
    await table.waitFor();
    const models = () => table.locator("tbody th").allInnerTexts();
    expect(await models()).toEqual(["dcgan", "vae", "glow"]);
    expect(await table.getByRole("columnheader", { name: "kd" }).getAttribute("aria-sort")).toBe("ascending");
    await table.getByText("not begun").waitFor();
    const parameters = table.getByRole("button", { name: "parameters" });
    await parameters.focus();
    await page.keyboard.press("Enter");
    expect(await models()).toEqual(["vae", "dcgan", "glow"]);
    await page.keyboard.press("Enter");
    expect(await models()).toEqual(["dcgan", "vae", "glow"]);
    expect(await table.getByRole("columnheader", { name: "parameters" }).getAttribute("aria-sort")).toBe("descending");
    await table.getByRole("img", { name: "12 samples of vae" }).waitFor();
    await page.getByText("The run's description is not JSON.").waitFor();
    await picture("leaderboard");
    expect(problems).toEqual([]);
    await page.context().close();
  });
});
