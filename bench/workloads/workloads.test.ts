import { describe, expect, it } from "vitest";
import { NETWORKS } from "../harness/check.ts";
import { workloads } from "./index.ts";

const named = (name: string) => workloads.find((workload) => workload.name === name)!;

describe("workloads", () => {
  it("have names of their own, and the training steps can be checked", () => {
    expect(new Set(workloads.map(({ name }) => name)).size).toBe(workloads.length);
    for (const { name, training, check } of workloads) {
      if (!training) continue;
      expect(check, name).toBeDefined();
      expect(NETWORKS, name).toHaveProperty(name);
    }
  });

  // PyTorch's losses from the same weights and batches (`--check`).
  it.each([
    ["realnvp", [2.44002, 2.19194, 2.04483]],
    ["realnvp-digits", [0.01572, 0.01273, 0.0138]],
    ["glow", [0.12549, 0.07765, 0.05933]],
    ["gpt-small", [4.61422, 4.53882, 4.3757]],
    ["pixelcnn", [1.39922, 1.39085, 1.39013]],
    ["conditional-gan", [0.78083, 0.62923, 0.88213, 0.45023, 0.99747, 0.37047]],
  ])("%s starts with PyTorch's losses", async (name, expected) => {
    const { losses, parameters } = await named(name).check!(3);
    expect(parameters).toBe(NETWORKS[name].parameters);
    losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(expected[i], 4);
    });
  });
});
