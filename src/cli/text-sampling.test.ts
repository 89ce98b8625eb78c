import { describe, expect, it } from "vitest";
import { capturedIo } from "./testing/captured-io.ts";
import { Reader, refuseBesideBeams, samplingOf } from "./text-sampling.ts";

describe("options of how texts are drawn", () => {
  it("are checked before a model is opened, by the names that they have on the command line", () => {
    expect(() => samplingOf({ topP: 0 }, "0")).toThrow("`--top-p` is out of range");
    expect(() => samplingOf({ typical: 2 }, "0")).toThrow("`--typical` is out of range");
    expect(() => samplingOf({ temperature: Number.NaN }, "0")).toThrow("`--temperature` is out of range");
    expect(samplingOf({ minP: 0.1 }, "7")).toEqual({ temperature: 0.8, minP: 0.1, seed: "7" });
  });

  it("are refused beside beams, which would not hear of them", () => {
    expect(() => refuseBesideBeams({ beams: 2, topK: 3, stop: ["."], jsonSchema: "a.json" })).toThrow("--top-k, --stop, --json-schema");
    expect(() => refuseBesideBeams({ beams: 2, temperature: 0.5 })).toThrow("--temperature");
    expect(() => refuseBesideBeams({ lengthPenalty: 2 })).toThrow("--length-penalty is of beam search");
    expect(() => refuseBesideBeams({ beams: 2, count: 3 })).toThrow("--count 3");
    refuseBesideBeams({ beams: 2, lengthPenalty: 2, quantize: "int8", count: 2 });
    refuseBesideBeams({ topK: 3, stop: ["."] });
  });
});

describe("a reader who leaves", () => {
  const left = () => {
    const io = capturedIo();
    return { ...io, stdout: { ...io.stdout, write: io.stdout.write, closed: true } };
  };

  it("ends the writing, unless the text is kept elsewhere", () => {
    for (const [reader, ends] of [
      [new Reader(left(), false), true],
      [new Reader(left(), true), false],
      [new Reader(capturedIo(), false), false],
      [new Reader(undefined, false), false],
    ] as const) {
      reader.write("a");
      expect(reader.signal.aborted).toBe(ends);
    }
  });
});
