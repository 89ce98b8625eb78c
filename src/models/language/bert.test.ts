import { expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { namedParameters } from "../../nn/module.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { Batch } from "../model.ts";
import { bert } from "./bert.ts";

/** How often a network that always answers "they follow each other" is right, over 20 batches. */
async function rightAlways(B: number): Promise<number> {
  const { config } = bert.presets.smoke;
  const network = bert.build(config, new RandomStream(0, "init"));
  const heads = [...namedParameters(network)].filter(([, { shape }]) => shape[0] === 2);
  for (const [, parameter] of heads) parameter.data.fill(0);
  const bias = heads.find(([, { shape }]) => shape.length === 1);
  bias![1].data[0] = 9;
  const L = config.context - 2;
  const inputs = { tokens: { shape: [B, L], dtype: "int32" as const } };
  const program = await compile(await openBackend(), ({ tokens }, rng) => bert.metrics!(network, { tokens } as Batch, rng), { inputs });
  const tokens = Int32Array.from({ length: B * L }, (_, i) => 5 + ((7 * i) % (config.vocabulary - 5)));
  let right = 0;
  for (let i = 0; i < 20; i++) for (const one of (await program.run({ tokens })).nextAccuracy as Float32Array) right += one;
  await program.dispose();
  return right / (20 * B);
}

it("half of the pairs of a batch are foreign; a window alone has no neighbour and always follows itself", async () => {
  const several = await rightAlways(4);
  expect(several).toBeGreaterThan(0.3);
  expect(several).toBeLessThan(0.7);
  expect(await rightAlways(1)).toBe(1);
});
