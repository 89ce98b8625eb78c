/** Trainings in processes of their own. */
export interface Jobs {
  close(): Promise<void>;
}

export interface JobsOptions {
  readonly runsFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The trainings of a studio: none at first. */
export function openJobs(_options: JobsOptions): Jobs {
  return { close: async () => {} };
}
