import { describe, expect, it } from "vitest";
import {
  type LabelledText,
  labelBalance,
  orderedLabels,
  passages,
  requireLabelled,
  requireLearnable,
  splitLabelled,
  withoutRepeated,
} from "./labelled.ts";
import { readTextBytes } from "./text-file.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string, name: string, fields = {}) => readTextBytes(bytes(text), name, { labelField: "label", ...fields }).documents;
const make = (count: number, label: string, text = (i: number) => `${label} ${i}`): LabelledText[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${label}:${i}`, key: text(i), text: text(i), label }));

describe("texts with labels are read", () => {
  it("from CSV, JSON lines with words, numbers or truths, and text, tab, label", () => {
    const csv = read('text,label\n"so, so",fine\nno, bad \n', "a.csv");
    expect(csv.map(({ text, label, id }) => [text, label, id])).toEqual([
      ["so, so", "fine", "a.csv:2"],
      ["no", "bad", "a.csv:3"],
    ]);
    const lines = read('{"text": "a", "label": 1}\n\n{"text": "b", "label": false}\n{"text": "c", "label": "x"}', "a.jsonl");
    expect(lines.map(({ label }) => label)).toEqual(["1", "false", "x"]);
    expect(read("good\tyes\n", "a.tsv")).toMatchObject([{ text: "good", label: "yes" }]);
    expect(read('{"body": "a", "kind": "k"}', "a.jsonl", { field: "body", labelField: "kind" })).toMatchObject([{ text: "a", label: "k" }]);
  });

  it("and what lacks one is named with its line", () => {
    expect(() => read('{"text": "a"}', "a.jsonl")).toThrow(/lacks its label[\s\S]*a\.jsonl, line 1/);
    expect(() => read('{"text": "a", "label": null}', "a.jsonl")).toThrow("lacks its label");
    expect(() => read('"a"', "a.jsonl")).toThrow("lacks its text");
    expect(() => read("text,kind\na,b\n", "a.csv")).toThrow(/column in a\.csv/);
    expect(() => read("alone\n", "a.tsv")).toThrow("text, tab, label");
    expect(() => requireLabelled(read("text,label\na,x\n,y\n", "a.csv"), "a.csv")).toThrow(/text is empty[\s\S]*a\.csv:3/);
    expect(() => requireLabelled(read("text,label\na,\n", "a.csv"), "a.csv")).toThrow(/no label[\s\S]*a\.csv:2/);
    expect(() => requireLabelled(read("one long text", "a.txt"), "a.txt")).toThrow("A text has no label");
    expect(() => requireLabelled([], "a.csv")).toThrow("There are no texts");
  });
});

describe("the split", () => {
  it("holds out a tenth of each label, the same each time, and nothing of it is learned", () => {
    const texts = [...make(400, "a"), ...make(40, "b"), ...make(2, "c"), ...make(1, "d")];
    const { train, test, labels, repeated } = splitLabelled(texts);
    expect([train.length + test.length, repeated, labels]).toEqual([443, 0, ["a", "b", "c", "d"]]);
    const balance = labelBalance({ train, test, labels });
    expect(balance.a.test).toBeGreaterThan(20);
    expect(balance.a.test).toBeLessThan(60);
    expect(balance.b.test).toBeGreaterThan(0);
    expect(balance.c).toEqual({ train: 1, test: 1 });
    expect(balance.d).toEqual({ train: 1, test: 0 });
    const learned = new Set(train.map(({ text }) => text));
    expect(test.filter(({ text }) => learned.has(text))).toEqual([]);
    expect(
      splitLabelled([...texts].reverse())
        .test.map(({ id }) => id)
        .sort(),
    ).toEqual(test.map(({ id }) => id).sort());
    expect(() => requireLearnable({ train, test, labels, repeated }, "x")).not.toThrow();
  });

  it("keeps equal texts on one side, whatever their labels, and says each only once", () => {
    const same = (label: string) =>
      make(100, label, (i) => `text ${i % 10}`).map((text, i) => ({
        ...text,
        text: i % 2 === 0 ? text.text : ` ${text.text.toUpperCase()}  `,
      }));
    const { train, test, repeated } = splitLabelled([...same("a"), ...same("b")]);
    const content = ({ text }: LabelledText) => text.trim().toLowerCase();
    const held = new Set(test.map(content));
    expect(held.size).toBeGreaterThan(0);
    expect(train.filter((text) => held.has(content(text)))).toEqual([]);
    expect(train.length + test.length).toBe(20);
    expect(repeated).toBe(180);
  });

  it("given both sides, takes from training what is held out", () => {
    const { train, test, repeated } = withoutRepeated(make(5, "a"), [...make(2, "a"), ...make(2, "b")]);
    expect([train.length, test.length, repeated]).toEqual([3, 4, 2]);
  });

  it("refuses one label, labels that only the held-out part has, and too few texts", () => {
    const learnable = (train: LabelledText[], test: LabelledText[]) => () => requireLearnable(withoutRepeated(train, test), "file");
    expect(learnable(make(9, "a"), make(10, "a").slice(9))).toThrow(/one label only[\s\S]*a/);
    expect(learnable(make(9, "a"), make(3, "b"))).toThrow(/no training text has[\s\S]*b/);
    expect(learnable([...make(9, "a"), ...make(3, "b")], [])).toThrow("too few different texts");
    const { train, test } = splitLabelled([...make(1, "a"), ...make(1, "b")]);
    expect(learnable(train, test)).toThrow("no training text has");
  });

  it("orders labels as numbers where they are, else by alphabet", () => {
    const of = (...labels: string[]) => orderedLabels(labels.map((label) => ({ label })));
    expect(of("10", "9", "-1", "9")).toEqual(["-1", "9", "10"]);
    expect(of("b", "10", "a")).toEqual(["10", "a", "b"]);
  });
});

describe("passages", () => {
  const measure = (text: string) => text.split(/\s+/).length;

  it("are whole lines up to the length, and halves of lines that are longer", () => {
    const long = { id: "d", key: "d", label: "x", text: "one two\nthree\n\nfour five six\nseven eight nine ten eleven twelve\nend" };
    const parts = passages([long], 4, measure);
    expect(parts.map(({ text }) => text)).toEqual(["one two\nthree", "four five six", "seven eight nine", "ten eleven twelve\nend"]);
    expect(new Set(parts.map(({ key }) => key))).toEqual(new Set(["d"]));
    expect(parts[1]).toMatchObject({ id: "d, passage 2", label: "x" });
  });

  it("leave a short end out, but never a whole text", () => {
    const texts = [
      { id: "a", label: "x", text: "1 2 3 4 5 6 7 8\n9" },
      { id: "b", label: "x", text: "1" },
    ];
    expect(passages(texts, 8, measure).map(({ id }) => id)).toEqual(["a, passage 1", "b, passage 1"]);
  });
});
