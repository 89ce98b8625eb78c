import { describe, expect, test } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import type { Parameter } from "../../src/graph/leaf.ts";
import { input } from "../../src/graph/ops/source.ts";
import * as nn from "../../src/nn/index.ts";
import { spread } from "../../src/runtime/testing/check.ts";
import { expectResults, operandsOf, type StoredInput, type StoredResults, slices } from "./slices.ts";

interface LayerCase extends StoredResults {
  layer: string;
  options: nn.Conv2dOptions;
  parameters: Record<string, [number, number]>;
  input: StoredInput;
  shape: number[];
}

const makers = nn as unknown as Record<string, new (options: nn.Conv2dOptions) => nn.Conv2d>;

describe("convolution layers are PyTorch's, mixes of stride, dilation, groups and padding included", () => {
  test.each(
    slices<LayerCase>("conv").map((slice) => [`${slice.layer.replace("Mix", "")} ${JSON.stringify(slice.options)}`, slice] as const),
  )("%s", async (what, slice) => {
    const layer = new makers[slice.layer.replace("Mix", "")]({ ...slice.options, rng: new RandomStream(0, "layer") });
    const { operands, trained, feeds } = operandsOf([slice.input]);
    const leaves: Parameter[] = [layer.weight, ...(layer.bias === undefined ? [] : [layer.bias])];
    const parameters: Record<string, Float32Array> = {};
    Object.values(slice.parameters).forEach((range, i) => {
      parameters[String(leaves[i].node.attrs.name)] = Float32Array.from(spread(leaves[i].size, range, 40 + i));
    });
    const y = layer.call(operands[0]);
    expect(y.shape).toEqual(slice.shape);
    await expectResults(what, [y], [...trained, ...leaves], { ...feeds, ...parameters }, slice);
  });
});

test("what a layer cannot be made of is refused by name", () => {
  const rng = new RandomStream(0, "layer");
  expect(() => new nn.Conv1d({ in: 3, out: 4, kernel: 3, groups: 2, rng })).toThrow(/in \/ groups/);
  expect(() => new nn.Conv2d({ in: 4, out: 3, kernel: 3, groups: 2, rng })).toThrow(/out \/ groups/);
  expect(() => new nn.Conv3d({ in: 4, out: 4, kernel: [3, 3], rng })).toThrow(/kernel must be one number or 3/);
  expect(() => new nn.Conv2d({ in: 4, out: 4, kernel: 3, paddingMode: "mirror" as "reflect", rng })).toThrow(
    /no paddingMode named "mirror"/,
  );
  expect(() => new nn.Conv1d({ in: 4, out: 4, kernel: 3, rng }).call(input("x", [1, 4, 4, 4]))).toThrow(/rank 3/);
  expect(() => new nn.Conv1d({ in: 4, out: 4, kernel: 3, padding: 3, paddingMode: "reflect", rng }).call(input("x", [1, 4, 3]))).toThrow(
    /too wide/,
  );
  expect(() => new nn.ConvTranspose1d({ in: 3, out: 4, kernel: 3, groups: 2, rng })).toThrow(/in \/ groups/);
});
