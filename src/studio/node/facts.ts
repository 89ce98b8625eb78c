import { availableParallelism } from "node:os";
import { packageInfo } from "../../core/node/package-info.ts";
import type { StudioFacts } from "../messages.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/studio",
    handle: async (_, { runsFolder }) => {
      const facts: StudioFacts = { version: packageInfo().version, runsFolder, processors: availableParallelism() };
      return { json: facts };
    },
  },
];
