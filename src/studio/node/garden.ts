import { listRuns } from "../../runs/registry.ts";
import { type Garden, gardenModel } from "../garden.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/garden",
    handle: async (_, { runsFolder }) => {
      // All models are loaded here, which nobody needs to wait for who does not look at the garden.
      const { models } = await import("../../models/index.ts");
      const garden: Garden = { models: models.map(gardenModel), finished: await finishedRuns(runsFolder) };
      return { json: garden };
    },
  },
];

async function finishedRuns(runsFolder: string): Promise<Record<string, string[]>> {
  const finished: Record<string, string[]> = {};
  for (const { run, state } of (await listRuns(runsFolder)).reverse()) {
    if (run === null || state !== "finished") continue;
    finished[run.record.model] ??= [];
    finished[run.record.model].push(run.name);
  }
  return finished;
}
