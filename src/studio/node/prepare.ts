import { loadDataset } from "../../data/node/load.ts";
import { loadText } from "../../data/node/text.ts";
import type { DataKind } from "../data.ts";
import type { Surroundings } from "./child-main.ts";

/** Fetch and prepare a data set into the cache. @throws FileError, RuntimeError as the loaders */
export async function prepare(
  { use, kind }: { use: string; kind: DataKind },
  { onProgress, signal }: Surroundings,
): Promise<{ train: number }> {
  const options = { onProgress, signal, split: "train" } as const;
  if (kind === "pictures") return { train: (await loadDataset(use, options)).count };
  return { train: (await loadText(use, options)).documents.length };
}
