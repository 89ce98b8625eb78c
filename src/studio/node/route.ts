import type { z } from "zod";
import type { Jobs } from "./jobs.ts";
import type { Looker } from "./looker.ts";
import type { Tasks } from "./tasks.ts";
import type { Uploads } from "./uploads.ts";
import type { Workers } from "./workers.ts";

/** What a route sees of a request. */
export interface RouteRequest {
  /** What stands in the path where the route has `:name`, decoded. Never a file path: look runs up by name. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The body, which must be JSON of at most 1 MiB. @throws StudioError (400, 413, 415); z.ZodError, which becomes a 400 */
  json<T>(schema: z.ZodType<T>): Promise<T>;
  /** The body as it comes, at most so many bytes. @throws StudioError (413) in the midst of it */
  body(limitBytes: number): AsyncIterable<Uint8Array>;
  /** Aborted when the client is gone or the server ends. */
  readonly signal: AbortSignal;
  /** Of `events`: the `id` of the last event that a page has seen which comes back. */
  readonly lastEventId?: string | undefined;
}

export type RouteAnswer =
  | { json: unknown; status?: number }
  | { file: string; type: string; cache?: "immutable" | "none" }
  | { bytes: Uint8Array; type: string }
  | { events: AsyncIterable<{ event?: string; id?: string; data: unknown }> };

/** One thing that can be asked of the studio. Errors are thrown: an AtelierError is told to the page. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `/api/runs/:run/metrics` */
  readonly path: string;
  handle(request: RouteRequest, studio: Studio): Promise<RouteAnswer>;
}

/** What routes work on. It keeps no state but files in the folder of runs, and the processes that it started. */
export interface Studio {
  readonly runsFolder: string;
  readonly jobs: Jobs;
  readonly workers: Workers;
  /** What takes a while and ends by itself: preparing data, checking uploads, evaluating. */
  readonly tasks: Tasks;
  readonly uploads: Uploads;
  /** Holds data sets while somebody looks at them. */
  readonly looker: Looker;
  /** End what was started; trainings go on or stop as `jobs` has it. */
  close(): Promise<void>;
}
