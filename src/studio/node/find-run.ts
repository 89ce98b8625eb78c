import { stat } from "node:fs/promises";
import path from "node:path";
import { readRecord } from "../../runs/record.ts";
import { Run } from "../../runs/registry.ts";
import { StudioError } from "./errors.ts";

/**
 * The folder of a run by its name: never a path, and nothing outside the folder of runs.
 * @throws StudioError (404) where there is none of that name
 */
export async function runFolder(name: string, runsFolder: string): Promise<string> {
  const plain = name !== "" && !name.startsWith(".") && path.basename(name) === name && !/[/\\\0]/.test(name);
  const folder = path.join(runsFolder, plain ? name : "-");
  const found = plain && (await stat(folder).catch(() => undefined))?.isDirectory();
  if (found) return folder;
  throw new StudioError(404, {
    what: `There is no run named "${name.slice(0, 80)}".`,
    hint: "it may have been removed; the page of runs lists them",
  });
}

/** A run by its name. @throws StudioError (404) where there is none; FileError where its folder is broken */
export async function findRun(name: string, runsFolder: string): Promise<Run> {
  const folder = await runFolder(name, runsFolder);
  return new Run(folder, await readRecord(folder));
}
