/** Evaluations of a run: asked for, kept in its folder, and read again. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { AtelierError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import { type DataShape, isPoint } from "../../data/dataset.ts";
import { isText } from "../../data/token-set.ts";
import { findModel, type ModelRecord } from "../../models/index.ts";
import { featureAssets } from "../../models/node/feature-assets.ts";
import { featuresFor } from "../../runs/features.ts";
import { runState } from "../../runs/registry.ts";
import type { EvaluationReport, Figure, RunEvaluations } from "../evaluation.ts";
import { StudioError } from "./errors.ts";
import { metricFigures } from "./figures.ts";
import { findRun } from "./find-run.ts";
import type { Route } from "./route.ts";

const ID = /^\d{8}T\d{6}Z$/;

/** Where one evaluation lies in a run's folder. */
export function evaluationFiles(folder: string, id: string): { report: string; pictures: string } {
  const base = path.join(folder, "evaluations", id);
  return { report: `${base}.json`, pictures: `${base}.png` };
}

// What the page cannot do without; the rest is as it was written.
const reportSchema = z.looseObject({
  format: z.literal(1),
  id: z.string().regex(ID),
  created: z.string(),
  step: z.number(),
  data: z.string(),
  count: z.number(),
  noun: z.string(),
  metrics: z.array(z.looseObject({ name: z.string() })),
  estimates: z.array(z.looseObject({ name: z.string() })),
  measures: z.array(z.looseObject({ name: z.string() })),
});

/** All evaluations of a run, the newest first; files that cannot be read are told, and are no trouble to the others. */
export async function readEvaluations(folder: string): Promise<Pick<RunEvaluations, "evaluations" | "broken">> {
  const names = await readdir(path.join(folder, "evaluations")).catch(() => []);
  const evaluations: EvaluationReport[] = [];
  const broken: { file: string; because: string }[] = [];
  for (const name of names.sort().reverse()) {
    if (!name.endsWith(".json") || name.startsWith(".")) continue;
    try {
      const report = reportSchema.parse(JSON.parse(await readFile(path.join(folder, "evaluations", name), "utf8")));
      evaluations.push(report as unknown as EvaluationReport);
    } catch (error) {
      broken.push({ file: name, because: error instanceof SyntaxError ? "it is not JSON" : "it is damaged, or of another version" });
    }
  }
  return { evaluations, broken };
}

async function describe(name: string, runsFolder: string): Promise<RunEvaluations> {
  const run = await findRun(name, runsFolder);
  const { record } = run;
  const model = findModel(record.model);
  const data = record.data?.name ?? null;
  const checkpoints = await readdir(run.checkpointsFolder).catch(() => []);
  const kept = await readEvaluations(run.folder);
  return {
    ...{ run: run.name, model: model.name, title: model.title, state: runState(run), data },
    ready: checkpoints.some((file) => !file.startsWith(".")),
    ...comparable(model, record.config, data),
    results: metricFigures(model, record.results),
    ...kept,
  };
}

/** The shape of a model's examples; undefined under a configuration that is not one of its own. */
function shapeOf(model: ModelRecord, config: Record<string, unknown>): DataShape | undefined {
  try {
    return model.data.shape(config);
  } catch {
    return undefined;
  }
}

/** Whether samples of a run can be held against its data, and by which features. */
function comparable(
  model: ModelRecord,
  config: Record<string, unknown>,
  data: string | null,
): Pick<RunEvaluations, "distances" | "features"> {
  const shape = shapeOf(model, config);
  const possible = (yes: boolean, because: string) => ({
    distances: yes ? { possible: yes } : { possible: yes, because },
    features: { choices: [] },
  });
  if (shape === undefined) return possible(false, "Its configuration does not fit its model.");
  if (isText(shape)) {
    return possible(
      model.translation !== undefined,
      "Texts that a model writes are not compared with data: its metrics say how well it foresees them.",
    );
  }
  if (isPoint(shape)) return possible(true, "");
  if (model.sample === undefined) return possible(false, `The model "${model.name}" draws no samples that could be compared with data.`);
  const choices = Object.keys(featureAssets());
  return { distances: { possible: true }, features: { choices, standard: data === null ? undefined : featuresFor(data) } };
}

/** The newest evaluation's measures, and when it was made; none where there is none. */
export async function latestMeasures(folder: string): Promise<{ measures: readonly Figure[]; evaluated?: string }> {
  const { evaluations } = await readEvaluations(folder);
  const latest = evaluations.find(({ measures }) => measures.length > 0) ?? evaluations[0];
  return latest === undefined ? { measures: [] } : { measures: latest.measures, evaluated: latest.created };
}

const order = z.object({
  samples: z.int().min(6).max(50_000).default(2000),
  limit: z.int().min(1).optional(),
  distances: z.boolean().default(true),
  // By name only: what else `evaluate` takes here are files.
  features: z
    .string()
    .refine((name) => Object.hasOwn(featureAssets(), name), "no features of this name come with the library")
    .optional(),
  seed: z.string().max(100).default("0"),
});

function requireId(id: string): string {
  if (ID.test(id)) return id;
  throw new StudioError(404, "There is no such evaluation.");
}

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/evaluations/:run",
    handle: async ({ parameters }, { runsFolder }) => ({ json: await describe(parameters.run, runsFolder) }),
  },
  {
    method: "POST",
    path: "/api/evaluations/:run",
    handle: async (request, { runsFolder, tasks }) => {
      const asked = await request.json(order);
      const run = await findRun(request.parameters.run, runsFolder);
      // Told before a process is started, where it is plain that it cannot be done.
      try {
        findModel(run.record.model);
      } catch (error) {
        throw error instanceof AtelierError ? new StudioError(409, error.problem) : error;
      }
      const input = { run: run.name, folder: run.folder, order: asked };
      return { json: tasks.start({ kind: "evaluate", subject: run.name, operation: "evaluate", input }) };
    },
  },
  {
    method: "GET",
    path: "/api/evaluations/:run/:id/neighbours.png",
    handle: async ({ parameters }, { runsFolder }) => {
      const { folder } = await findRun(parameters.run, runsFolder);
      const file = evaluationFiles(folder, requireId(parameters.id)).pictures;
      if ((await stat(file).catch(() => undefined)) === undefined)
        throw new StudioError(404, "This evaluation has no pictures of neighbours.");
      return { file, type: "image/png", cache: "immutable" };
    },
  },
  {
    method: "DELETE",
    path: "/api/evaluations/:run/:id",
    handle: async ({ parameters }, { runsFolder }) => {
      const { folder } = await findRun(parameters.run, runsFolder);
      const { report, pictures } = evaluationFiles(folder, requireId(parameters.id));
      try {
        await rm(report, { force: true });
        await rm(pictures, { force: true });
      } catch (error) {
        throw fileError(error, "The evaluation could not be removed.");
      }
      return { json: { removed: parameters.id } };
    },
  },
];
