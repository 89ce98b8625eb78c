import { describe, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { type ModelRecord, models, vae } from "../models/index.ts";
import { namedParameters } from "../nn/module.ts";
import { openBackend } from "../runtime/node/open.ts";
import { aboutModel } from "./about.ts";
import { PlayClient, type WorkerLike } from "./client.ts";
import { drawSamples } from "./draw.ts";
import { PlayModel } from "./model.ts";
import { loadRecord, modelLoaders } from "./models.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";
import { serveModel } from "./serve.ts";
import { packWeights, restoreNetwork } from "./weights.ts";

const record = vae as unknown as ModelRecord;
const { config } = vae.presets.smoke;
const network = vae.build(config, new RandomStream(1, "first"));
const weights = packWeights(network);

/** A worker that lives in this thread: messages are copied as they are between threads. */
function workerHere(): WorkerLike {
  const listeners: ((event: { data?: unknown }) => void)[] = [];
  const hear = serveModel({
    post: (message: FromWorker) =>
      queueMicrotask(() => {
        for (const listener of listeners) listener({ data: structuredClone(message) });
      }),
    loadRecord,
    openBackend: async () => ({ backend: await openBackend(), threads: 1 }),
  });
  return {
    postMessage: (message) => queueMicrotask(() => hear(structuredClone(message) as ToWorker)),
    addEventListener: (type, listener) => {
      if (type === "message") listeners.push(listener);
    },
    terminate: () => undefined,
  };
}

const request = { model: "vae", config: config as unknown as Record<string, unknown>, weights, device: "cpu" } as const;

describe("records one by one", () => {
  it("are those of the garden, in its order, and the same objects", async () => {
    expect(Object.keys(modelLoaders)).toEqual(models.map(({ name }) => name));
    for (const model of models) expect(await loadRecord(model.name)).toBe(model);
    await expect(loadRecord("vea")).rejects.toThrow('did you mean "vae"?');
  });

  it("say what they can do, every one of them", () => {
    for (const model of models) {
      const smoke = model.presets.smoke.config;
      const about = aboutModel(model, smoke, model.build(smoke, new RandomStream(0, "about")));
      expect(about.can.decode ? about.codeSize > 0 : about.codeSize === 0, model.name).toBe(true);
      expect(about.parameters).toBeGreaterThan(0);
      expect(about.sampling.map(({ name }) => name)).toEqual(Object.keys(model.sampling?.shape ?? {}));
    }
  });
});

describe("weights", () => {
  it("come back as they were, or to half precision", () => {
    for (const precision of ["float32", "float16"] as const) {
      const again = namedParameters(restoreNetwork(record, config, packWeights(network, precision)));
      for (const [name, { data }] of namedParameters(network))
        data.forEach((value, i) => {
          expect(Math.abs(again.get(name)!.data[i] - value)).toBeLessThanOrEqual(
            precision === "float32" ? 0 : Math.abs(value) / 1000 + 1e-7,
          );
        });
    }
  });

  it("of another model are refused by the first name that does not fit", () => {
    expect(() => restoreNetwork(record, { ...config, codeSize: 5 }, weights)).toThrow("The weights do not fit this model.");
  });
});

describe("a model in a worker", () => {
  it("draws, decodes and encodes as the network does", async () => {
    const client = new PlayClient(workerHere());
    const said: string[] = [];
    const { about } = await client.open(request, (message) => said.push(message));
    expect(about).toMatchObject({ kind: "pictures", shape: [1, 8, 8], codeSize: 2, normalCodes: true, conditions: 0 });
    expect(said).toEqual(["loading the runtime", "building the model"]);
    const frames: unknown[] = [];
    const drawn = await client.call("sample", { count: 3, seed: 7, frames: true }, { onEvent: (frame) => frames.push(frame) });
    const expected = await drawSamples({ record, config, network, backend: await openBackend() }, 3, 7);
    expect(drawn).toEqual(expected);
    expect(frames).toHaveLength(1);
    const codes = await client.call("encode", { values: drawn.data, count: 3 });
    const many = await client.call("decode", { values: codes, count: 3 });
    const one = await client.call("decode", { values: codes.slice(2, 4), count: 1 });
    one.forEach((value, i) => {
      expect(value).toBeCloseTo(many[64 + i], 5);
    });
  });

  it("tells errors as the library does, and goes on", async () => {
    const client = new PlayClient(workerHere());
    await expect(client.call("decode", { values: new Float32Array(2), count: 1 })).rejects.toThrow("No model is open.");
    await client.open(request);
    await expect(client.call("density", { values: new Float32Array(2), count: 1 })).rejects.toThrow("cannot say how likely a point is");
    await expect(client.call("sample", { count: 1, seed: 0, sampling: { steps: 3 } })).rejects.toThrow('no sampling option "steps"');
    expect((await client.call("sample", { count: 1, seed: 0 })).shape).toEqual([1, 1, 8, 8]);
  });

  it("stops when it is told to, before and while it draws", async () => {
    const client = new PlayClient(workerHere());
    const { presets, name } = await loadRecord("ddpm");
    const smoke = presets.smoke.config;
    const diffusion = (await loadRecord("ddpm")).build(smoke, new RandomStream(0, "first"));
    await client.open({ ...request, model: name, config: smoke as Record<string, unknown>, weights: packWeights(diffusion) });
    await expect(client.call("sample", { count: 1, seed: 0 }, { signal: AbortSignal.abort(new Error("never")) })).rejects.toThrow("never");
    const stop = new AbortController();
    const sampling = { steps: 50, sampler: "ancestral" };
    const drawing = client.call(
      "sample",
      { count: 64, seed: 0, sampling, frames: true },
      { signal: stop.signal, onEvent: () => stop.abort(new Error("enough")) },
    );
    await expect(drawing).rejects.toThrow("enough");
  });
});

it("opens a model without a worker, too", async () => {
  const model = new PlayModel({ record, config, weights, backend: await openBackend() });
  await model.prepareDecoder();
  expect((await model.decode(new Float32Array(2), 1)).length).toBe(64);
  await expect(model.continueText({ prompt: "a", maxTokens: 1 }).next()).rejects.toThrow("cannot write");
  await model.dispose();
});
