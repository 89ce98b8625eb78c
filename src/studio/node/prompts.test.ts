import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRun, listRuns } from "../../runs/registry.ts";
import { newRun } from "../../runs/testing/make.ts";
import { listPrompts, removePrompt, renamePrompt, savePrompt } from "./prompts.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "atelier-prompts-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const prompt = (name: string) => ({ name, system: "Be brief.", examples: [{ user: "1 + 1", assistant: "2" }], text: "" });

it("are saved, listed, renamed and removed", async () => {
  expect(await listPrompts(home)).toEqual([]);
  await savePrompt(home, prompt("sums"));
  await savePrompt(home, prompt("brief"));
  expect(await listPrompts(home)).toEqual([prompt("brief"), prompt("sums")]);
  await renamePrompt(home, "sums", "adding");
  await expect(renamePrompt(home, "adding", "brief")).rejects.toThrow(/already a prompt/);
  await removePrompt(home, "brief");
  await expect(removePrompt(home, "brief")).rejects.toThrow(/no prompt named "brief"/);
  expect(await listPrompts(home)).toEqual([prompt("adding")]);
});

it("have names that are names, and files that are damaged do no harm", async () => {
  for (const name of ["../x", "a b", "", "a/b", "x.json"])
    await expect(savePrompt(home, prompt(name))).rejects.toThrow(/cannot have this name/);
  await savePrompt(home, prompt("good"));
  writeFileSync(path.join(home, "prompts", "bad.json"), "{");
  expect((await listPrompts(home)).map(({ name }) => name)).toEqual(["good"]);
});

it("are no run", async () => {
  await savePrompt(home, prompt("sums"));
  await createRun(newRun({ name: "a" }), home);
  expect((await listRuns(home)).map(({ name }) => name)).toEqual(["a"]);
  await expect(createRun(newRun({ name: "prompts" }), home)).rejects.toThrow(/reserved/);
});
