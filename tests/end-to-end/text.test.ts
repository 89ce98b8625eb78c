import { cp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();
let text: string;

const sizes = ["context=12", "embedding=8", "hidden=16", "layers=1"].flatMap((setting) => ["--set", setting]);
const small = ["lstm", "--preset", "smoke", ...sizes];

beforeAll(async () => {
  text = sandbox.path("rhyme.txt");
  const lines = ["the cat sat on the mat,", "the dog sat on the log,", "the hen sat in the pen."];
  await writeFile(text, `${Array.from({ length: 120 }, (_, i) => lines[i % 3]).join("\n")}\n`);
});

interface Trained {
  checkpoint: string;
  folder: string;
  results: Record<string, number>;
  step: number;
}

describe("a run of text", () => {
  it("learns, keeps its tokenizer, is measured, writes, and goes on exactly after a pause", async () => {
    const train = (...more: string[]) => sandbox.inside(["train", ...small, "--data", text, "--json", ...more]);
    const told = await train("--run", "whole", "--steps", "120");
    expect([told.code, told.err]).toEqual([0, ""]);
    const whole = JSON.parse(told.out) as Trained;
    const folder = path.join(sandbox.home, "whole");
    const run = JSON.parse(await readFile(path.join(folder, "run.json"), "utf8"));
    // The characters of both splits: the vocabulary's setting follows them.
    expect(run.config.vocabulary).toBe(run.data.tokenizers.tokenizer.vocabulary);
    expect(run.data.tokenizers.tokenizer.digest).toMatch(/^sha256-[0-9a-f]{64}$/);
    expect(whole.results.perplexity).toBeCloseTo(Math.exp(whole.results.nats), 6);
    expect(whole.results.bitsPerByte).toBeCloseTo(whole.results.nats / Math.LN2, 6);
    expect(whole.results.perplexity).toBeLessThan(run.config.vocabulary);
    expect((await sandbox.files("runs", "whole", "samples")).filter((file) => file.endsWith(".txt")).length).toBeGreaterThan(0);

    await train("--run", "parts", "--steps", "70");
    const longer = await sandbox.inside(["train", "--resume", "--run", "parts", "--steps", "120", "--json"]);
    expect(JSON.parse(longer.out)).toMatchObject({ step: 120, checkpoint: whole.checkpoint, results: whole.results });

    const same = await sandbox.inside(["evaluate", "whole", "--json"]);
    expect(JSON.parse(same.out)).toMatchObject({ results: whole.results });
    const random = JSON.parse((await sandbox.inside(["evaluate", "whole", "--random-windows", "30", "--json"])).out);
    expect(random.windows).toBe(30);
    expect(random.results.nats).not.toBe(whole.results.nats);

    const write = (...more: string[]) => sandbox.inside(["generate", "whole", "--prompt", "the cat", "--tokens", "30", ...more]);
    const [first, again, other] = [await write(), await write(), await write("--seed", "3")];
    expect(first.out.startsWith("the cat")).toBe(true);
    expect(first.out.length).toBe("the cat".length + 31);
    expect(again.out).toBe(first.out);
    expect(other.out).not.toBe(first.out);
    const shown = await write("--show-top", "3", "--temperature", "0.5", "--json");
    const { texts } = JSON.parse(shown.out);
    expect(texts[0].top).toHaveLength(30);
    for (const { likeliest } of texts[0].top) {
      expect(likeliest[0].drawn).toBeGreaterThanOrEqual(likeliest[0].probability);
      expect(likeliest[0].probability).toBeGreaterThanOrEqual(likeliest[1].probability);
    }
  });

  it("is given a tokenizer, and a vocabulary that may be larger but not smaller", async () => {
    const file = sandbox.path("tok.json");
    const trained = await sandbox.inside(["tokenizer", "train", "--data", text, "--kind", "word", "--size", "15", "--out", file]);
    expect(trained.code).toBe(0);
    const train = (...more: string[]) =>
      sandbox.inside(["train", ...small, "--data", text, "--tokenizer", file, "--steps", "2", "--json", ...more]);
    const told = await train("--run", "words", "--set", "vocabulary=20");
    expect(JSON.parse(told.out).results.nats).toBeGreaterThan(0);
    const { err } = await train("--set", "vocabulary=10");
    expect(JSON.parse(err).error).toMatchObject({
      what: "The tokenizer does not fit the model's vocabulary.",
      got: "14 tokens",
      expected: "at most 10",
    });

    // A token file, and the wrong tokenizer for it.
    await sandbox.inside(["tokenizer", "file", file, "--data", text, "--out", sandbox.path("rhyme.bin")]);
    const bin = ["train", ...small, "--data", sandbox.path("rhyme.bin"), "--steps", "2", "--json"];
    const read = await sandbox.inside([...bin, "--tokenizer", file]);
    expect(JSON.parse(read.out).results.nats).toBeGreaterThan(0);
    expect((await sandbox.inside(bin)).err).toContain("A token file needs the tokenizer that made it");
    const other = sandbox.path("other.json");
    await sandbox.inside(["tokenizer", "train", "--data", text, "--kind", "word", "--size", "13", "--out", other]);
    expect((await sandbox.inside([...bin, "--tokenizer", other])).err).toContain("made by another tokenizer");
  });

  it("that lost its tokenizer, or whose text has changed, says so", async () => {
    await sandbox.inside(["train", ...small, "--data", text, "--steps", "3", "--run", "lost", "--json"]);
    const tokenizer = path.join(sandbox.home, "lost", "tokenizer.json");
    await cp(tokenizer, sandbox.path("kept.json"));
    await rm(tokenizer);
    expect((await sandbox.inside(["generate", "lost"])).err).toContain("There is no tokenizer at");
    await writeFile(tokenizer, (await readFile(sandbox.path("kept.json"), "utf8")).replace('"a"', '"ä"'));
    expect((await sandbox.inside(["evaluate", "lost"])).err).toContain("not the one that the run was trained with");
    await cp(sandbox.path("kept.json"), tokenizer);
    const original = await readFile(text);
    await writeFile(text, `the cat\n${original.toString()}`);
    expect((await sandbox.inside(["train", "--resume", "--run", "lost", "--steps", "5"])).err).toContain("have changed since it began");
    await writeFile(text, original);
  });
});

describe("bad input of text", () => {
  const refused = async (...args: string[]) => {
    const { code, err } = await sandbox.inside(args);
    expect(code).not.toBe(0);
    return err;
  };

  it("an empty corpus, a text shorter than the context, pairs that are none, pictures", async () => {
    const file = sandbox.path("few.txt");
    const before = await sandbox.runs();
    await writeFile(file, "  \n");
    expect(await refused("train", ...small, "--data", file)).toContain("The corpus is empty");
    await writeFile(file, "ab\nc\n");
    expect(await refused("train", ...small, "--data", file)).toContain("The text is shorter than the context");
    expect(await refused("train", ...small, "--data", text, "--set", "flip=true")).toContain("Texts cannot be changed as pictures are");
    expect(await refused("train", ...small, "--data", text, "--without", "cats")).toContain("Texts have no classes");
    expect(await refused("train", "vae", "--preset", "smoke", "--data", "moby-dick")).toContain("takes pictures, and these data are text");
    expect(await refused("train", ...small, "--data", "mnist")).toContain("learns from text, and these data are not");
    expect(await refused("train", "vae", "--preset", "smoke", "--data", "mnist", "--tokenizer", file)).toContain("it takes no tokenizer");
    expect(await refused("train", ...small, "--data", text, "--tokenizer", sandbox.path("none.json"))).toContain("There is no tokenizer");
    expect(await refused("train", ...small, "--data", text, "--set", "tied=true")).toContain("tied weights");
    expect(await sandbox.runs()).toEqual(before);
  });

  it("verbs of pictures, and options of pictures or text where they do not belong", async () => {
    await sandbox.inside(["train", ...small, "--data", text, "--steps", "2", "--run", "verbs", "--json"]);
    for (const words of [
      ["reconstruct", "verbs", "0"],
      ["latent", "verbs"],
      ["encode", "verbs", "a.png"],
    ])
      expect(await refused(...words)).toContain("set up for text");
    expect(await refused("generate", "verbs", "--label", "cat")).toContain("This run was set up for text");
    expect(await refused("generate", "verbs", "--temperature", "-1")).toContain("`--temperature` is out of range");
    expect(await refused("evaluate", "verbs", "--features", "mnist")).toContain("makes no samples");
    expect(await refused("generate", "verbs", "--prompt", "Ω")).toContain("Ω");
  });
});
