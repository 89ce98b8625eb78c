import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { models } from "../../src/models/index.ts";
import { resultsOf } from "./results.ts";

it("reads results off the page, each under its model's name in the garden", () => {
  const results = resultsOf(readFileSync(path.resolve(import.meta.dirname, "../../docs/results.md"), "utf8"));
  const names = models.map(({ name }) => name);
  expect(Object.keys(results).filter((name) => !names.includes(name))).toEqual([]);
  expect(results.vae.find(({ preset }) => preset === "mlp")).toMatchObject({
    data: "black and white MNIST",
    measure: "-ELBO, nats",
    ours: "97.07",
  });
  expect(results.cnn[0].measure).toBe("test accuracy, %");
  for (const { preset } of results.vae) expect(models.find(({ name }) => name === "vae")!.presets).toHaveProperty(preset);
});
