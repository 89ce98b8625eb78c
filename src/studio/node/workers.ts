/** Processes that hold an opened run and generate with it. */
export interface Workers {
  close(): Promise<void>;
}

export interface WorkersOptions {
  readonly runsFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The generating processes of a studio: none at first. */
export function openWorkers(_options: WorkersOptions): Workers {
  return { close: async () => {} };
}
