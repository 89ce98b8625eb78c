import { expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { isPoint } from "../data/dataset.ts";
import { isText } from "../data/token-set.ts";
import { type ModelRecord, models } from "../models/index.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile, type Program } from "../runtime/program.ts";
import { drawPoints, drawSamples } from "./draw.ts";

/** Samplers that show themselves on the way, by a small configuration that needs no picture to start from. */
const watched = ["ebm", "rbm", "boltzmann-machine", "ncsn", "score-sde", "ddpm", "ffjord", "pixelcnn"];

it.each(watched)("a reader who leaves the sampler of %s leaves no program behind, and one who stays none either", async (name) => {
  const record = models.find((model) => model.name === name) as ModelRecord;
  const { config } = record.presets.smoke;
  const network = record.build(config, new RandomStream(1, "weights"));
  const alive = new Set<Program>();
  const counting = (async (...given: Parameters<typeof compile>) => {
    const program = await compile(...given);
    alive.add(program);
    const dispose = program.dispose.bind(program);
    return Object.assign(program, { dispose: () => dispose().finally(() => alive.delete(program)) });
  }) as typeof compile;
  const context = { record, config, network, backend: await openBackend(), compile: counting };
  const shape = record.data.shape(config);
  const draw = !isText(shape) && isPoint(shape) ? drawPoints : drawSamples;
  const leave = () => {
    throw new Error("seen enough");
  };
  await expect(draw(context, 2, 0, { onFrame: leave })).rejects.toThrow("seen enough");
  expect(alive.size).toBe(0);
  await draw(context, 2, 0);
  expect(alive.size).toBe(0);
});
