/** The user's own data, uploaded: in the folder of runs as `.uploads/NAME/NAME`, beside an `about.json` that says what it is. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { fileError } from "../../core/node/files.ts";
import type { DataEntry } from "../data.ts";
import { isUploadName } from "../uploads.ts";
import { StudioError } from "./errors.ts";

const aboutSchema = z.object({
  format: z.literal(1),
  kind: z.enum(["pictures", "text", "pairs"]),
  /** ISO 8601, UTC. */
  created: z.string(),
  files: z.int().min(1),
  bytes: z.int().min(0),
  classes: z.array(z.string()),
  attributes: z.array(z.string()),
  notes: z.array(z.string()),
});

/** What `about.json` holds. */
export type OwnAbout = z.infer<typeof aboutSchema>;

export const ABOUT = "about.json";
const PREFIX = "own:";

/** Whether a name is of uploaded data. */
export function isOwn(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** The folder of all uploads. */
export function uploadsFolder(runsFolder: string): string {
  return path.join(runsFolder, ".uploads");
}

/** The folder of one upload, and the one in it that holds the data. @throws StudioError (400) for a name that no upload has */
export function ownFolder(name: string, runsFolder: string): { folder: string; data: string } {
  const bare = name.slice(PREFIX.length);
  if (!isOwn(name) || !isUploadName(bare))
    throw new StudioError(400, { what: "This is no name of uploaded data.", got: name.slice(0, 80) });
  const folder = path.join(uploadsFolder(runsFolder), bare);
  return { folder, data: path.join(folder, bare) };
}

/** Every upload, by name; what is damaged is listed as broken. */
export async function listOwn(runsFolder: string): Promise<DataEntry[]> {
  const entries = await readdir(uploadsFolder(runsFolder), { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory() && isUploadName(entry.name)).map((entry) => entry.name);
  return Promise.all(names.sort().map((name) => ownEntry(`${PREFIX}${name}`, runsFolder)));
}

/** One upload. @throws StudioError (404) where there is none */
export async function ownEntry(name: string, runsFolder: string): Promise<DataEntry> {
  const { folder, data } = ownFolder(name, runsFolder);
  const entry = {
    ...{ name, title: path.basename(data), source: "uploaded here", licence: "yours to know" },
    bias: "Unknown: look at what is in it, and what is not.",
    ...{ own: true, use: data, parameters: [], classes: [], attributes: [], notes: [], prepared: true },
  } as const;
  if ((await stat(folder).catch(() => undefined)) === undefined) {
    throw new StudioError(404, { what: `There are no uploaded data named "${path.basename(data)}".`, hint: "they may have been removed" });
  }
  try {
    const about = aboutSchema.parse(JSON.parse(await readFile(path.join(folder, ABOUT), "utf8")));
    if (!(await stat(data)).isDirectory()) throw new Error("its data are not a folder");
    const { kind, files, created, bytes, classes, attributes, notes } = about;
    const noun = kind === "pictures" ? "pictures" : "files of text";
    return {
      ...entry,
      kind,
      summary: `${files} ${noun} of your own, uploaded ${created.slice(0, 10)}.`,
      bytes,
      classes,
      attributes,
      notes,
    };
  } catch (error) {
    const because =
      error instanceof z.ZodError || error instanceof SyntaxError
        ? "its description is damaged"
        : "its files or its description are missing";
    return { ...entry, kind: "pictures", summary: "An upload that cannot be read.", broken: because };
  }
}

/** Remove an upload, also a broken one. @throws StudioError (404) where there is none; FileError where it cannot be removed */
export async function removeOwn(name: string, runsFolder: string): Promise<void> {
  await ownEntry(name, runsFolder);
  await rm(ownFolder(name, runsFolder).folder, { recursive: true, force: true }).catch((error: unknown) => {
    throw fileError(error, `Could not remove the uploaded data "${name}".`);
  });
}
