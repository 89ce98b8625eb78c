/** What the pages of trainings and the server tell each other. */

/**
 * `waiting`: for another training to end. `starting`: data and programs are being prepared. `paused`: stopped with a checkpoint, at wish. `killed`: its
 * process ended without a word. `broken`: its folder cannot be read.
 */
export type RunState = "waiting" | "starting" | "training" | "paused" | "finished" | "failed" | "killed" | "broken";

/** What went wrong: the parts of an error. */
export interface Trouble {
  readonly kind: string;
  readonly what: string;
  readonly where?: string | undefined;
  readonly got?: string | undefined;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
}

/** A run as the list shows it. */
export interface RunSummary {
  readonly name: string;
  readonly state: RunState;
  readonly model: string | null;
  readonly preset: string | null;
  readonly data: string | null;
  readonly seed: string | null;
  /** ISO 8601, UTC. */
  readonly created: string | null;
  /** Steps logged, and steps in all where they are known. */
  readonly step: number;
  readonly totalSteps: number | null;
  /** Seconds of a step, the mean of the last ones. */
  readonly stepSeconds: number | null;
  /** The final evaluation; null for what is no number. */
  readonly results: Readonly<Record<string, number | null>>;
  /** Why it is broken, failed or killed. */
  readonly trouble?: Trouble | undefined;
  /** What it is doing or waiting for. */
  readonly activity?: string | undefined;
  /** What it was asked to do after the step in progress. */
  readonly asked?: "pause" | "finish" | undefined;
  /** Which orders it takes now. */
  readonly can: readonly RunOrder[];
}

export type RunOrder = "pause" | "finish" | "resume" | "cancel" | "remove";

/** A line of a run's events. */
export interface RunNote {
  readonly time: string;
  readonly type: "start" | "warning" | "early" | "stopped" | "finished" | "failed" | "killed";
  readonly step: number | null;
  readonly text: string;
}

export interface MetricAbout {
  readonly unit: string;
  readonly better: "lower" | "higher";
  readonly about: string;
}

/** Everything about one run but its curves and samples. */
export interface RunDetail extends RunSummary {
  readonly title: string | null;
  readonly config: Readonly<Record<string, unknown>>;
  readonly training: Readonly<Record<string, unknown>>;
  readonly device: string | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** Steps of its checkpoints. */
  readonly checkpoints: readonly number[];
  readonly notes: readonly RunNote[];
  /** What was foreseen before the first step. */
  readonly predicted: { readonly memoryBytes: number; readonly stepSeconds: number } | null;
  readonly parameters: number | null;
  /** Held-out metrics by name. */
  readonly metrics: Readonly<Record<string, MetricAbout>>;
  /** The card as Markdown, once it is written. */
  readonly card: string | null;
}

/** A picture or text that the model made on the way. */
export interface SampleFile {
  readonly file: string;
  readonly step: number;
  /** `samples`, `reconstructions`, `text`; `training` for the animation of points. */
  readonly view: string;
  readonly kind: "picture" | "text";
  /** Changes whenever the file does. */
  readonly tag: string;
}

/** What a new training is asked for. `settings` holds what differs from the preset. */
export interface StartRequest {
  readonly model: string;
  readonly preset: string;
  /** A data set's name; default the preset's. */
  readonly data?: string | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly name?: string | undefined;
  readonly seed?: string | undefined;
  /** Threads of the training. Default: all cores but one, where there are more than two. */
  readonly threads?: number | undefined;
  /** Only so many examples of each split. */
  readonly limit?: number | undefined;
  /** A class or attribute to leave out. */
  readonly without?: string | undefined;
}

/** What is wrong with one setting. */
export interface SettingProblem {
  readonly key: string;
  readonly message: string;
}

/** What a training would take. Times in seconds; null where it cannot be known yet. */
export interface Forecast {
  readonly parameters: number;
  readonly totalSteps: number | null;
  readonly stepSeconds: number;
  readonly totalSeconds: number | null;
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

/** What a page is told while it looks at a run; `rows` continue the table of its metrics. */
export type LiveEvent =
  | { readonly event: "run"; readonly data: RunDetail }
  | { readonly event: "samples"; readonly data: readonly SampleFile[] }
  | { readonly event: "rows"; readonly data: LiveRows }
  /** The table has become shorter, as when a run goes on from an earlier step: ask for it anew. */
  | { readonly event: "reset"; readonly data: null }
  | { readonly event: "gone"; readonly data: { readonly message: string } };

export interface LiveRows {
  /** Rows before these. */
  readonly from: number;
  readonly steps: readonly number[];
  /** By column; null for what is missing or no finite number. */
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
}
