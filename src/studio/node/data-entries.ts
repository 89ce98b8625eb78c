/** The data sets that there are, with all that can be said of them without reading them. */
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import type { Dataset } from "../../data/dataset.ts";
import { preparedPlace } from "../../data/node/load.ts";
import { preparedTextPlace } from "../../data/node/text.ts";
import { datasetNamed, datasets } from "../../data/sets/index.ts";
import { textSetNamed, textSets } from "../../data/text/sets/index.ts";
import type { TextDataset } from "../../data/text/text-set.ts";
import type { DataEntry, DataParameter } from "../data.ts";
import { StudioError } from "./errors.ts";
import { isOwn, listOwn, ownEntry } from "./own-data.ts";

/** Every named set, then the user's own. */
export async function listEntries(runsFolder: string): Promise<DataEntry[]> {
  const named = await Promise.all([...datasets.map(entryOf), ...textSets.map(textEntryOf)]);
  return [...named, ...(await listOwn(runsFolder))];
}

/** One set by name. @throws StudioError (404); UsageError for parameters that are not right */
export async function findEntry(name: string, runsFolder: string): Promise<DataEntry> {
  if (isOwn(name)) return ownEntry(name, runsFolder);
  const dataset = datasetNamed(name);
  if (dataset !== undefined) return entryOf(dataset);
  const text = textSetNamed(name);
  if (text !== undefined) return textEntryOf(text);
  throw new StudioError(404, { what: `There is no data set named "${name.slice(0, 80)}".`, hint: "see the list of data sets" });
}

/** As {@link findEntry}, of a set that can be looked at. @throws StudioError (409) where it is not prepared, (422) where it is broken */
export async function findReady(name: string, runsFolder: string): Promise<DataEntry> {
  const entry = await findEntry(name, runsFolder);
  if (entry.broken !== undefined) throw new StudioError(422, { what: "The data cannot be used.", got: entry.broken });
  if (entry.prepared) return entry;
  throw new StudioError(409, { what: `The data set "${entry.name}" is not prepared yet.`, hint: "prepare it first" });
}

/**
 * What `--data` takes, for the name of a set in an order from a page. A folder of the user's own is known by `own:NAME` only, never by a path.
 * @throws StudioError (404) where there is no such set, (422) where it is broken
 */
export async function dataToUse(name: string, runsFolder: string): Promise<string> {
  const entry = await findEntry(name, runsFolder);
  if (entry.broken !== undefined) throw new StudioError(422, { what: "The data cannot be used.", got: entry.broken });
  return entry.use;
}

async function entryOf(dataset: Dataset): Promise<DataEntry> {
  const { card } = dataset;
  const { name, title, summary, source, licence, bias, splitNote, splits, shape, classes } = card;
  const about = { name, title, summary, source, licence, bias, splitNote, splits, shape, classes, own: false, use: name, notes: [] };
  const parameters = "parameters" in dataset ? parametersOf(dataset.parameters) : [];
  if ("density" in dataset) return { ...about, kind: "points", attributes: [], formula: dataset.card.formula, prepared: true, parameters };
  const bytes = await sizeOf(preparedPlace(dataset.card), "meta.json");
  const attributes = card.attributes ?? [];
  const prepared = { prepared: bytes !== undefined, bytes, downloadBytes: card.package?.bytes };
  return { ...about, kind: "pictures", attributes, ...prepared, parameters };
}

function parametersOf(parameters: Readonly<Record<string, Omit<DataParameter, "name">>>): DataParameter[] {
  return Object.entries(parameters).map(([name, about]) => ({ name, ...about }));
}

async function textEntryOf({ card }: TextDataset): Promise<DataEntry> {
  const { name, title, summary, source, licence, bias, splitNote, kind } = card;
  const bytes = await sizeOf(preparedTextPlace(card), "test.jsonl");
  return {
    ...{ name, title, summary, source, licence, bias, splitNote },
    kind: kind === "pairs" ? "pairs" : "text",
    ...{ classes: [], attributes: [], parameters: [], notes: [], own: false, use: name },
    ...{ prepared: bytes !== undefined, bytes, downloadBytes: card.package?.bytes ?? card.download?.bytes },
  };
}

/** Bytes of the files in a folder; undefined where the file that ends its making is not there. */
async function sizeOf(folder: string, last: string): Promise<number | undefined> {
  const names = await readdir(folder).catch((): string[] => []);
  if (!names.includes(last)) return undefined;
  const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(folder, name)).catch(() => undefined))?.size ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}
