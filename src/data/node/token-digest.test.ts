import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { learnTokenizer, tokenizerKinds } from "../../tokenizers/learn.ts";
import { readTokenizer, writeTokenizer } from "../../tokenizers/node/index.ts";
import { tokenizerDigest } from "./token-sets.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atelier-digest-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the digest of a tokenizer", () => {
  it.each(tokenizerKinds)("of the kind %s is the same when it is learned and when it is read", async (kind) => {
    const learned = learnTokenizer(kind, ["the cat sat on the mat and the dog sat on the log"], { size: 400 });
    const file = path.join(folder, `${kind}.json`);
    await writeTokenizer(file, learned);
    const read = await readTokenizer(file);
    expect(tokenizerDigest(read)).toBe(tokenizerDigest(learned));
    expect(tokenizerDigest(read)).toBe(createHash("sha256").update(JSON.stringify(read.toJson())).digest("hex"));
  });
});
