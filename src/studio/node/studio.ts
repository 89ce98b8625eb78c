import { openJobs } from "./jobs.ts";
import type { Studio } from "./route.ts";
import { openWorkers } from "./workers.ts";

export interface StudioOptions {
  /** Where runs are; made when the first one is. */
  readonly runsFolder: string;
  /** Settings for the processes that it starts. Default: this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What the routes work on. Nothing is started or loaded before it is asked for. */
export function openStudio({ runsFolder, env = process.env }: StudioOptions): Studio {
  const jobs = openJobs({ runsFolder, env });
  const workers = openWorkers({ runsFolder, env });
  let closed: Promise<void> | undefined;
  return {
    runsFolder,
    jobs,
    workers,
    close: () => {
      closed ??= Promise.all([jobs.close(), workers.close()]).then(() => {});
      return closed;
    },
  };
}
