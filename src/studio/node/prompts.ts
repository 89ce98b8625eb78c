/** Named prompts: files `prompts/NAME.json` in the folder of runs. */
import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../../core/errors.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import type { NamedPrompt } from "../generate.ts";
import { namedPrompt, promptName } from "../generate-requests.ts";

/** The name of the folder, which is no run. */
export const PROMPTS = "prompts";

function fileOf(runsFolder: string, name: string): string {
  const checked = promptName.safeParse(name);
  if (!checked.success)
    throw new UsageError({ what: "A prompt cannot have this name.", got: name, expected: checked.error.issues[0].message });
  return path.join(runsFolder, PROMPTS, `${checked.data}.json`);
}

/** All of them by name; files that are none, or damaged, are passed over. @throws FileError where the folder cannot be read */
export async function listPrompts(runsFolder: string): Promise<NamedPrompt[]> {
  const folder = path.join(runsFolder, PROMPTS);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw fileError(error, "The prompts cannot be listed.", folder);
  });
  const prompts: NamedPrompt[] = [];
  for (const file of names.filter((name) => /^[A-Za-z0-9][\w-]*\.json$/.test(name)).sort()) {
    const prompt = await readPrompt(path.join(folder, file)).catch(() => undefined);
    // The file's name is the prompt's, also where someone renamed the file by hand.
    if (prompt !== undefined) prompts.push({ ...prompt, name: path.basename(file, ".json") });
  }
  return prompts;
}

async function readPrompt(file: string): Promise<NamedPrompt> {
  return namedPrompt.parse(JSON.parse(await readFile(file, "utf8")));
}

/** Write a prompt, over one of the same name. @throws FileError */
export async function savePrompt(runsFolder: string, prompt: NamedPrompt): Promise<void> {
  await writeFileAtomic(fileOf(runsFolder, prompt.name), `${JSON.stringify(prompt, null, 2)}\n`);
}

/** @throws UsageError for a name that is taken; FileError where there is no such prompt */
export async function renamePrompt(runsFolder: string, from: string, to: string): Promise<void> {
  const [source, target] = [fileOf(runsFolder, from), fileOf(runsFolder, to)];
  if (source === target) return;
  if ((await stat(target).catch(() => undefined)) !== undefined)
    throw new UsageError({ what: `There is already a prompt named "${to}".`, hint: "choose another name, or remove that one" });
  await rename(source, target).catch((error: unknown) => {
    throw missing(error, from);
  });
}

/** @throws FileError where there is no such prompt */
export async function removePrompt(runsFolder: string, name: string): Promise<void> {
  await rm(fileOf(runsFolder, name)).catch((error: unknown) => {
    throw missing(error, name);
  });
}

function missing(error: unknown, name: string): FileError {
  return (error as NodeJS.ErrnoException).code === "ENOENT"
    ? new FileError({ what: `There is no prompt named "${name}".`, hint: "it may have been removed on another page" })
    : fileError(error, "The prompt cannot be changed.");
}
