// Where the time from a model to its first step goes, phase by phase: `node bin/ts.js bench/compile.ts [repetitions]`. The first column is of a process
// that has compiled nothing yet.
import { openBackend } from "../src/runtime/node/open.ts";
import { median } from "./harness/stats.ts";
import { compilePhases, firstStep, phaseSizes } from "./workloads/compile.ts";

const repetitions = Number(process.argv[2] ?? 5);
await openBackend({ device: "cpu" });

for (const [name, size] of Object.entries(phaseSizes)) {
  const rows = new Map<string, number[]>();
  const note = (row: string, milliseconds: number) => rows.set(row, [...(rows.get(row) ?? []), milliseconds]);
  let nodes = 0;
  for (let i = 0; i < repetitions; i++) {
    const started = performance.now();
    const phases = await compilePhases(size);
    note("all phases", performance.now() - started);
    for (const [phase, milliseconds] of Object.entries(phases.milliseconds)) note(phase, milliseconds);
    nodes = phases.nodes;
  }
  for (let i = 0; i < repetitions; i++) {
    const started = performance.now();
    await firstStep(size);
    note("to the end of the first step", performance.now() - started);
  }
  console.log(`\n${name}: ${nodes} nodes\n${"".padEnd(30)}    first   median`);
  for (const [row, times] of rows)
    console.log(`${row.padEnd(30)}${`${times[0].toFixed(0)} ms`.padStart(9)}${`${median(times).toFixed(0)} ms`.padStart(9)}`);
}
