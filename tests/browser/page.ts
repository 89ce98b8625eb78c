// The page of the browser tests: the library's own sources, trained where the test says. It offers one function to the test that drives it.
import { openDevice } from "atelier/device";
import type { ImageSet } from "../../src/data/dataset.ts";
import { TrainingSession } from "../../src/train/session.ts";
import { sessionOptions } from "../devices/training.ts";
import type { Outcome, Task } from "./task.ts";

async function train({ model, device, threads, steps, preset, data, plain }: Task): Promise<Outcome> {
  const backend = await openDevice(device, { threads } as object); // as a page has it: Node has other options
  const set = data === undefined ? undefined : await fetchSet(data);
  const session = await TrainingSession.create(sessionOptions(model, backend, { set, preset, plain }));
  const losses: number[] = [];
  const started = performance.now();
  for (let i = 0; i < steps; i++) losses.push((await session.advance()).terms.loss);
  const seconds = (performance.now() - started) / 1000;
  await session.trainer.download();
  const weights = Math.hypot(...[...session.trainer.tensors()].map(([, array]) => Math.hypot(...array.data.subarray(0, 1000))));
  await session.dispose();
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return { losses, weights, seconds, description: backend.description, isolated: crossOriginIsolated === true };
}

/** Pictures as the server sends them: one request for what they are, two for their bytes. */
async function fetchSet(address: string): Promise<ImageSet> {
  const about = (await (await fetch(`${address}/set.json`)).json()) as ImageSet;
  const bytes = async (name: string) => new Uint8Array(await (await fetch(`${address}/${name}`)).arrayBuffer());
  return { ...about, images: await bytes("images"), labels: await bytes("labels") };
}

(globalThis as { train?: typeof train }).train = train;
