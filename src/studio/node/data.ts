/** Routes for data sets: what there is, looking at it, preparing it. */
import { z } from "zod";
import { preparedPlace } from "../../data/node/load.ts";
import { datasetNamed } from "../../data/sets/index.ts";
import type { DataFilter, DataOverview, DataPage, Repetitions } from "../data.ts";
import { findEntry, findReady, listEntries } from "./data-entries.ts";
import { StudioError } from "./errors.ts";
import { removeOwn } from "./own-data.ts";
import type { Route, RouteRequest, Studio } from "./route.ts";

const MOST_SHOWN = 400;
const split = z.enum(["train", "test"]).default("train");
const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const filterSchema = z.object({
  split,
  offset: whole(0, 1e9).default(0),
  count: whole(1, MOST_SHOWN).default(100),
  label: whole(0, 255).optional(),
  attribute: whole(0, 1000).optional(),
  has: z.enum(["yes", "no"]).default("yes"),
  mixed: z.enum(["yes", "no"]).default("no"),
});

function filterOf(query: URLSearchParams): DataFilter {
  const { has, mixed, ...filter } = filterSchema.parse(Object.fromEntries(query));
  return { ...filter, has: has === "yes", mixed: mixed === "yes" };
}

/** What the looking process is asked about a set. @throws StudioError where it is not there, not prepared or broken */
async function lookAt({ parameters, query }: RouteRequest, { runsFolder }: Studio) {
  const { use, kind } = await findReady(parameters.name, runsFolder);
  return { use, kind, split: split.parse(query.get("split") ?? undefined) };
}

const picture = "image/png";
/** Pictures of a set in the list. */
const THUMBS = 6;

export const routes: readonly Route[] = [
  { method: "GET", path: "/api/data", handle: async (_, { runsFolder }) => ({ json: { sets: await listEntries(runsFolder) } }) },
  {
    method: "GET",
    path: "/api/data/:name",
    handle: async ({ parameters }, { runsFolder }) => ({ json: await findEntry(parameters.name, runsFolder) }),
  },
  {
    method: "DELETE",
    path: "/api/data/:name",
    handle: async ({ parameters }, { runsFolder, looker }) => {
      await removeOwn(parameters.name, runsFolder);
      // It may hold the removed data in memory.
      await looker.close();
      return { json: { removed: parameters.name } };
    },
  },
  {
    method: "POST",
    path: "/api/data/:name/prepare",
    handle: async ({ parameters }, { runsFolder, tasks }) => {
      const { name, use, kind, prepared } = await findEntry(parameters.name, runsFolder);
      if (prepared) throw new StudioError(409, { what: `The data set "${name}" is prepared already.` });
      return { json: tasks.start({ kind: "prepare", subject: name, operation: "prepare", input: { use, kind } }) };
    },
  },
  {
    method: "GET",
    path: "/api/data/:name/overview",
    handle: async (request, studio) => {
      const { signal } = request;
      return { json: await studio.looker.ask<DataOverview>("overview", await lookAt(request, studio), { signal }) };
    },
  },
  {
    method: "GET",
    path: "/api/data/:name/page",
    handle: async (request, studio) => {
      const input = { ...(await lookAt(request, studio)), filter: filterOf(request.query) };
      return { json: await studio.looker.ask<DataPage>("page", input, { signal: request.signal }) };
    },
  },
  {
    method: "GET",
    path: "/api/data/:name/atlas.png",
    handle: async (request, studio) => {
      const input = { ...(await lookAt(request, studio)), filter: filterOf(request.query) };
      return { bytes: await studio.looker.ask<Uint8Array>("atlas", input, { signal: request.signal }), type: picture };
    },
  },
  {
    method: "GET",
    path: "/api/data/:name/thumbs.png",
    handle: async ({ parameters, signal }, { runsFolder, looker }) => {
      const { use, own } = await findReady(parameters.name, runsFolder);
      const dataset = own ? undefined : datasetNamed(use);
      if (dataset === undefined || "density" in dataset) throw new StudioError(404, "There are no pictures of these data at hand.");
      const input = { place: preparedPlace(dataset.card), count: THUMBS };
      return { bytes: await looker.ask<Uint8Array>("thumbs", input, { signal }), type: picture };
    },
  },
  {
    method: "GET",
    path: "/api/data/:name/mean.png",
    handle: async (request, studio) => ({
      bytes: await studio.looker.ask<Uint8Array>("mean", await lookAt(request, studio), { signal: request.signal }),
      type: picture,
    }),
  },
  {
    method: "GET",
    path: "/api/data/:name/repetitions",
    handle: async (request, studio) => ({
      json: await studio.looker.ask<Repetitions>("repetitions", await lookAt(request, studio), { signal: request.signal }),
    }),
  },
];
