/** Runs and folders by the names that pages send: a name never becomes a path to elsewhere. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { openRun, type Run } from "../../runs/registry.ts";
import { StudioError } from "./errors.ts";
import type { Studio } from "./route.ts";
import type { Target } from "./workers.ts";

/** A run of the studio's folder. @throws StudioError (404) where there is none of this name; FileError where it is broken */
export async function runNamed({ runsFolder }: Pick<Studio, "runsFolder">, name: string): Promise<Run> {
  const folder = path.join(runsFolder, name);
  const isName = name !== "" && !name.startsWith(".") && !/[\\/\0]/.test(name) && path.basename(folder) === name;
  if (!isName || !(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new StudioError(404, { what: `There is no run named "${name}".`, hint: "it may have been removed or renamed" });
  return openRun(path.join(folder, "run.json"));
}

/** What a worker is to hold for a name: a run, or a folder that the studio was started with. @throws as {@link runNamed} */
export async function targetNamed(studio: Pick<Studio, "runsFolder" | "workers">, name: string): Promise<Target> {
  const folder = studio.workers.folders.get(name);
  if (folder !== undefined) return { name, path: folder, kind: "folder" };
  const run = await runNamed(studio, name);
  return { name: run.name, path: run.folder, kind: "run" };
}
