import { expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { namedParameters } from "../../nn/module.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { Batch } from "../model.ts";
import { bert, makeTask } from "./bert.ts";

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

it("every text has as many predicted tokens: 80% masks, 10% drawn, 10% as they were, none of the special ones", async () => {
  const [B, context, vocabulary] = [8, 64, 100];
  const program = await compile(
    await openBackend(),
    ({ tokens }, rng) => {
      const { ids, places, targets, foreign } = makeTask(tokens, vocabulary, rng);
      return { ids, places, targets, foreign };
    },
    { inputs: { tokens: { shape: [B, context - 2], dtype: "int32" } } },
  );
  // Ids from 50 on: what is below was drawn or is special.
  const tokens = Int32Array.from({ length: B * (context - 2) }, (_, i) => 50 + ((7 * i) % 50));
  const counts = { masked: 0, drawn: 0, same: 0 };
  for (let round = 0; round < 50; round++) {
    const out = await program.run({ tokens });
    const [ids, targets] = [out.ids as Int32Array, out.targets as Int32Array];
    const places = [...(out.places as BigInt64Array)].map(Number);
    expect(places.length).toBe(B * 9);
    expect(new Set(places).size).toBe(B * 9);
    expect(places.map((place) => Math.floor(place / context))).toEqual(places.map((_, i) => Math.floor(i / 9)));
    for (const [i, place] of places.entries()) {
      expect([0, 31, 63]).not.toContain(place % context);
      expect(targets[i]).toBeGreaterThanOrEqual(50);
      if (ids[place] === 4) counts.masked++;
      else if (ids[place] === targets[i]) counts.same++;
      else counts.drawn++;
    }
    const chosen = new Set(places);
    for (const [place, id] of ids.entries()) if (!chosen.has(place)) expect(id >= 50 || [2, 3].includes(id)).toBe(true);
  }
  await program.dispose();
  const total = 50 * B * 9;
  expect(counts.masked / total).toBeCloseTo(0.8, 1);
  expect(counts.drawn / total).toBeCloseTo(0.1, 1);
  expect(counts.same / total).toBeCloseTo(0.1, 1);
});
