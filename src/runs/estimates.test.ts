import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { findModel, models } from "../models/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { estimateFigures } from "./estimates.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const metrics = { freeEnergy: 3, boundEnergy: 4 };

describe("estimates of a whole model", () => {
  test.each(models.filter(({ estimates }) => estimates !== undefined).map((record) => [record.name, record] as const))(
    "%s: finite, described, and the same for the same seed",
    async (_, record) => {
      const network = record.build(record.presets.smoke.config, new RandomStream(0, "init"));
      const told: string[] = [];
      const draw = (seed: number) =>
        estimateFigures({ record, network, backend }, metrics, { seed, onProgress: (message) => told.push(message) });
      const [a, b, c] = [await draw(1), await draw(1), await draw(2)];
      expect(a).toEqual(b);
      expect(a).not.toEqual(c);
      for (const [name, { value, error }] of Object.entries(a!)) {
        expect(record.estimateInfo![name].about).not.toBe("");
        expect([Number.isFinite(value), error >= 0]).toEqual([true, true]);
      }
      expect(told.at(-1)).toMatch(/^annealing: (\d+) of \1 temperatures$/);
    },
  );

  test("a model without any has none", async () => {
    const record = findModel("vae");
    const network = record.build(record.presets.smoke.config, new RandomStream(0, "init"));
    expect(await estimateFigures({ record, network, backend }, {}, { seed: 0 })).toBeUndefined();
  });
});
