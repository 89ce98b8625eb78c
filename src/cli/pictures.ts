import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { type Pictures, pictureShape } from "../models/model.ts";
import type { WantedConditions } from "../runs/conditions.ts";
import { conditionsFor } from "./conditions.ts";
import type { OpenedRun } from "./opened.ts";

/**
 * The pictures that a user names, files or numbers of held-out pictures, with the conditions that the model needs: those given, else the pictures' own.
 * @throws UsageError where a file's conditions are not known; FileError for a file that is no picture
 */
export async function takePictures(
  { run, model, load, note }: OpenedRun,
  names: readonly string[],
  wanted: WantedConditions,
): Promise<{ pictures: Pictures; conditions: Float32Array | undefined }> {
  const { parseAttributes } = await import("../runs/conditions.ts");
  const { readPictures } = await import("../runs/latent/source.ts");
  const { record, config } = model;
  const { pictures, conditions, notes } = await readPictures(names, pictureShape(record, config), () => load("test"));
  notes.forEach(note);
  const asked = wanted.label !== undefined || wanted.attributes !== undefined;
  if (asked) {
    const given = await conditionsFor(run, model, wanted, { count: names.length, seed: "0", load: () => load("test"), onNote: note });
    const list = run.record.data?.conditions;
    if (list?.kind === "attributes" && parseAttributes(wanted.attributes ?? "", list.names).size < list.names.length)
      note("attributes that are not named are those of any picture of the data that has the named ones; name all for exact codes");
    return { pictures, conditions: given };
  }
  if (record.data.conditions === undefined) return { pictures, conditions: undefined };
  if (conditions !== undefined) return { pictures, conditions };
  throw new UsageError({
    what: `The model "${record.name}" must be told what a picture file shows.`,
    hint: run.record.data?.conditions?.kind === "attributes" ? "--attributes name=1,..." : "--label NAME",
  });
}

/** Pixels a side for each pixel of a picture, so that it is 64 high or a little more. */
export function scaleOf(pictures: Pictures): number {
  return Math.max(1, Math.round(64 / pictures.shape[2]));
}

/** A grid as a PNG file with its texts. */
export async function writePictures(
  file: string,
  pictures: Pictures,
  about: Record<string, string>,
  options: { columns?: number | undefined; captions?: readonly string[] | undefined } = {},
): Promise<void> {
  const { imageGrid } = await import("../report/grid.ts");
  const { encodePng } = await import("../report/png.ts");
  await writeFileAtomic(file, encodePng(imageGrid(pictures, { scale: scaleOf(pictures), ...options }), about));
}

/** Originals above their reconstructions as a PNG file with its texts. */
export async function writePairs(file: string, above: Pictures, below: Pictures, about: Record<string, string>): Promise<void> {
  const { imagePairs } = await import("../report/grid.ts");
  const { encodePng } = await import("../report/png.ts");
  await writeFileAtomic(file, encodePng(imagePairs(above, below, { scale: scaleOf(above) }), about));
}
