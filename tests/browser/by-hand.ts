// Train on real pictures in a headless browser and in Node, and compare: node bin/ts.js tests/browser/by-hand.ts MODEL DEVICE STEPS [DATA] [THREADS]
import { loadDataset } from "../../src/data/node/load.ts";
import { findModel, pictureShape } from "../../src/models/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { lossesOf, sessionOptions } from "../devices/training.ts";
import { findChromium, launch, openPage } from "./chromium.ts";
import { servePage } from "./server.ts";
import type { Outcome, Task } from "./task.ts";

const [model = "vae", device = "cpu", steps = "50", data = "mnist", threads] = process.argv.slice(2);
const program = findChromium();
if (program === undefined) throw new Error("no Chromium here");
const record = findModel(model);
const set = await loadDataset(data, { shape: pictureShape(record, record.presets.small.config) });
const [server, browser] = await Promise.all([servePage({ [data]: set }), launch(program)]);
const { page } = await openPage(browser, server.address);
const task: Task = {
  model,
  device: device as Task["device"],
  threads: threads === undefined ? undefined : Number(threads),
  steps: Number(steps),
  preset: "small",
  data: `/data/${data}`,
  plain: true,
};
const outcome = await page.evaluate((given) => (globalThis as unknown as { train(task: Task): Promise<Outcome> }).train(given), task);
await browser.close();
await server.close();
const backend = await openBackend();
const started = performance.now();
const expected = await lossesOf(sessionOptions(model, backend, { set, preset: "small", plain: true }), Number(steps));
const seconds = (performance.now() - started) / 1000;
const differences = expected.map((loss, i) => Math.abs(loss - outcome.losses[i]) / Math.abs(loss));
const apart = differences.findIndex((difference) => difference > 1e-4);
const show = (losses: readonly number[]) => `${losses[0].toFixed(5)} ... ${losses.at(-1)!.toFixed(5)}`;
console.log(`${model} on ${data} (${set.count} pictures), preset small, ${steps} steps`);
console.log(`page: ${outcome.description}, ${outcome.seconds.toFixed(1)} s, losses ${show(outcome.losses)}`);
console.log(`node: ${backend.description}, ${seconds.toFixed(1)} s with loading, losses ${show(expected)}`);
console.log(
  `largest relative difference of a loss: ${Math.max(...differences).toExponential(1)}; ` +
    (apart < 0 ? "all below 1e-4" : `below 1e-4 for the first ${apart} steps`),
);
