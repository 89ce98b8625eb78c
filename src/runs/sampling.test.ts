import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { GivenPictures, ModelRecord, Pictures } from "../models/index.ts";
import { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { drawMany } from "./drawn.ts";
import { stripOf } from "./pictures.ts";
import { drawSamples, samplingOptions, type ViewContext } from "./sampling.ts";

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

describe("drawMany", () => {
  it("draws in parts, each with its own of what is wished, and is drawSamples where all fit into one", async () => {
    const frames: Pictures[] = [];
    const conditions = Float32Array.from({ length: 260 }, (_, i) => i / 260);
    const { data, shape } = await drawMany(context(painter), 260, 0, { conditions, onFrame: (frame) => frames.push(frame) });
    expect(shape).toEqual([260, 1, 2, 2]);
    expect([...data]).toEqual([...conditions].flatMap((value) => [value, value, value, value]));
    expect(frames.map(({ shape: [count] }) => count)).toEqual([250, 250, 250]);
    const given: GivenPictures = {
      data: Float32Array.from({ length: 4 * 260 }, (_, i) => (i % 7) / 7),
      shape: [260, 1, 2, 2],
      known: Uint8Array.from({ length: 4 * 260 }, (_, i) => (i % 3 === 0 ? 1 : 0)),
    };
    const filled = await drawMany(context(painter), 260, 0, { given });
    expect([...filled.data]).toEqual(Array.from(given.data, (value, i) => (given.known[i] === 1 ? value : Math.fround(0.9))));
    const few = await drawMany(context(painter), 2, 0);
    expect(few).toEqual(await drawSamples(context(painter), 2, 0));
  });
});

describe("sampling options", () => {
  const sampling = z.strictObject({
    steps: z.int().min(1).default(50).describe("evaluations of the network"),
    sampler: z.enum(["ddim", "euler"]).default("ddim").describe("the sampler"),
  });
  const chooser: Partial<ModelRecord> = {
    name: "chooser",
    sampling,
    starts: true,
    async *sample(_network, { count, options = {}, from }) {
      const { steps } = sampling.parse(options);
      yield { data: new Float32Array(count).fill(from?.data[0] ?? steps), shape: [count, 1, 1, 1] };
    },
  };

  it("are the defaults with what is chosen laid over them", async () => {
    expect((await drawSamples(context(chooser), 1, 0)).data[0]).toBe(50);
    expect((await drawSamples(context(chooser), 1, 0, { sampling: { steps: 7 } })).data[0]).toBe(7);
    expect(samplingOptions(painter as ModelRecord)).toEqual({});
  });

  it("are refused where the model does not have them, or not such values", async () => {
    const failure = (record: Partial<ModelRecord>, given: Record<string, unknown>) =>
      drawSamples(context(record), 1, 0, { sampling: given });
    await expect(failure(chooser, { step: 7 })).rejects.toThrow(
      'The model "chooser" has no sampling option "step".\n  expected: one of: steps, sampler\n  try:      did you mean "steps"?',
    );
    await expect(failure(painter, { steps: 7 })).rejects.toThrow("expected: none");
    await expect(failure(chooser, { steps: 0 })).rejects.toThrow('"steps" of "chooser" cannot have this value.\n  got:      0');
  });

  it("pictures to start from go to models that can, and some cannot do without", async () => {
    const from = { data: Float32Array.of(0.25), shape: [1, 1, 1, 1] as const };
    expect((await drawSamples(context(chooser), 1, 0, { from })).data[0]).toBe(0.25);
    await expect(drawSamples(context(painter), 1, 0, { from })).rejects.toThrow("cannot start from a given picture");
    await expect(drawSamples(context({ ...chooser, starts: "needs" }), 1, 0)).rejects.toThrow("needs pictures to start from");
  });
});
