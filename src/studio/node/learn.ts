import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { StudioError } from "./errors.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  {
    // Pictures of the models' pages that are newer than those that come with the page: a clone has them.
    method: "GET",
    path: "/api/learn/pictures/:name",
    handle: async ({ parameters: { name } }) => {
      const missing = () => new StudioError(404, { what: "There is no such picture.", got: name });
      if (!/^[\w-]{1,80}$/.test(name)) throw missing();
      const file = fileURLToPath(new URL(`../../../docs/pictures/${name}.png`, import.meta.url));
      if (!existsSync(file)) throw missing();
      return { file, type: "image/png" };
    },
  },
];
