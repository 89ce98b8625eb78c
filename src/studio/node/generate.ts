/** Routes of generation: what runs can make, pictures, points, texts, conversations, the gallery, named prompts. */
import { randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { AtelierError, UsageError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import { listRuns } from "../../runs/registry.ts";
import type { Generator, Started } from "../generate.ts";
import {
  attentionRequest,
  chatRequest,
  masksRequest,
  namedPrompt,
  pairsRequest,
  pictureRequest,
  pointsRequest,
  promptName,
  textRequest,
} from "../generate-requests.ts";
import { generatorOf, infoOfFolder, infoOfRun } from "./abilities.ts";
import { findRun, findTarget } from "./find-run.ts";
import { galleryFile, newId, readGallery, removeEntry } from "./gallery.ts";
import { listPrompts, removePrompt, renamePrompt, savePrompt } from "./prompts.ts";
import type { Route, RouteRequest, Studio } from "./route.ts";
import { newestPicture } from "./run-detail.ts";
import type { Works } from "./worker-protocol.ts";
import type { FollowedWork } from "./workers.ts";

/** The largest picture file that is taken. */
const UPLOAD_BYTES = 24 * 2 ** 20;

/** Everything that generates, newest runs first; broken ones among them with their reason. */
async function generators({ runsFolder, workers }: Studio): Promise<Generator[]> {
  const found: Generator[] = [];
  for (const { name, run, broken } of (await listRuns(runsFolder)).reverse()) {
    const nothing = {
      name,
      model: run?.record.model ?? "",
      title: run?.record.model ?? name,
      kind: "none",
      chat: false,
      folder: false,
    } as const;
    if (run === null) found.push({ ...nothing, reason: broken.problem.what });
    else {
      const listed = infoOfRun(run).then(async (info): Promise<Generator> => ({ ...generatorOf(info), picture: await newestPicture(run) }));
      found.push(await listed.catch((error: unknown) => ({ ...nothing, reason: reasonOf(error) })));
    }
  }
  for (const [name, folder] of workers.folders) {
    const nothing = { name, model: name, title: name, kind: "none", chat: false, folder: true } as const;
    found.push(await infoOfFolder(name, folder).then(generatorOf, (error: unknown) => ({ ...nothing, reason: reasonOf(error) })));
  }
  return found;
}

function reasonOf(error: unknown): string {
  if (error instanceof AtelierError) return error.problem.what;
  throw error;
}

/** A route that begins work which the page then follows. */
function started<N extends FollowedWork>(name: N, schema: z.ZodType<Works[N]["given"]>): Route {
  return {
    method: "POST",
    path: `/api/generate/:run/${name}`,
    handle: async (request, studio) => {
      const given = await request.json(schema);
      const task = studio.workers.start(await findTarget(request.parameters.run, studio), name, given);
      return { json: { task } satisfies Started, status: 202 };
    },
  };
}

/** A route that waits for its answer. */
function answered<N extends "attention" | "masks" | "pairs">(name: N, schema: z.ZodType<Works[N]["given"]>): Route {
  return {
    method: "POST",
    path: `/api/generate/:run/${name}`,
    handle: async (request, studio) => {
      const given = await request.json(schema);
      const target = await findTarget(request.parameters.run, studio);
      return { json: await studio.workers.ask(target, name, given, { signal: request.signal }) };
    },
  };
}

/** Take a picture: its bytes go to a file, no more than may come, and are decoded in the worker, which looks at its size first. */
async function upload(request: RouteRequest, studio: Studio) {
  const target = await findTarget(request.parameters.run, studio);
  const place = path.join(tmpdir(), `atelier-${randomBytes(8).toString("hex")}.upload`);
  try {
    await receive(request, place);
    return { json: await studio.workers.ask(target, "upload", { path: place, file: `${newId()}-given` }, { signal: request.signal }) };
  } finally {
    await rm(place, { force: true });
  }
}

async function receive(request: RouteRequest, place: string): Promise<void> {
  const handle = await open(place, "wx", 0o600).catch((error: unknown) => {
    throw fileError(error, "The picture cannot be kept.");
  });
  try {
    for await (const part of request.body(UPLOAD_BYTES)) await handle.write(part);
  } finally {
    await handle.close();
  }
}

const tasks: readonly Route[] = [
  {
    method: "GET",
    path: "/api/generated/:task/events",
    handle: async ({ parameters, query, lastEventId, signal }, { workers }) => ({
      events: workers.events(parameters.task, lastEventId ?? query.get("after") ?? undefined, signal),
    }),
  },
  {
    method: "DELETE",
    path: "/api/generated/:task",
    handle: async ({ parameters }, { workers }) => {
      workers.cancel(parameters.task);
      return { json: {} };
    },
  },
];

const gallery: readonly Route[] = [
  {
    method: "GET",
    path: "/api/generate/:run/gallery",
    handle: async ({ parameters, query }, studio) => {
      const range = z.object({
        after: z.coerce.number().int().min(0).default(0),
        limit: z.coerce.number().int().min(1).max(200).default(50),
      });
      return { json: await readGallery(await findRun(parameters.run, studio.runsFolder), range.parse(Object.fromEntries(query))) };
    },
  },
  {
    method: "GET",
    path: "/api/generate/:run/gallery/:file",
    handle: async ({ parameters }, studio) => ({
      file: galleryFile(await findRun(parameters.run, studio.runsFolder), parameters.file),
      type: "image/png",
      cache: "immutable",
    }),
  },
  {
    method: "DELETE",
    path: "/api/generate/:run/gallery/:batch",
    handle: async ({ parameters }, studio) => {
      await removeEntry(await findRun(parameters.run, studio.runsFolder), parameters.batch);
      return { json: {} };
    },
  },
];

const prompts: readonly Route[] = [
  { method: "GET", path: "/api/prompts", handle: async (_, { runsFolder }) => ({ json: await listPrompts(runsFolder) }) },
  {
    method: "POST",
    path: "/api/prompts/:name",
    handle: async (request, { runsFolder }) => {
      const prompt = await request.json(namedPrompt);
      if (prompt.name !== request.parameters.name) throw new UsageError({ what: "The prompt has another name than its address." });
      await savePrompt(runsFolder, prompt);
      return { json: prompt };
    },
  },
  {
    method: "POST",
    path: "/api/prompts/:name/rename",
    handle: async (request, { runsFolder }) => {
      const { to } = await request.json(z.strictObject({ to: promptName }));
      await renamePrompt(runsFolder, request.parameters.name, to);
      return { json: {} };
    },
  },
  {
    method: "DELETE",
    path: "/api/prompts/:name",
    handle: async ({ parameters }, { runsFolder }) => {
      await removePrompt(runsFolder, parameters.name);
      return { json: {} };
    },
  },
];

export const routes: readonly Route[] = [
  { method: "GET", path: "/api/generate", handle: async (_, studio) => ({ json: await generators(studio) }) },
  {
    method: "GET",
    path: "/api/generate/:run",
    handle: async ({ parameters }, studio) => {
      const folder = studio.workers.folders.get(parameters.run);
      const info =
        folder === undefined ? infoOfRun(await findRun(parameters.run, studio.runsFolder)) : infoOfFolder(parameters.run, folder);
      return { json: await info };
    },
  },
  started("pictures", pictureRequest),
  started("points", pointsRequest),
  started("text", textRequest),
  started("chat", chatRequest),
  answered("attention", attentionRequest),
  answered("masks", masksRequest),
  answered("pairs", pairsRequest),
  { method: "POST", path: "/api/generate/:run/uploads", handle: upload },
  ...tasks,
  ...gallery,
  ...prompts,
];
