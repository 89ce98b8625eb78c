/** Figures of a server in the text format of Prometheus (version 0.0.4). */

/** Upper bounds in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100];

type Labels = Readonly<Record<string, string | number>>;

interface Family {
  type: "counter" | "gauge" | "histogram";
  help: string;
  lines(name: string): string[];
}

/** A number by labels that only grows. */
export class Counter implements Family {
  readonly type = "counter";
  readonly help: string;
  readonly #values = new Map<string, number>();

  constructor(help: string) {
    this.help = help;
  }

  /** Let it grow by an amount. */
  add(amount: number, labels: Labels = {}): void {
    const key = shown(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  /** One line of the text format for each set of labels. */
  lines(name: string): string[] {
    return [...this.#values].map(([labels, value]) => `${name}${labels} ${value}`);
  }
}

/** A number that is looked up when it is asked for. */
export class Gauge implements Family {
  readonly type = "gauge";
  readonly help: string;
  readonly #read: () => number;

  constructor(help: string, read: () => number) {
    this.help = help;
    this.#read = read;
  }

  /** One line of the text format for each set of labels. */
  lines(name: string): string[] {
    return [`${name} ${this.#read()}`];
  }
}

/** How often a time in seconds was at most each of some bounds, by labels. */
export class Histogram implements Family {
  readonly type = "histogram";
  readonly help: string;
  readonly #series = new Map<string, { labels: Labels; counts: number[]; sum: number }>();

  constructor(help: string) {
    this.help = help;
  }

  /** Count one time. */
  observe(seconds: number, labels: Labels = {}): void {
    const key = shown(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counts: new Array<number>(BUCKETS.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    series.counts[bucket < 0 ? BUCKETS.length : bucket]++;
    series.sum += seconds;
  }

  /** One line of the text format for each set of labels. */
  lines(name: string): string[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let below = 0;
      const buckets = counts.map((count, i) => {
        below += count;
        return `${name}_bucket${shown({ ...labels, le: BUCKETS[i] ?? "+Inf" })} ${below}`;
      });
      return [...buckets, `${name}_sum${shown(labels)} ${sum}`, `${name}_count${shown(labels)} ${below}`];
    });
  }
}

/** All families with their names, as Prometheus reads them. */
export function metricsText(families: Readonly<Record<string, Family>>): string {
  const parts = Object.entries(families).flatMap(([name, family]) => [
    `# HELP ${name} ${family.help}`,
    `# TYPE ${name} ${family.type}`,
    ...family.lines(name),
  ]);
  return `${parts.join("\n")}\n`;
}

function shown(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${String(value).replace(/["\\\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
