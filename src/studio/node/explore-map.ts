// What a child process does for a map of codes: what `atelier latent --map` does, with the codes themselves, kept in the run's folder.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../../core/node/files.ts";
import { type ImageSet, limitImages, requireImages } from "../../data/dataset.ts";
import { membership } from "../../data/select.ts";
import { principalComponents } from "../../metrics/principal-components.ts";
import { umap } from "../../metrics/umap.ts";
import { Codec, type Codes } from "../../runs/latent/codec.ts";
import { conditionsOf } from "../../runs/latent/source.ts";
import { loadModel, loadSplit } from "../../runs/load.ts";
import { directionsOf } from "../../runs/page-codes.ts";
import { openRun } from "../../runs/registry.ts";
import { openDevice } from "../../runtime/node/device.ts";
import type { CodeMap, MapMethod } from "../explore.ts";
import type { Surroundings } from "./child-main.ts";
import { mapFiles } from "./explore.ts";
import { atlasPng } from "./look-pictures.ts";

/** Pictures on the map: fewer where they are large, since their thumbnails are sent whole; and thumbnails in a row. */
const [MANY, FEW, LARGE, COLUMNS] = [1000, 400, 3 * 32 * 32, 32] as const;

/** Compute a map and keep it: the thumbnails first, so that no map is without. @throws as `loadModel` and `loadSplit` */
export async function makeMap(
  { run: name, method }: { run: string; method: MapMethod },
  { onProgress, signal }: Surroundings,
): Promise<{ method: MapMethod }> {
  onProgress("opening the run");
  const run = await openRun(name);
  const model = await loadModel(run);
  const { record, config } = model;
  const held = requireImages(
    await loadSplit(record, config, run.record.data?.name ?? record.data.sets[0], "test", undefined, { onProgress, signal }),
    "A map",
  );
  const [channels, height, width] = held.shape;
  const set = limitImages(held, channels * height * width > LARGE ? FEW : MANY);
  const backend = await openDevice("cpu", { onProgress });
  onProgress(`encoding ${set.count} held-out pictures`);
  const codec = new Codec(model, backend);
  const codes = await codec.encodeSet(set);
  await codec.dispose();
  signal.throwIfAborted();
  onProgress(method === "umap" ? "laying neighbours side by side (UMAP)" : "finding the directions of largest variance");
  const points = await placesOf(codes, method);
  signal.throwIfAborted();
  const map: CodeMap = {
    ...{ format: 1, method, step: model.step, count: set.count, codeSize: codes.size },
    points: Array.from(points, (value) => Number(value.toPrecision(5))),
    ...colours(set),
    codes: base64(new Uint8Array(codes.data.buffer, codes.data.byteOffset, codes.data.byteLength)),
    conditions: record.data.conditions === undefined ? undefined : base64(Uint8Array.from(conditionsOf(set) ?? [])),
    thumbnails: { columns: COLUMNS, width, height },
    directions: directionsOf(codes, set),
  };
  const files = mapFiles(run.folder, model.step, method);
  await mkdir(path.dirname(files.map), { recursive: true });
  await writeFileAtomic(files.thumbnails, atlasPng(set.images, set.shape, COLUMNS));
  await writeFileAtomic(files.map, `${JSON.stringify(map)}\n`);
  return { method };
}

/** [N, 2] */
async function placesOf({ data, count, size }: Codes, method: MapMethod): Promise<ArrayLike<number>> {
  if (size === 2) return data;
  if (size === 1) return Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? data[i / 2] : 0));
  return method === "umap" ? await umap(data, count, { seed: 0 }) : principalComponents(data, count).points;
}

/** By class, else by the first attribute. */
function colours(set: ImageSet): Pick<CodeMap, "labels" | "names"> {
  if (set.labels !== undefined) return { labels: [...set.labels], names: set.classes };
  const first = set.attributes?.names[0];
  return first === undefined ? {} : { labels: [...membership(set, first)], names: [`not ${first}`, first] };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
