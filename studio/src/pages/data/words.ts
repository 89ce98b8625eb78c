import type { DataEntry, DataKind } from "../../../../src/studio/data.ts";
import { address } from "../../route.ts";

/** What a kind is called, of one set and as a heading. */
export const kindWords: Readonly<Record<DataKind, { one: string; heading: string; examples: string }>> = {
  pictures: { one: "pictures", heading: "Pictures", examples: "pictures" },
  points: { one: "points", heading: "Points in the plane", examples: "points" },
  text: { one: "text", heading: "Text", examples: "documents" },
  pairs: { one: "text pairs", heading: "Text", examples: "pairs" },
};

/** Bytes as people say them: `11.5 MB`. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB"] as const;
  const power = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  const size = bytes / 1000 ** power;
  return `${power === 0 ? size : Number(size.toPrecision(3))} ${units[power]}`;
}

/** A whole number with commas. */
export function countText(count: number): string {
  return count.toLocaleString("en");
}

/** How a set stands, in a word or two. */
export function readiness({ broken, prepared, downloadBytes, kind }: DataEntry): { text: string; look: "good" | "warn" | "bad" | "" } {
  if (broken !== undefined) return { text: "broken", look: "bad" };
  if (kind === "points") return { text: "drawn in memory", look: "good" };
  if (prepared) return { text: "ready", look: "good" };
  return downloadBytes === undefined ? { text: "to be drawn", look: "" } : { text: `to be fetched, ${bytesText(downloadBytes)}`, look: "" };
}

/** What a button says that prepares a set. */
export function prepareWords({ downloadBytes }: DataEntry): string {
  return downloadBytes === undefined ? "Draw it here" : `Fetch and prepare (${bytesText(downloadBytes)})`;
}

/** Examples of both splits, where they are known. */
export function sizeWords({ splits, bytes }: DataEntry): string {
  const examples = splits === undefined ? [] : [`${countText(splits.train)} to train on, ${countText(splits.test)} held out`];
  return [...examples, ...(bytes === undefined ? [] : [`${bytesText(bytes)} on the disk`])].join("; ") || "known when it is prepared";
}

/** A model to begin with for each kind of data. */
const firstModels: Readonly<Record<DataKind, Readonly<Record<string, string>>>> = {
  pictures: { model: "vae" },
  points: { model: "realnvp", preset: "toy" },
  text: { model: "gpt" },
  pairs: { model: "seq2seq" },
};

/** Where a training on a set is set up. */
export function trainAddress({ name, kind }: DataEntry): string {
  return address("train", [], { ...firstModels[kind], data: name });
}
