import { routes as data } from "./data.ts";
import { routes as evaluations } from "./evaluations.ts";
import { routes as explore } from "./explore.ts";
import { routes as facts } from "./facts.ts";
import { routes as garden } from "./garden.ts";
import { routes as generate } from "./generate.ts";
import { routes as leaderboards } from "./leaderboards.ts";
import { routes as learn } from "./learn.ts";
import type { Route } from "./route.ts";
import { routes as runs } from "./runs.ts";
import { routes as share } from "./share.ts";
import { routes as tasks } from "./task-routes.ts";
import { routes as training } from "./training.ts";
import { routes as uploads } from "./upload-routes.ts";

/** Everything that can be asked of the studio, one line an area. */
export const routes: readonly Route[] = [
  ...facts,
  ...data,
  ...uploads,
  ...tasks,
  ...evaluations,
  ...leaderboards,
  ...generate,
  ...runs,
  ...training,
  ...garden,
  ...learn,
  ...explore,
  ...share,
];
