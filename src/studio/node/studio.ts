import { openJobs } from "./jobs.ts";
import { Looker } from "./looker.ts";
import type { Studio } from "./route.ts";
import { Tasks } from "./tasks.ts";
import { Uploads } from "./uploads.ts";
import { openWorkers } from "./workers.ts";

export interface StudioOptions {
  /** Where runs are; made when the first one is. */
  readonly runsFolder: string;
  /** Settings for the processes that it starts. Default: this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folders of pretrained models that count as models of text. */
  readonly folders?: readonly string[] | undefined;
  /** Told of faults of ours in what was started. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What the routes work on. Nothing is started or loaded before it is asked for. @throws UsageError for two folders of one name */
export function openStudio({ runsFolder, env = process.env, folders, onError }: StudioOptions): Studio {
  const jobs = openJobs({ runsFolder, env });
  const workers = openWorkers({ runsFolder, env, folders, onError });
  const tasks = new Tasks({ runsFolder, env });
  const looker = new Looker({ runsFolder, env });
  const uploads = new Uploads(runsFolder);
  let closed: Promise<void> | undefined;
  return {
    runsFolder,
    jobs,
    workers,
    tasks,
    looker,
    uploads,
    close: () => {
      closed ??= Promise.all([jobs, workers, tasks, looker, uploads].map((each) => each.close())).then(() => {});
      return closed;
    },
  };
}
