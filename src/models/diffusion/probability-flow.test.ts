import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { sin } from "../../graph/ops/elementwise.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { divergence, flowLikelihood, scoreOf } from "./probability-flow.ts";
import type { SdeConfig } from "./sde.ts";
import { gaussian, gaussianLogDensity, gaussianModel } from "./testing/gaussian.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const count = 64;
const stream = new RandomStream(0, "points");
const points = Float32Array.from({ length: 2 * count }, (_, i) => gaussian.mean[i % 2] + 1.5 * gaussian.deviation[i % 2] * stream.normal());

// Noise goes further than by the paper's constants, so that nothing of the data is left in it and the prior is exact.
describe.each<[string, Partial<SdeConfig>]>([
  ["vp", { betaMax: 40 }],
  ["subvp", { sde: "subvp", betaMax: 40 }],
  ["ve", { sde: "ve", sigmaMin: 0.0005, sigmaMax: 10_000 }],
])("%s", (_name, settings) => {
  const model = gaussianModel(settings);

  test.each(["exact", "hutchinson"] as const)("the likelihood of a Gaussian is exact to 1e-3 nats: divergence %s", async (kind) => {
    // The flow's Jacobian is diagonal here, so that a direction of signs gives its trace exactly.
    const program = await compile(
      backend,
      ({ x }, rng) => flowLikelihood(model, x, { steps: 160, rng: kind === "exact" ? undefined : rng }),
      {
        inputs: { x: { shape: [count, 2] } },
      },
    );
    const { logDensity } = (await program.run({ x: points })) as Record<"logDensity", Float32Array>;
    await program.dispose();
    for (let i = 0; i < count; i++) {
      expect(Math.abs(logDensity[i] - gaussianLogDensity([points[2 * i], points[2 * i + 1]]))).toBeLessThan(1e-3);
    }
  });

  test("the score points to the mean of p_t, as strongly as its variance says", async () => {
    const program = await compile(
      backend,
      ({ x, t }) => ({ score: scoreOf(model, x, t), scale: model.sde.scale(t), deviation: model.sde.deviation(t) }),
      {
        inputs: { x: { shape: [1, 2] }, t: { shape: [1] } },
      },
    );
    const { score, scale, deviation } = (await program.run({ x: [0.1, 0.2], t: [0.3] })) as Record<string, Float32Array>;
    await program.dispose();
    [0.1, 0.2].forEach((x, i) => {
      const variance = (scale[0] * gaussian.deviation[i]) ** 2 + deviation[0] ** 2;
      expect(score[i]).toBeCloseTo((scale[0] * gaussian.mean[i] - x) / variance, 4);
    });
  });
});

test("the divergence is the trace of the Jacobian; of random signs, its mean is", async () => {
  // y = (sin(x1 x2), x1² x2): the trace is x2 cos(x1 x2) + x1².
  const build = ({ x, direction }: Record<"x" | "direction", Tensor>) => {
    const [a, b] = [x.slice(1, 0, 1), x.slice(1, 1, 2)];
    const y = sin(a.mul(b))
      .mul(constant([1, 0]))
      .add(
        a
          .square()
          .mul(b)
          .mul(constant([0, 1])),
      );
    return { exact: divergence(y, x), estimate: divergence(y, x, direction) };
  };
  const program = await compile(backend, build, { inputs: { x: { shape: [4, 2] }, direction: { shape: [4, 2] } } });
  const x = [0.7, -1.1];
  const { exact, estimate } = (await program.run({ x: [...x, ...x, ...x, ...x], direction: [1, 1, 1, -1, -1, 1, -1, -1] })) as Record<
    string,
    Float32Array
  >;
  await program.dispose();
  const trace = x[1] * Math.cos(x[0] * x[1]) + x[0] ** 2;
  for (const value of exact) expect(value).toBeCloseTo(trace, 5);
  expect(estimate.reduce((sum, value) => sum + value) / 4).toBeCloseTo(trace, 5);
});
