import { z } from "zod";
import type { ModelRecord } from "../../models/index.ts";
import type { StartRequest } from "../training.ts";
import { StudioError } from "./errors.ts";
import { forecast } from "./forecast.ts";
import { defaultThreads, trainingWords } from "./launch.ts";
import type { Route } from "./route.ts";

const startSchema = z.strictObject({
  model: z.string().max(64),
  preset: z.string().max(64),
  data: z.string().max(300).optional(),
  settings: z.record(z.string().max(100), z.json()),
  name: z.string().max(64).optional(),
  seed: z
    .string()
    .max(64)
    .regex(/^[\w.+-]+$/, "must be letters, digits and -_.+")
    .optional(),
  threads: z.int().min(1).max(1024).optional(),
  limit: z.int().min(1).max(1_000_000_000).optional(),
  without: z.string().max(100).regex(/^[^-]/, "must be a class or an attribute").optional(),
});

/** New trainings: what can be chosen, what it would take, and the start. */
export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/training/models",
    handle: async () => {
      const { modelChoices } = await import("./forms.ts");
      return { json: { models: modelChoices(), threads: defaultThreads() } };
    },
  },
  {
    method: "GET",
    path: "/api/training/forms/:model",
    handle: async ({ parameters }) => {
      const { modelForm } = await import("./forms.ts");
      return { json: modelForm(await modelNamed(parameters.model)) };
    },
  },
  {
    method: "POST",
    path: "/api/training/check",
    handle: async (request) => ({ json: { problems: await problemsOf(await request.json(startSchema)) } }),
  },
  {
    method: "POST",
    path: "/api/training/forecast",
    handle: async (request, { runsFolder }) => {
      const asked = await request.json(startSchema);
      await requireSound(asked);
      const words = trainingWords(asked, await dataWord(asked, runsFolder));
      const { threads = defaultThreads() } = asked;
      return { json: await forecast(words, { runsFolder, env: process.env, threads, signal: request.signal }) };
    },
  },
  {
    method: "POST",
    path: "/api/training",
    handle: async (request, { runsFolder, jobs }) => {
      const asked = await request.json(startSchema);
      await requireSound(asked);
      return { json: { run: await jobs.start(asked, await dataWord(asked, runsFolder)) }, status: 201 };
    },
  },
];

async function modelNamed(name: string): Promise<ModelRecord> {
  const { findModel } = await import("../../models/index.ts");
  return findModel(name);
}

async function problemsOf({ model, preset, settings }: StartRequest) {
  const record = await modelNamed(model);
  if (!Object.hasOwn(record.presets, preset)) throw new StudioError(400, { what: `The model "${model}" has no preset "${preset}".` });
  const { settingProblems } = await import("./forms.ts");
  return settingProblems(record, preset, settings);
}

/** @throws StudioError (400) naming the settings that cannot be so */
async function requireSound(asked: StartRequest): Promise<void> {
  const problems = await problemsOf(asked);
  if (problems.length === 0) return;
  throw new StudioError(400, { what: problems.map(({ key, message }) => `${key} ${message}`).join("; "), hint: "see the fields" });
}

/** What `--data` takes: a set's name, or the folder of what was uploaded; undefined for the preset's own. @throws StudioError for a name that no data have */
async function dataWord({ data }: StartRequest, runsFolder: string): Promise<string | undefined> {
  if (data === undefined) return undefined;
  const { dataToUse } = await import("./data-entries.ts");
  return dataToUse(data, runsFolder);
}
