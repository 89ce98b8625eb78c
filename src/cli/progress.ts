import { formatDuration, formatNumber } from "./format.ts";
import type { Io, Output } from "./verb.ts";

/** `line` rewrites one line of a terminal, `plain` prints a line now and then, `silent` nothing. */
export type ProgressMode = "line" | "plain" | "silent";

export interface ProgressUpdate {
  /** Steps done. */
  step: number;
  /** Loss terms and other numbers to show, in this order. */
  terms?: Readonly<Record<string, number>> | undefined;
}

export interface ProgressOptions {
  output: Output;
  mode: ProgressMode;
  /** Steps in all. */
  total: number;
  /** Before the bar: `epoch 1/3`. */
  label?: string | undefined;
  /** Milliseconds; tests give their own clock. */
  now?: (() => number) | undefined;
}

/** Rewriting more often than the eye follows costs time for nothing; a log wants far fewer lines. */
const INTERVAL_MS = { line: 100, plain: 10_000 };
/** The step time is measured over the last seconds, so that it follows what the machine does now. */
const WINDOW_MS = 10_000;
const BAR_WIDTH = 20;

/** How progress is shown: silent with `--json`, one line on a terminal, plain lines in logs and with `CI`. */
export function progressMode(io: Io, json: boolean): ProgressMode {
  if (json) return "silent";
  const continuous = io.env.CI !== undefined && io.env.CI !== "" && io.env.CI !== "false";
  return io.stderr.isTTY && !continuous && io.env.TERM !== "dumb" ? "line" : "plain";
}

/** Steps, bar, step time, loss terms and time left, on a terminal or in a log. */
export class Progress {
  /** May change while it goes on. */
  label: string;
  readonly #output: Output;
  readonly #mode: ProgressMode;
  readonly #total: number;
  readonly #now: () => number;
  #marks: { time: number; step: number }[] = [];
  #shownAt = Number.NEGATIVE_INFINITY;
  #shown: ProgressUpdate | undefined;
  #latest: ProgressUpdate | undefined;
  #lineLength = 0;

  constructor({ output, mode, total, label = "", now = Date.now }: ProgressOptions) {
    this.label = label;
    this.#output = output;
    this.#mode = mode;
    this.#total = total;
    this.#now = now;
  }

  /** Tell how far it is: call after every step, it shows what is worth showing. */
  update(update: ProgressUpdate): void {
    if (this.#mode === "silent") return;
    const time = this.#now();
    this.#latest = update;
    const last = this.#marks.at(-1);
    if (last === undefined || time - last.time >= INTERVAL_MS.line) this.#mark(time, update.step);
    if (time - this.#shownAt >= (this.#mode === "line" ? INTERVAL_MS.line : INTERVAL_MS.plain)) this.#show(update, time);
  }

  /** Print a line of text above the progress line (into a log: between its lines). Nothing with `silent`. */
  message(text: string): void {
    if (this.#mode === "silent") return;
    this.#erase();
    this.#output.write(`${text}\n`);
    if (this.#mode === "line" && this.#latest !== undefined) this.#show(this.#latest, this.#now());
  }

  /** Forget the step time: call after a pause (sampling, evaluation, a checkpoint), which is not part of a step. */
  forgetTiming(): void {
    this.#marks = [];
  }

  /** Show the last state and leave the line. Calling it twice is harmless. */
  end(): void {
    if (this.#latest !== undefined && this.#latest !== this.#shown) this.#show(this.#latest, this.#now());
    if (this.#lineLength > 0) this.#output.write("\n");
    this.#lineLength = 0;
    this.#latest = undefined;
  }

  #mark(time: number, step: number): void {
    this.#marks.push({ time, step });
    while (this.#marks.length > 2 && time - this.#marks[0].time > WINDOW_MS) this.#marks.shift();
  }

  #show(update: ProgressUpdate, time: number): void {
    this.#shownAt = time;
    this.#shown = update;
    const text = this.#render(update);
    if (this.#mode === "plain") this.#output.write(`${text}\n`);
    else {
      // Cut to the terminal's width: a line that wraps cannot be rewritten.
      const line = text.slice(0, Math.max(1, this.#output.columns - 1));
      this.#output.write(`\r${line.padEnd(this.#lineLength)}`);
      this.#lineLength = line.length;
    }
  }

  #erase(): void {
    if (this.#lineLength > 0) this.#output.write(`\r${" ".repeat(this.#lineLength)}\r`);
    this.#lineLength = 0;
  }

  #render({ step, terms = {} }: ProgressUpdate): string {
    const parts = [this.label, this.#mode === "line" ? bar(step / this.#total) : "", `${step}/${this.#total}`];
    const perStep = this.#millisecondsPerStep();
    if (perStep !== undefined) parts.push(`${perStep < 10 ? perStep.toFixed(2) : perStep.toFixed(1)} ms/step`);
    for (const [name, value] of Object.entries(terms)) parts.push(`${name} ${formatNumber(value)}`);
    if (perStep !== undefined && step < this.#total) parts.push(`${formatDuration(((this.#total - step) * perStep) / 1000)} left`);
    return parts.filter((part) => part !== "").join("  ");
  }

  #millisecondsPerStep(): number | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.step <= first.step) return undefined;
    return (last.time - first.time) / (last.step - first.step);
  }
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}
