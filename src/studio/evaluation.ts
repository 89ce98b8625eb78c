/** What the pages about evaluations and leaderboards and the server tell each other. */

/** A figure with what it means. */
export interface Figure {
  readonly name: string;
  /** null for what is not a number. */
  readonly value: number | null;
  /** Standard error; absent where none is known, 0 where the figure is exact. */
  readonly error?: number | undefined;
  /** What real data give in the samples' place. */
  readonly real?: number | undefined;
  readonly unit: string;
  /** Which way is better; absent where the figure should be near the real one. */
  readonly better?: "lower" | "higher" | undefined;
  readonly about: string;
}

/** A sample beside the training pictures nearest to it. */
export interface ClosePair {
  readonly sample: number;
  readonly neighbours: readonly { readonly index: number; readonly distance: number; readonly label?: string | undefined }[];
  readonly ownDistance: number;
  /** Share of held-out pictures that lie at least as near to a training picture. */
  readonly heldShare: number;
  readonly flagged: boolean;
}

/** The samples that lie nearest to training pictures. Their pictures are one PNG: a row for each sample, its neighbours behind it. */
export interface ClosePairs {
  readonly pairs: readonly ClosePair[];
  /** How many of all samples are flagged. */
  readonly flagged: number;
  readonly heldQuantiles: readonly (readonly [share: number, distance: number])[];
  readonly width: number;
  readonly height: number;
  /** Pictures in a row of the PNG. */
  readonly columns: number;
}

/** What a classifier finds among samples. */
export interface FoundBy {
  readonly classifier: string;
  /** Samples of each class, or shares of the samples with each attribute. */
  readonly rows: readonly {
    readonly name: string;
    readonly count?: number;
    readonly share?: number;
    readonly held?: number;
    readonly right?: number;
  }[];
  readonly covered?: number | undefined;
  readonly confidence?: number | undefined;
}

/** What is asked of an evaluation. */
export interface EvaluationOrder {
  /** Pictures or points drawn to be compared with data. */
  readonly samples: number;
  /** Only so many examples of each split; all where absent. */
  readonly limit?: number | undefined;
  /** Whether samples are compared with data. */
  readonly distances: boolean;
  /** What pictures are compared by: features that come with the library, by name. Default: those of the run's data. */
  readonly features?: string | undefined;
  readonly seed: string;
}

/** A finished evaluation, as it lies in the run's folder `evaluations`. */
export interface EvaluationReport {
  readonly format: 1;
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly run: string;
  readonly model: string;
  readonly step: number;
  readonly checkpoint: string;
  readonly data: string;
  /** Held-out examples, and what they are called. */
  readonly count: number;
  readonly noun: string;
  readonly order: EvaluationOrder;
  /** How long it took. */
  readonly seconds: number;
  /** The model's own metrics on held-out data. */
  readonly metrics: readonly Figure[];
  /** Figures of the whole model. */
  readonly estimates: readonly Figure[];
  /** Samples against data. */
  readonly measures: readonly Figure[];
  /** What the samples were measured by. */
  readonly features?: string | undefined;
  readonly samples: number;
  readonly reference?: { readonly heldOut: number; readonly training: number } | undefined;
  readonly labelAccuracy?: { readonly accuracy: number; readonly error: number } | undefined;
  readonly found?: FoundBy | undefined;
  readonly closest?: ClosePairs | undefined;
  readonly modes?: { readonly hit: number; readonly count: number; readonly each: readonly number[] } | undefined;
  /** Why something that one may expect is not there. */
  readonly note?: string | undefined;
}

/** A run, with all that has been measured of it. */
export interface RunEvaluations {
  readonly run: string;
  readonly model: string;
  readonly title: string;
  readonly state: string;
  readonly data: string | null;
  /** Whether a checkpoint is there to evaluate. */
  readonly ready: boolean;
  /** Whether samples can be compared with data, and if not, why. */
  readonly distances: { readonly possible: boolean; readonly because?: string | undefined };
  /** Features that pictures can be compared by, and those that come with the run's data. */
  readonly features: { readonly choices: readonly string[]; readonly standard?: string | undefined };
  /** What the training ended with. */
  readonly results: readonly Figure[];
  /** The newest first. */
  readonly evaluations: readonly EvaluationReport[];
  /** Files that cannot be read. */
  readonly broken: readonly { readonly file: string; readonly because: string }[];
}

/** One line of a leaderboard. */
export interface BoardLine {
  readonly name: string;
  readonly model: string;
  readonly title: string;
  readonly family: string;
  readonly run: string;
  /** Whether its run is still there. */
  readonly hasRun: boolean;
  /** `measured`, or why there are no figures: `training`, `interrupted`, `stopped` ... */
  readonly state: string;
  readonly parameters?: number | undefined;
  readonly trainingMinutes?: number | undefined;
  readonly secondsPerPicture?: number | undefined;
  readonly likelihood?: { readonly nats: number; readonly bitsPerDim: number; readonly kind: string; readonly of: string } | undefined;
  /** By name, in the order of the columns. */
  readonly measures: Readonly<Record<string, Figure>>;
  readonly notes: readonly string[];
  /** How many of its samples can be shown. */
  readonly pictures: number;
}

/** A leaderboard: the same pictures, time and measures for all. */
export interface Leaderboard {
  readonly name: string;
  readonly data: string;
  readonly image: readonly number[];
  readonly minutes: number;
  readonly samples: number;
  readonly features: string;
  readonly lines: readonly BoardLine[];
  /** Why it cannot be shown whole. */
  readonly broken?: string | undefined;
}

/** A run as it stands among the others of its data. */
export interface RunLine {
  readonly run: string;
  readonly model: string;
  readonly family: string;
  readonly data: string | null;
  readonly state: string;
  readonly created: string;
  /** What the training ended with, and the newest evaluation's figures. */
  readonly results: readonly Figure[];
  readonly measures: readonly Figure[];
  readonly evaluated?: string | undefined;
  /** Of a run that cannot be read: why. */
  readonly broken?: string | undefined;
}

export interface Leaderboards {
  readonly boards: readonly Leaderboard[];
  readonly runs: readonly RunLine[];
}

/** Four significant digits, without exponents where they are not needed. */
export function figureText(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)) return value.toExponential(2).replace("-", "−");
  const text = Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

/** A standard error: two significant digits say enough. */
export function errorText(error: number): string {
  return figureText(error === 0 ? 0 : Number(error.toPrecision(2)));
}
