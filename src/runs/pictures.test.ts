import { describe, expect, it } from "vitest";
import { testSet } from "../data/testing/sets.ts";
import type { ModelRecord } from "../models/index.ts";
import { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { views } from "./pictures.ts";

describe("views of a model that takes classes", () => {
  it("show a class a row, also where classes are named by other numbers than theirs", async () => {
    let asked: Float32Array | undefined;
    const painter: Partial<ModelRecord> = {
      name: "painter",
      data: { sets: [], labels: false, shape: () => [1, 2, 2], conditions: () => 3 },
      async *sample(_network, { count, conditions }) {
        asked = conditions;
        yield { data: new Float32Array(4 * count), shape: [count, 1, 2, 2] };
      },
    };
    const held = testSet(3, [1, 2, 2], { labels: Uint8Array.of(0, 1, 2), classes: ["1", "2", "3"] });
    const context = { record: painter as ModelRecord, config: {}, network: new (class extends Module {})(), backend: {} as Backend };
    expect(Object.keys(await views(context, held, 0))).toEqual(["samples"]);
    const classes = Array.from({ length: asked!.length / 3 }, (_, i) => asked!.subarray(3 * i, 3 * i + 3).indexOf(1));
    expect(classes).toEqual([0, 1, 2].flatMap((k) => new Array<number>(8).fill(k)));
  });
});
