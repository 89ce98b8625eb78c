import { routes as facts } from "./facts.ts";
import type { Route } from "./route.ts";

/** Everything that can be asked of the studio, one line an area. */
export const routes: readonly Route[] = [
  ...facts, //
];
