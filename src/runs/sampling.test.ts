import { describe, expect, it } from "vitest";
import type { GivenPictures, ModelRecord, Pictures } from "../models/index.ts";
import { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { stripOf } from "./pictures.ts";
import { drawSamples, type ViewContext } from "./sampling.ts";

/** Paints three times over the same array: 0.1, 0.2, then the first condition of each picture. */
const painter: Partial<ModelRecord> = {
  name: "painter",
  fills: true,
  async *sample(_network, { count, conditions }) {
    const data = new Float32Array(4 * count);
    for (const value of [0.1, 0.2]) yield { data: data.fill(value), shape: [count, 1, 2, 2] };
    for (let i = 0; i < data.length; i++) data[i] = conditions?.[Math.floor(i / 4)] ?? 0.9;
    yield { data, shape: [count, 1, 2, 2] };
  },
};

const context = (record: Partial<ModelRecord>): ViewContext => ({
  record: record as ModelRecord,
  config: {},
  network: new (class extends Module {})(),
  backend: {} as Backend,
});

describe("drawSamples", () => {
  it("passes conditions on, and shows the way in frames of their own", async () => {
    const frames: Pictures[] = [];
    const made = await drawSamples(context(painter), 2, 0, { conditions: Float32Array.of(1, 0), onFrame: (frame) => frames.push(frame) });
    expect([...made.data]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    expect(frames.map(({ data }) => data[0])).toEqual([0.1, 0.2, 1].map(Math.fround));
    const strip = stripOf(frames);
    expect(strip.shape).toEqual([6, 1, 2, 2]);
    expect([0, 1, 2, 3, 4, 5].map((i) => strip.data[4 * i])).toEqual([0.1, 0.2, 1, 0.1, 0.2, 0].map(Math.fround));
  });

  it("gives known pixels back exactly, also on the way", async () => {
    const given: GivenPictures = {
      data: Float32Array.of(0.123, 0.456, 0.789, 0.5),
      shape: [1, 1, 2, 2],
      known: Uint8Array.of(1, 1, 0, 0),
    };
    const frames: Pictures[] = [];
    const made = await drawSamples(context(painter), 1, 0, { given, onFrame: (frame) => frames.push(frame) });
    expect([...made.data]).toEqual([0.123, 0.456, 0.9, 0.9].map(Math.fround));
    expect([...frames[0].data]).toEqual([0.123, 0.456, 0.1, 0.1].map(Math.fround));
    await expect(drawSamples(context({ ...painter, fills: false }), 1, 0, { given })).rejects.toThrow("cannot fill in a given picture");
  });
});
