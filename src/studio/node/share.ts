/** Runs as one file to take along: made by a task, kept in the run's folder, sent as a download. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { findModel } from "../../models/index.ts";
import { listCheckpoints } from "../../runs/checkpoint.ts";
import { runConfig } from "../../runs/run-config.ts";
import { type SharedPage, type SharePrecision, sharePrecisions } from "../share.ts";
import { StudioError } from "./errors.ts";
import { findRun } from "./find-run.ts";
import type { Route } from "./route.ts";

const precisionSchema = z.enum(sharePrecisions);
const pageSchema = z.object({
  precision: precisionSchema,
  step: z.number(),
  bytes: z.number(),
  weights: z.number(),
  notes: z.array(z.string()),
});

/** Where a page lies in the run's folder, and what is known of it. */
export function shareFiles(folder: string, precision: SharePrecision): { page: string; about: string } {
  const base = path.join(folder, "share", precision);
  return { page: `${base}.html`, about: `${base}.json` };
}

/** What was made of a run; what cannot be read counts as not made. */
async function sharedPages(folder: string): Promise<SharedPage[]> {
  const found = await Promise.all(
    sharePrecisions.map(async (precision): Promise<SharedPage[]> => {
      const { page, about } = shareFiles(folder, precision);
      try {
        const known = pageSchema.parse(JSON.parse(await readFile(about, "utf8")));
        return (await stat(page)).size === known.bytes ? [known] : [];
      } catch {
        return [];
      }
    }),
  );
  return found.flat();
}

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/share/:run",
    handle: async ({ parameters }, { runsFolder }) => ({ json: await sharedPages((await findRun(parameters.run, runsFolder)).folder) }),
  },
  {
    method: "POST",
    path: "/api/share/:run",
    handle: async ({ parameters, json }, { runsFolder, tasks }) => {
      const { precision } = await json(z.strictObject({ precision: precisionSchema }));
      const run = await findRun(parameters.run, runsFolder);
      runConfig(run, findModel(run.record.model));
      if ((await listCheckpoints(run)).length === 0) {
        throw new StudioError(409, {
          what: `The run ${run.name} has no checkpoint yet.`,
          hint: "wait until its training has kept the first one, or go on with its training",
        });
      }
      return { json: tasks.start({ kind: "share", subject: run.name, operation: "share", input: { run: run.name, precision } }) };
    },
  },
  {
    method: "GET",
    path: "/api/share/:run/:precision",
    handle: async ({ parameters }, { runsFolder }) => {
      const run = await findRun(parameters.run, runsFolder);
      // As bytes: a page that somebody else may have put there must not run under the studio's address.
      return { file: shareFiles(run.folder, precisionSchema.parse(parameters.precision)).page, type: "application/octet-stream" };
    },
  },
];
