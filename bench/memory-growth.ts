// Memory over 10,000 steps of a small model: `node --expose-gc bin/ts.js bench/memory-growth.ts [steps] [picture.png]`. Prints the process's resident memory
// and the JavaScript heap every 1,000 steps, collected first where the process was started with --expose-gc, and draws them.
import { writeFileSync } from "node:fs";
import { RandomStream } from "../src/core/random.ts";
import { BatchNorm, crossEntropy, Dropout, Linear, relu, Sequential, terms } from "../src/nn/index.ts";
import { encodePng, linePlot } from "../src/report/index.ts";
import { openBackend } from "../src/runtime/node/open.ts";
import { Trainer } from "../src/train/trainer.ts";

const steps = Number(process.argv[2] ?? 10_000);
const picture = process.argv[3];
const collect = (globalThis as { gc?: () => void }).gc;

const rng = new RandomStream(0, "memory");
const batch = 32;
const module = new Sequential(
  new Linear({ in: 64, out: 128, rng }),
  new BatchNorm({ channels: 128 }),
  relu,
  new Dropout(0.2),
  new Linear({ in: 128, out: 10, rng }),
);
const trainer = await Trainer.create({
  backend: await openBackend({ device: "cpu" }),
  module,
  objective: ({ x, labels }) => terms({ loss: crossEntropy(module.call(x), labels) }),
  inputs: { x: { shape: [batch, 64] }, labels: { shape: [batch], dtype: "int32" } },
  clipNorm: 1,
  ema: 0.999,
});

const megabytes = (bytes: number): number => bytes / 1e6;
const resident: number[] = [];
const heap: number[] = [];
const at: number[] = [];
const look = (step: number): void => {
  collect?.();
  const { rss, heapUsed } = process.memoryUsage();
  at.push(step);
  resident.push(megabytes(rss));
  heap.push(megabytes(heapUsed));
  console.log(`step ${String(step).padStart(6)}   resident ${megabytes(rss).toFixed(1)} MB   heap ${megabytes(heapUsed).toFixed(1)} MB`);
};

for (let step = 0; step <= steps; step++) {
  if (step % Math.max(1, Math.round(steps / 10)) === 0) look(step);
  rng.fillNormal(trainer.program.inputs.x as Float32Array);
  for (let i = 0; i < batch; i++) trainer.program.inputs.labels[i] = rng.below(10);
  await trainer.advance();
}
await trainer.dispose();

const grown = resident.at(-1)! - resident[1];
console.log(`from step ${at[1]} to step ${at.at(-1)}: ${grown >= 0 ? "+" : ""}${grown.toFixed(1)} MB resident`);
if (picture !== undefined) {
  const labels = { title: "memory of a training process", xLabel: "step", yLabel: "MB", width: 640, height: 400 };
  const series = [
    { name: "resident", x: at, y: resident },
    { name: "JavaScript heap", x: at, y: heap },
  ];
  writeFileSync(picture, encodePng(linePlot({ ...labels, series }), { Software: "atelier" }));
}
