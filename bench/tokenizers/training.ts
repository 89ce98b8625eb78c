/**
 * Training speed and memory, and whether what is learned is what the libraries learn: `node bin/ts.js bench/tokenizers/training.ts FOLDER KIND`, with a
 * folder that reference.py has filled. KIND is byte-bpe, bpe, wordpiece or unigram. Prints one line of JSON: seconds of processor time, the peak of
 * resident memory, the merges or tokens that both have, and characters a token on the second half of the text, ours and theirs.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { trainByteBpe } from "../../src/tokenizers/byte-bpe.ts";
import { wordsOf } from "../../src/tokenizers/kinds.ts";
import { readSentencePiece } from "../../src/tokenizers/sentencepiece-model.ts";
import { Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { learnBpe } from "../../src/tokenizers/training/bpe-trainer.ts";
import { countWords } from "../../src/tokenizers/training/word-counts.ts";
import { trainUnigram } from "../../src/tokenizers/unigram.ts";
import { trainWordPiece } from "../../src/tokenizers/wordpiece.ts";

const [folder, kind] = process.argv.slice(2);
const lines = JSON.parse(readFileSync(path.join(folder, "mixed.json"), "utf8")) as string[];
const [first, second] = [lines.slice(0, Math.floor(lines.length / 2)), lines.slice(Math.floor(lines.length / 2))];
const json = (name: string) => Tokenizer.fromJson(JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8")), name);

function charactersPerToken(tokenizer: Tokenizer): number {
  const tokens = second.reduce((sum, line) => sum + tokenizer.encode(line, { addSpecialTokens: false }).length, 0);
  return second.reduce((sum, line) => sum + [...line].length, 0) / tokens;
}

function sharedMerges(ours: Tokenizer["spec"]["model"], theirs: Tokenizer["spec"]["model"]): string {
  if (ours.type !== "BPE" || theirs.type !== "BPE") return "";
  const different = ours.merges.findIndex((merge, i) => String(merge) !== String(theirs.merges[i]));
  return different < 0 && ours.merges.length === theirs.merges.length
    ? `all ${ours.merges.length} merges equal`
    : `merge ${different} differs`;
}

function sharedTokens(ours: Tokenizer, theirs: Tokenizer): string {
  let both = 0;
  for (let id = 0; id < ours.vocabularySize; id++) if (theirs.idOf(ours.tokenOf(id) ?? "") !== undefined) both++;
  return `${both} of ${ours.vocabularySize} tokens in both`;
}

const before = process.memoryUsage.rss();
const start = process.cpuUsage();
const trained: Tokenizer | undefined =
  kind === "byte-bpe"
    ? trainByteBpe(first, { size: 4096 })
    : kind === "wordpiece"
      ? trainWordPiece(first, { size: 4096 })
      : kind === "unigram"
        ? trainUnigram(first, { size: 4096 })
        : undefined;
const plain =
  kind === "bpe"
    ? learnBpe(countWords(first, wordsOf({ pre_tokenizer: { type: "Whitespace" } })), { size: 4096, specialTokens: ["<unk>"] })
    : undefined;
const { user, system } = process.cpuUsage(start);
const theirs = kind === "unigram" ? readSentencePiece(readFileSync(path.join(folder, "sp-unigram-bytes.model"))) : json(kind);
const result = {
  kind,
  seconds: (user + system) / 1e6,
  megabytes: Math.round(process.resourceUsage().maxRSS / 1024 - before / 2 ** 20),
  equal: plain
    ? sharedMerges({ type: "BPE", ...plain }, theirs.spec.model)
    : kind === "byte-bpe"
      ? sharedMerges(trained!.spec.model, theirs.spec.model)
      : sharedTokens(trained!, theirs),
  charactersPerToken: trained && charactersPerToken(trained),
  theirCharactersPerToken: charactersPerToken(theirs),
};
console.log(JSON.stringify(result));
