/**
 * Compare our ids with those that reference.py wrote: `node bin/ts.js bench/tokenizers/exact.ts FOLDER [NAME...]`. Prints for each tokenizer the lines
 * whose ids differ, whether decoding gives the text again, and the seconds of our encoding.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { readSentencePiece } from "../../src/tokenizers/sentencepiece-model.ts";
import { Tokenizer } from "../../src/tokenizers/tokenizer.ts";

const [folder, ...chosen] = process.argv.slice(2);
const all = [
  "gpt2",
  "tiktoken",
  "byte-bpe",
  "bpe",
  "llama3",
  "wordpiece",
  "wordpiece-cased",
  "unigram",
  "sp-bpe",
  "sp-unigram",
  "sp-unigram-bytes",
];
const lines = JSON.parse(readFileSync(path.join(folder, "mixed.json"), "utf8")) as string[];

function numbers(name: string): Uint32Array {
  const bytes = readFileSync(path.join(folder, name));
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function open(name: string): Tokenizer {
  const json = path.join(folder, `${name === "tiktoken" ? "gpt2" : name}.json`);
  if (existsSync(json)) return Tokenizer.fromJson(JSON.parse(readFileSync(json, "utf8")), json);
  return readSentencePiece(readFileSync(path.join(folder, `${name}.model`)), name);
}

for (const name of chosen.length > 0 ? chosen : all) {
  const [ids, lengths] = [numbers(`${name}.ids`), numbers(`${name}.lengths`)];
  const tokenizer = open(name);
  const start = process.cpuUsage();
  const ours = lines.map((line) => tokenizer.encode(line, { addSpecialTokens: !name.startsWith("sp-") }));
  const { user, system } = process.cpuUsage(start);
  let [at, wrong, back] = [0, 0, 0];
  const shown: string[] = [];
  lines.forEach((line, i) => {
    const wanted = ids.subarray(at, at + lengths[i]);
    at += lengths[i];
    if (tokenizer.decode(ours[i]) === line) back++;
    const k = wanted.findIndex((id, j) => id !== ours[i][j]);
    if (ours[i].length === wanted.length && k < 0) return;
    wrong++;
    const from = Math.max(0, (k < 0 ? wanted.length : k) - 1);
    const text = (part: Iterable<number>) => JSON.stringify([...part].slice(from, from + 5).map((id) => tokenizer.tokenOf(id)));
    if (shown.length < 4) shown.push(`  line ${i} at ${from}: ours ${text(ours[i])}, theirs ${text(wanted)}`);
  });
  console.log(`${name}: ${wrong} of ${lines.length} lines differ, ${back} decode to themselves, ${((user + system) / 1e6).toFixed(2)} s`);
  if (shown.length > 0) console.log(shown.join("\n"));
}
