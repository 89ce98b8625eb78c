/** What the page Explore needs of the server: a run's weights, the runtime for pages, and maps of codes. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { z } from "zod";
import { isPoint } from "../../data/dataset.ts";
import { isText } from "../../data/token-set.ts";
import { findModel, type ModelRecord } from "../../models/index.ts";
import { listCheckpoints } from "../../runs/checkpoint.ts";
import { readRuntime } from "../../runs/html-parts.ts";
import { listRuns, type Run, runState } from "../../runs/registry.ts";
import { runConfig } from "../../runs/run-config.ts";
import { runWeights } from "../../runs/run-weights.ts";
import { readTokenizers } from "../../runs/tokenizers.ts";
import { type CodeMap, type ExplorableRun, type ExploredRun, type MapMethod, mapMethods } from "../explore.ts";
import { StudioError } from "./errors.ts";
import { findRun } from "./find-run.ts";
import type { Route } from "./route.ts";
import { newestPicture } from "./run-detail.ts";

const methodSchema = z.enum(mapMethods);

/** Where a map of a checkpoint lies in the run's folder. */
export function mapFiles(folder: string, step: number, method: MapMethod): { map: string; thumbnails: string } {
  const base = path.join(folder, "explore", `map-${step}-${method}`);
  return { map: `${base}.json`, thumbnails: `${base}.png` };
}

/** The step of a run's newest checkpoint. @throws StudioError (409) where there is none */
async function newestStep(run: Run): Promise<number> {
  const step = (await listCheckpoints(run)).at(-1);
  if (step !== undefined) return step;
  throw new StudioError(409, {
    what: `The run ${run.name} has no checkpoint yet.`,
    hint: "wait until its training has kept the first one, or go on with its training",
  });
}

/** Why a model has no map of codes; undefined where it has one. */
function whyNoMap(record: ModelRecord, config: unknown): string | undefined {
  const shape = record.data.shape(config);
  if (isText(shape)) return "it works with text";
  if (isPoint(shape)) return "its points lie in the plane themselves";
  if (record.encode === undefined || record.decode === undefined) return "it has no encoder that gives pictures codes";
  return record.codes === undefined ? undefined : "its codes are as large as its pictures";
}

async function listed(runsFolder: string): Promise<ExplorableRun[]> {
  const all = await listRuns(runsFolder);
  const found = await Promise.all(
    all.map(async ({ run }): Promise<ExplorableRun[]> => {
      if (run === null || (await listCheckpoints(run).catch(() => [])).length === 0) return [];
      const { model, data } = run.record;
      try {
        const { title, family } = findModel(model);
        return [{ run: run.name, model, title, family, data: data?.name ?? null, picture: await newestPicture(run) }];
      } catch {
        return []; // a model that this version does not have
      }
    }),
  );
  return found.flat().reverse();
}

async function opened(run: Run): Promise<ExploredRun> {
  const { model, data } = run.record;
  const record = findModel(model);
  const config = runConfig(run, record);
  const steps = await newestStep(run);
  const tokenizers = await readTokenizers(run);
  const there = await Promise.all(mapMethods.map(async (method) => ((await readMap(run, steps, method)) === undefined ? [] : [method])));
  return {
    ...{ run: run.name, model, config, steps },
    ...{ title: record.title, summary: record.summary, family: record.family },
    tokenizer: tokenizers?.tokenizer.toJson(),
    sourceTokenizer: tokenizers?.sourceTokenizer?.toJson(),
    conditions: data?.conditions,
    data: data?.name ?? null,
    training: runState(run) === "training",
    noMap: whyNoMap(record, config),
    maps: there.flat(),
    webgpu: webgpuFile() !== undefined,
  };
}

const mapSchema = z.looseObject({
  format: z.literal(1),
  method: methodSchema,
  count: z.number(),
  codeSize: z.number(),
  points: z.array(z.number()),
  codes: z.string(),
});

/** A map that was computed before; undefined where there is none, or none that can be read. */
async function readMap(run: Run, step: number, method: MapMethod): Promise<CodeMap | undefined> {
  const text = await readFile(mapFiles(run.folder, step, method).map, "utf8").catch(() => undefined);
  try {
    return text === undefined ? undefined : (mapSchema.parse(JSON.parse(text)) as unknown as CodeMap);
  } catch {
    return undefined;
  }
}

/** The runtime's program for graphics cards: only where the package onnxruntime-web is installed. */
function webgpuFile(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm");
  } catch {
    return undefined;
  }
}

function runtimeOf(name: string): Promise<Uint8Array> {
  const file = name === "webgpu" ? webgpuFile() : undefined;
  if (name === "cpu") return readRuntime();
  if (file !== undefined) return readFile(file);
  throw new StudioError(404, { what: "This runtime is not installed.", got: name, hint: "npm install onnxruntime-web, beside atelier" });
}

export const routes: readonly Route[] = [
  { method: "GET", path: "/api/explore", handle: async (_, { runsFolder }) => ({ json: { runs: await listed(runsFolder) } }) },
  {
    method: "GET",
    path: "/api/explore/:run",
    handle: async ({ parameters }, { runsFolder }) => ({ json: await opened(await findRun(parameters.run, runsFolder)) }),
  },
  {
    method: "GET",
    path: "/api/explore/:run/weights",
    handle: async ({ parameters }, { runsFolder }) => {
      const { bytes } = await runWeights(await findRun(parameters.run, runsFolder));
      return { bytes, type: "application/octet-stream" };
    },
  },
  {
    method: "GET",
    path: "/api/explore-runtime/:device",
    handle: async ({ parameters }) => ({ bytes: await runtimeOf(parameters.device), type: "application/wasm" }),
  },
  {
    method: "POST",
    path: "/api/explore/:run/map",
    handle: async ({ parameters, json }, { runsFolder, tasks }) => {
      const { method } = await json(z.strictObject({ method: methodSchema }));
      const run = await findRun(parameters.run, runsFolder);
      const record = findModel(run.record.model);
      const because = whyNoMap(record, runConfig(run, record));
      if (because !== undefined) throw new StudioError(409, { what: `The model "${run.record.model}" has no map of codes: ${because}.` });
      await newestStep(run);
      return { json: tasks.start({ kind: "map", subject: run.name, operation: "map", input: { run: run.name, method } }) };
    },
  },
  {
    method: "GET",
    path: "/api/explore/:run/map/:method",
    handle: async ({ parameters }, { runsFolder }) => {
      const run = await findRun(parameters.run, runsFolder);
      const map = await readMap(run, await newestStep(run), methodSchema.parse(parameters.method));
      if (map === undefined) throw new StudioError(404, "This map is not computed yet.");
      return { json: map };
    },
  },
  {
    method: "GET",
    path: "/api/explore/:run/map/:method/thumbnails",
    handle: async ({ parameters }, { runsFolder }) => {
      const run = await findRun(parameters.run, runsFolder);
      const method = methodSchema.parse(parameters.method);
      return { file: mapFiles(run.folder, await newestStep(run), method).thumbnails, type: "image/png", cache: "none" };
    },
  },
];
