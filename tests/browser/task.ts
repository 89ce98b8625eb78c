/** What the page is asked to train. */
export interface Task {
  model: string;
  device: "cpu" | "webgpu";
  threads?: number | undefined;
  steps: number;
  preset?: "smoke" | "small" | undefined;
  /** Where the server offers pictures; the synthetic ones unless told. */
  data?: string | undefined;
  /** The preset's own training settings. */
  plain?: boolean | undefined;
}

export interface Outcome {
  losses: number[];
  /** A norm over the trained arrays, read back from the device. */
  weights: number;
  seconds: number;
  description: string;
  /** Whether the page may use threads. */
  isolated: boolean;
}
