import { describe, expect, it } from "vitest";
import { FileError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { parseCsv } from "./csv.ts";
import { readLabelTable } from "./label-table.ts";

const fields = (text: string) => parseCsv(text, "x.csv").map((record) => record.fields);

describe("parseCsv", () => {
  it("reads quoted fields, any line ends, and skips empty lines and the byte-order mark", () => {
    expect(fields("\ufeffa,b\r\n\r\n1,\n\n,2")).toEqual([
      ["a", "b"],
      ["1", ""],
      ["", "2"],
    ]);
    expect(fields('"a, ""b""\nc",d\n"",""\n')).toEqual([
      ['a, "b"\nc', "d"],
      ["", ""],
    ]);
    expect(parseCsv('"a\n\nb",c\nd,e', "x").map(({ line }) => line)).toEqual([1, 4]);
    expect([fields(""), fields("\n\n"), fields('""')]).toEqual([[], [], [[""]]]);
  });

  it("refuses stray quotes and lines of other lengths, with the line", () => {
    expect(() => fields('a,b\n1,2"3')).toThrowErrorMatchingInlineSnapshot(`
      [FileError: The quotes of a field are not right.
        where:    x.csv, line 2
        got:      2"3
        expected: a field without quotes, or one in double quotes with "" for each quote in it]
    `);
    for (const text of ['"', 'a,"b', '"a"b', 'a"', '"a" ,b', '"a""']) expect(() => fields(text)).toThrow("quotes");
    expect(() => fields("a,b\n\n1,2,3")).toThrow("x.csv, line 3");
  });

  it("gives back what was written, and throws nothing but FileError on anything else", () => {
    const random = new RandomStream(1, "csv");
    const symbols = ["a", "é", ",", '"', "\n", "\r\n", " ", "0", "\r", ""];
    const text = (length: number) => Array.from({ length }, () => symbols[random.below(symbols.length)]).join("");
    const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`;
    for (let round = 0; round < 300; round++) {
      const width = 2 + random.below(3);
      const table = Array.from({ length: 1 + random.below(4) }, () => Array.from({ length: width }, () => text(random.below(6))));
      expect(fields(table.map((row) => row.map(quoted).join(",")).join(random.below(2) ? "\n" : "\r\n"))).toEqual(table);
      const garbled = text(random.below(40));
      for (const read of [() => fields(garbled), () => readLabelTable(`file,a\n${garbled}`, "x"), () => readLabelTable(garbled, "x")]) {
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }
    }
  });

  it("reads long files fast", () => {
    const lines = Array.from({ length: 50_000 }, (_, i) => `"picture ${i}.png",1,0`).join("\n");
    expect(readLabelTable(`file,a,b\n${lines}`, "x").rows.size).toBe(50_000);
  });
});

describe("readLabelTable", () => {
  it("reads labels, attributes, or both", () => {
    const labels = readLabelTable("file,label\nb.png,dog\na/c.png, cat\n", "x");
    expect([labels.classes, labels.attributes]).toEqual([["cat", "dog"], []]);
    expect([labels.rows.get("b.png")?.label, labels.rows.get("a/c.png")?.label]).toEqual([1, 0]);
    const both = readLabelTable("File,Wearing_Hat,label,Old Man\n.\\a\\b.png,1,x,0\n", "x");
    expect([both.classes, both.attributes]).toEqual([["x"], ["wearing-hat", "old-man"]]);
    expect(both.rows.get("a/b.png")).toEqual({ line: 2, label: 0, values: Uint8Array.of(1, 0) });
    expect(readLabelTable("file,smiling\na.png,1", "x").classes).toBeUndefined();
  });

  it("refuses headers and rows that are not so", () => {
    const problem = (text: string) => {
      try {
        readLabelTable(text, "labels.csv");
      } catch (error) {
        if (error instanceof FileError) return `${error.problem.what} ${error.problem.where} ${error.problem.got ?? ""}`.trim();
        throw error;
      }
      return "none";
    };
    const many = Array.from({ length: 257 }, (_, i) => `${i}.png,${i}`).join("\n");
    expect(
      ["", "file\na.png", "name,label\na,b", "file,label\n", "file,a,A\nx,1,0", "file,a,\nx,1,0", "file,a\nx,yes", "file,a\nx,"]
        .concat(["file,label\nx,", "file,a\nx,1\n./x,1", `file,label\n${many}`, "file,a=b\nx,1"])
        .map(problem),
    ).toMatchInlineSnapshot(`
      [
        "The header of the label file is not right: the first column is not named file. labels.csv, line 1",
        "The header of the label file is not right: there is only one column. labels.csv, line 1 file",
        "The header of the label file is not right: the first column is not named file. labels.csv, line 1 name,label",
        "The label file has no rows. labels.csv",
        "The header of the label file is not right: two columns are named a. labels.csv, line 1 file,a,A",
        "The header of the label file is not right: a column has no name. labels.csv, line 1 file,a,",
        "The attribute "a" of a picture is neither 0 nor 1. labels.csv, line 2 yes",
        "The attribute "a" of a picture is neither 0 nor 1. labels.csv, line 2 nothing",
        "A picture has no label. labels.csv, line 2",
        "A picture is named twice. labels.csv, line 3 x",
        "The label file has too many classes. labels.csv 257",
        "The header of the label file is not right: a column's name holds = or a comma, which stand between attributes where they are asked for. labels.csv, line 1 file,a=b",
      ]
    `);
  });
});
