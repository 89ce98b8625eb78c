import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { main } from "../../cli/main.ts";
import { capturedIo } from "../../cli/testing/captured-io.ts";
import { countLeaks } from "../text/duplicates.ts";
import { TokenWindows } from "../text/tokens.ts";
import { loadText } from "./text.ts";
import { openTokenFile, writeTokenFile } from "./token-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "text-test-"));
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const play = Array.from({ length: 40 }, (_, i) => `Line ${i} of the play.`).join("\n");

describe("own texts", () => {
  it("one file is cut near its end, a folder by file", async () => {
    await writeFile(path.join(folder, "play.txt"), play);
    const [train, test] = [await loadText(path.join(folder, "play.txt")), await loadText(path.join(folder, "play.txt"), { split: "test" })];
    expect(train.documents[0].text + test.documents[0].text).toBe(play);
    const texts = path.join(folder, "texts");
    await mkdir(texts);
    for (let i = 0; i < 20; i++) await writeFile(path.join(texts, `${i}.txt`), `text ${i}`);
    const [all, held] = [await loadText(texts), await loadText(texts, { split: "test" })];
    expect([all.documents.length + held.documents.length, held.documents.length > 0]).toEqual([20, true]);
  });

  it("of a folder are on one side where files are copies of each other", async () => {
    const texts = path.join(folder, "copies");
    await mkdir(texts);
    for (let i = 0; i < 30; i++)
      await writeFile(path.join(texts, `${i}.txt`), i % 3 === 0 ? `text ${i}` : i % 3 === 1 ? "the same" : "The  same\n");
    const [all, held] = [await loadText(texts), await loadText(texts, { split: "test" })];
    expect(all.documents.length + held.documents.length).toBe(30);
    expect(countLeaks(all.documents, held.documents)).toBe(0);
  });

  it("say what is missing", async () => {
    await writeFile(path.join(folder, "empty.txt"), "  \n");
    await mkdir(path.join(folder, "nothing"));
    await expect(loadText(path.join(folder, "empty.txt"))).rejects.toThrow("The corpus is empty");
    await expect(loadText(path.join(folder, "nothing"))).rejects.toThrow("The corpus is empty");
    await expect(loadText(path.join(folder, "gone.txt"))).rejects.toThrow("Could not read");
    await expect(loadText("moby-duck")).rejects.toThrow('did you mean "moby-dick"?');
    await expect(loadText("https://example.org/a.txt")).rejects.toThrow("needs its checksum");
  });

  it("come from an address with a checksum, once", async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked++;
      response.end(play);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/play.txt`;
    const sha256 = createHash("sha256").update(play).digest("hex");
    try {
      for (let i = 0; i < 2; i++) expect((await loadText(`${url}#sha256=${sha256}`)).documents[0].text).toContain("Line 0");
      expect(asked).toBe(1);
      await expect(loadText(`${url}#sha256=${"0".repeat(64)}`)).rejects.toThrow("not the one expected");
    } finally {
      server.close();
    }
  });
});

describe("token files", () => {
  it("hold what was written, 16 or 32 bits an id, and are read by ranges", async () => {
    for (const vocabularySize of [1000, 100_000]) {
      const file = path.join(folder, `${vocabularySize}.bin`);
      const ids = Int32Array.from({ length: 40_000 }, (_, i) => (i * 7919) % vocabularySize);
      const parts = [ids.subarray(0, 10), ids.subarray(10)];
      const width = vocabularySize > 65_536 ? 4 : 2;
      expect(await writeTokenFile(file, parts, { vocabularySize, tokenizer: "abc" })).toEqual({
        tokens: 40_000,
        bytes: 32 + 40_000 * width,
      });
      const opened = await openTokenFile(file);
      expect([opened.length, opened.vocabularySize, opened.tokenizer]).toEqual([40_000, vocabularySize, "abc"]);
      const target = new Int32Array(39_000);
      await opened.read(1000, target);
      expect(target).toEqual(ids.subarray(1000));
      await expect(opened.read(39_999, new Int32Array(2))).rejects.toThrow("not there");
      const [inputs, targets] = [new Int32Array(8), new Int32Array(8)];
      await new TokenWindows(opened, { batch: 2, length: 4, seed: 0 }).next(inputs, targets);
      expect([...targets.subarray(0, 3)]).toEqual([...inputs.subarray(1, 4)]);
      await opened.close();
    }
  });

  it("appear only when complete, and are refused when cut off", async () => {
    const file = path.join(folder, "tokens.bin");
    await expect(writeTokenFile(file, [Int32Array.of(1, 5)], { vocabularySize: 5 })).rejects.toThrow("outside the vocabulary");
    expect(await readdir(folder)).not.toContain("tokens.bin");
    await writeTokenFile(file, [Int32Array.of(1, 2)], { vocabularySize: 5 });
    await truncate(file, 35);
    await expect(openTokenFile(file)).rejects.toThrow("cut off");
    await writeFile(file, "hello");
    await expect(openTokenFile(file)).rejects.toThrow("not a token file");
  });
});

describe("the verb tokenizer", () => {
  async function run(...argv: string[]) {
    const io = capturedIo();
    const code = await main(argv, io);
    return { code, out: io.out().replaceAll(folder, "FOLDER"), err: io.err() };
  }

  it("trains, encodes, decodes, tells, and writes token files", async () => {
    const [text, out, tokens] = ["play.txt", "tok.json", "tokens.bin"].map((name) => path.join(folder, name));
    await writeFile(text, play);
    expect((await run("tokenizer", "train", "--data", text, "--kind", "byte-bpe", "--size", "300", "--out", out)).out).toMatch(
      /^byte-bpe of \d+ tokens from \d+ characters in [\d.]+ s: FOLDER\/tok.json\n$/,
    );
    const encoded = await run("tokenizer", "encode", out, "the play", "--json");
    const { ids } = JSON.parse(encoded.out) as { ids: number[] };
    expect((await run("tokenizer", "decode", out, ids.join(","))).out).toBe("the play\n");
    expect((await run("tokenizer", "info", out)).out).toContain('special       {"<|endoftext|>":0}');
    const written = JSON.parse((await run("tokenizer", "file", out, "--data", text, "--out", tokens, "--json")).out) as { tokens: number };
    const opened = await openTokenFile(tokens);
    expect(opened.length).toBe(written.tokens);
    await opened.close();
    expect((await run("data", "texts", text, "--duplicates")).out).toContain("held-out documents are also in training");
  });

  it("refuses what is wrong", async () => {
    expect(await run("tokenizer", "train", "--data", "x", "--kind", "byte")).toMatchObject({
      code: 2,
      err: expect.stringContaining("no kind of tokenizer"),
    });
    expect(await run("tokenizer", "encode", path.join(folder, "gone.json"), "x")).toMatchObject({
      code: 1,
      err: expect.stringContaining("There is no tokenizer"),
    });
    expect(await run("tokenizer", "info", folder)).toMatchObject({ code: 1, err: expect.stringContaining("The folder has no tokenizer") });
    await writeFile(path.join(folder, "tokenizer.json"), '{"model":');
    expect(await run("tokenizer", "encode", folder, "x")).toMatchObject({ code: 1, err: expect.stringContaining("not JSON") });
  });
});
