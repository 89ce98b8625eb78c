/** Runs and folders by the names that pages send: a name never becomes a path to elsewhere. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { readRecord } from "../../runs/record.ts";
import { Run } from "../../runs/registry.ts";
import { StudioError } from "./errors.ts";
import type { Studio } from "./route.ts";
import type { Target } from "./workers.ts";

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

/**
 * What a worker is to hold for a name: a run, or a folder that the studio was started with.
 * @throws StudioError (404) where there is neither; FileError where the run's folder is broken
 */
export async function findTarget(name: string, { workers, runsFolder }: Pick<Studio, "runsFolder" | "workers">): Promise<Target> {
  const folder = workers.folders.get(name);
  if (folder !== undefined) return { name, path: folder, kind: "folder" };
  const run = await findRun(name, runsFolder);
  return { name: run.name, path: run.folder, kind: "run" };
}
