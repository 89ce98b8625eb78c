import { describe, expect, it } from "vitest";
import { countLeaks, findDuplicates } from "./duplicates.ts";
import { textSetNamed, textSets } from "./sets/index.ts";
import { readTextBytes } from "./text-file.ts";
import { splitByKey, splitTail, type TextDocument } from "./text-set.ts";
import { TokenWindows, tokensInMemory } from "./tokens.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("splits", () => {
  it("keep the documents of a key together, and do not move when others come", () => {
    const documents = Array.from({ length: 200 }, (_, i): TextDocument => ({ id: String(i), key: `word ${i >> 1}`, text: `${i}` }));
    const { train, test } = splitByKey(documents);
    expect(train.length + test.length).toBe(200);
    expect(test.length).toBeGreaterThan(5);
    const keys = new Set(train.map(({ key }) => key));
    expect(test.filter(({ key }) => keys.has(key))).toEqual([]);
    const fewer = splitByKey(documents.slice(0, 100)).test.map(({ id }) => id);
    expect(test.map(({ id }) => id).filter((id) => Number(id) < 100)).toEqual(fewer);
  });

  it("never leave a side empty", () => {
    for (const text of ["a b", "c d", "e f"]) {
      const { train, test } = splitByKey([...text].map((id) => ({ id, text: id })));
      expect([train.length > 0, test.length > 0]).toEqual([true, true]);
    }
  });

  it("cut one text near its end, at a line where wanted", () => {
    const { train, test } = splitTail("x", "0123456\n89", { share: 0.5 });
    expect([train[0].text, test[0].text]).toEqual(["0123456\n", "89"]);
    expect(splitTail("x", "0123456789", { lines: false }).test[0].text).toBe("9");
    // No character of two code units is cut in half.
    expect(splitTail("x", "🐋🐋🐋", { share: 0.5 }).test[0].text).toBe("🐋");
  });
});

describe("own files", () => {
  it("read plain text, JSON lines and CSV", () => {
    expect(readTextBytes(bytes("hello"), "a.txt").documents).toEqual([{ id: "a.txt", text: "hello" }]);
    const lines = readTextBytes(bytes('{"q":"one","a":"eins"}\n\n{"q":"two","a":"zwei"}\n'), "a.jsonl", { field: "q", targetField: "a" });
    expect(lines.documents.map(({ id, text, target }) => [id, text, target])).toEqual([
      ["a.jsonl:1", "one", "eins"],
      ["a.jsonl:3", "two", "zwei"],
    ]);
    expect(readTextBytes(bytes("id,text\n1,hello\n"), "a.csv").documents[0].text).toBe("hello");
  });

  it("read pairs between tabs, and all targets of a source are on one side", () => {
    const { documents } = readTextBytes(bytes("one\teins\r\none\teine\nTwo\tzwei\tmore\n\n"), "a.tsv");
    expect(documents.map(({ text, target }) => [text, target])).toEqual([
      ["one", "eins"],
      ["one", "eine"],
      ["Two", "zwei"],
    ]);
    expect(documents[0].key).toBe(documents[1].key);
    expect(() => readTextBytes(bytes("one eins\n"), "a.tsv")).toThrow("a.tsv, line 1");
  });

  it("say what is wrong", () => {
    expect(() => readTextBytes(bytes("{nonsense"), "a.jsonl")).toThrow("a.jsonl, line 1");
    expect(() => readTextBytes(bytes('{"txt":"x"}'), "a.jsonl")).toThrow('whose "text" is a text');
    expect(() => readTextBytes(bytes("id,txt\n1,hello\n"), "a.csv")).toThrow('did you mean "txt"');
    expect(readTextBytes(Uint8Array.of(104, 255), "a.txt").notes).toHaveLength(1);
    expect(readTextBytes(bytes(" \n"), "a.txt").documents).toEqual([]);
  });
});

describe("repetitions", () => {
  const long =
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was the epoch of belief";
  const documents = [
    { id: "a", text: long },
    { id: "b", text: `${long.toUpperCase()}  ` },
    { id: "c", text: `${long} again` },
    { id: "d", text: "Something else altogether, with other words in another order, and nothing of the kind." },
  ];

  it("are found, exact and near", () => {
    const { exact, near } = findDuplicates(documents, { threshold: 0.7 });
    expect(exact).toBe(1);
    expect(near.map(({ first, second }) => [first, second])).toEqual([["a", "c"]]);
    expect(countLeaks(documents.slice(0, 1), documents.slice(1))).toBe(1);
  });
});

