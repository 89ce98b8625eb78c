// Where the time from a model to its first step goes, phase by phase: `node bin/ts.js bench/compile.ts [repetitions]`. The first column is of a process
// that has compiled nothing yet. On a shared machine the processor time, of all threads, says more than the clock.
import { openBackend } from "../src/runtime/node/open.ts";
import { median } from "./harness/stats.ts";
import { compilePhases, firstStep, phaseSizes } from "./workloads/compile.ts";

const repetitions = Number(process.argv[2] ?? 5);
await openBackend({ device: "cpu" });

const rows = new Map<string, number[]>();
const note = (row: string, milliseconds: number): void => {
  rows.set(row, [...(rows.get(row) ?? []), milliseconds]);
};

/** Time a piece of work by the clock and by the processor. */
async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const clock = performance.now();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  note(name, performance.now() - clock);
  note(`${name}, processor time`, (user + system) / 1000);
  return result;
}

for (const [name, size] of Object.entries(phaseSizes)) {
  rows.clear();
  let nodes = 0;
  for (let i = 0; i < repetitions; i++) {
    const phases = await timed("all phases", () => compilePhases(size));
    for (const [phase, milliseconds] of Object.entries(phases.milliseconds)) note(phase, milliseconds);
    nodes = phases.nodes;
  }
  for (let i = 0; i < repetitions; i++) await timed("to the end of the first step", () => firstStep(size));
  console.log(`\n${name}: ${nodes} nodes\n${"".padEnd(46)}    first   median`);
  const cell = (milliseconds: number) => `${milliseconds.toFixed(0)} ms`.padStart(9);
  for (const [row, times] of rows) console.log(`${row.padEnd(46)}${cell(times[0])}${cell(median(times))}`);
}
