import { describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { logisticMixtureNats } from "../../src/nn/logistic-mixture.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";
import { spread } from "../../src/runtime/testing/check.ts";
import { slices } from "./slices.ts";

interface Case {
  channels: number;
  components: number;
  levels: number;
  shape: [number, number, number, number];
  range: [number, number];
  x: number[];
  nats: number[];
  gradient: number[];
}

describe("discretised logistic mixture, against PyTorch in double precision", () => {
  test.each(
    slices<Case>("logistic-mixture").map((one) => [`${one.channels} channels, ${one.levels} levels, from ${one.range}`, one] as const),
  )("%s", async (_name, { channels, components, levels, shape, range, x, nats, gradient }) => {
    const program = await compile(
      await openBackend(),
      (inputs) => {
        const value = logisticMixtureNats(inputs.parameters, inputs.x, components, levels);
        return { nats: value, gradient: gradients(value.sum(), [inputs.parameters])[0] };
      },
      { inputs: { parameters: { shape }, x: { shape: [2, channels, 2, 3] } } },
    );
    const parameters = Array.from(spread(program.inputs.parameters.length, range, 0));
    const got = await program.run({ parameters, x });
    nats.forEach((value, i) => {
      expect(Math.abs(Number(got.nats[i]) - value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
    });
    const largest = Math.max(...gradient.map(Math.abs));
    gradient.forEach((value, i) => {
      expect(Math.abs(Number(got.gradient[i]) - value) / largest).toBeLessThan(2e-3);
    });
    await program.dispose();
  });
});