describe("named sets", () => {
  it("have cards, and languages where they come in several", () => {
    expect(textSets.map(({ card }) => card.name)).toEqual([
      "tinyshakespeare",
      "moby-dick",
      "sotu",
      "brown",
      "wordnet",
      "g2p",
      "ts-diagnostics",
    ]);
    expect(textSetNamed("ts-diagnostics:de")?.card.name).toBe("ts-diagnostics-de");
    expect(() => textSetNamed("ts-diagnostics:xx")).toThrow("not there in this language");
    expect(textSetNamed("nothing")).toBeUndefined();
  });

  it("prepare their files", () => {
    const made = (name: string, files: Record<string, string>) => {
      const preparation = textSetNamed(name)!.prepare();
      for (const [file, text] of Object.entries(files)) if (preparation.wanted(file)) preparation.add(file, bytes(text));
      return preparation.finish();
    };
    expect(made("brown", { "package/ca01": "\n\tThe/at jury/nn ``/`` said/vbd ''/'' ,/, (/( no/at )/) ./.\n" })).toEqual([
      { id: "ca01", text: 'The jury "said", (no).', label: "news" },
    ]);
    const entries = '  "a": "AH0",\n  "a(2)": "EY1",\n  "a(3)": "EY0",\n  "don\'t": "D OW1 N T",\n';
    expect(made("g2p", { "package/index.js": entries })).toMatchObject([
      { key: "a", target: "AH" },
      { id: "a(2)", key: "a", target: "EY" },
      { text: "don't", target: "D OW N T" },
    ]);
    const noun = '  1 licence\n00001740 03 n 02 living_thing 0 being 0 001 ~ 00001930 n 0000 | that which lives; "a being"  \n';
    expect(made("wordnet", { "package/database/3.1/data.noun": noun })).toMatchObject([
      { text: "living thing (noun)", target: 'that which lives; "a being"' },
    ]);
    expect(
      made("ts-diagnostics", {
        "package/lib/typescript.js": '  X: diag(1002, 1 /* Error */, "Bad_1002", "Bad \\"x\\"."),\n',
        "package/lib/fr/diagnosticMessages.generated.json": '{"Bad_1002":"Mauvais.","Other":"y"}',
      }),
    ).toMatchObject([{ text: 'Bad "x".', target: "Mauvais." }]);
    expect(() => made("sotu", {})).toThrow("lacks the files");
  });
});

describe("windows", () => {
  const source = tokensInMemory(
    Int32Array.from({ length: 50 }, (_, i) => i),
    50,
  );

  it("are drawn from the seed, target one on, and go on exactly from a position", async () => {
    const draw = async (windows: TokenWindows) => {
      const [inputs, targets] = [new Int32Array(6), new Int32Array(6)];
      await windows.next(inputs, targets);
      expect([...targets]).toEqual([...inputs].map((id) => id + 1));
      return [...inputs];
    };
    const first = new TokenWindows(source, { batch: 2, length: 3, seed: 1 });
    await draw(first);
    const { position } = first;
    const next = await draw(first);
    const again = new TokenWindows(source, { batch: 2, length: 3, seed: 1 });
    again.seek(position);
    expect(await draw(again)).toEqual(next);
  });

  it("go through all of a text in order", async () => {
    const [inputs, targets] = [new Int32Array(40), new Int32Array(40)];
    const seen: number[] = [];
    for await (const { valid } of new TokenWindows(source, { batch: 4, length: 10, seed: 0 }).inOrder(inputs, targets))
      seen.push(...inputs.subarray(0, 10 * valid));
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it("need a text that is longer than the context", () => {
    expect(() => new TokenWindows(source, { batch: 1, length: 50, seed: 0 })).toThrow("shorter than the context");
    expect(() => new TokenWindows(source, { batch: 0, length: 5, seed: 0 })).toThrow("positive integers");
  });
});
