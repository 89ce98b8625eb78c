import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import { Linear } from "../../src/nn/linear.ts";
import { BatchNorm } from "../../src/nn/norm.ts";
import { Sequential } from "../../src/nn/sequential.ts";
import { fill, fixedRng, integers, POOL, pictures, STREAMS, tokens, uniform } from "./values.ts";

describe("numbers shared with the peers", () => {
  it("are those of peers/pytorch/values.py", () => {
    expect([...uniform(3, 3)]).toMatchInlineSnapshot(`
      [
        0.6768759489059448,
        -0.21776574850082397,
        -0.6988008618354797,
      ]
    `);
    expect([...integers(STREAMS.labels, 4, 10)]).toMatchInlineSnapshot(`
      [
        7,
        8,
        1,
        7,
      ]
    `);
  });

  it("go on from batch to batch", () => {
    const batches = pictures([2, 3], -1);
    expect(batches).toHaveLength(POOL);
    expect([...batches[0], ...batches[1]]).toEqual([...uniform(STREAMS.images, 12)]);
    expect([...tokens(7, [2], 5)[1]]).toEqual([...integers(7, 4, 5).slice(2)]);
  });

  it("fill a network by the order of its parameters", () => {
    const rng = new RandomStream(0, "test");
    const first = new Linear({ in: 12, out: 2, rng });
    const norm = new BatchNorm({ channels: 3 });
    fill(new Sequential(first), new Sequential(norm));
    expect(first.weight.data).toEqual(uniform(0, 24, -0.5, 0.5));
    expect(first.bias!.data).toEqual(uniform(1, 2, -0.1, 0.1));
    expect(norm.weight.data).toEqual(uniform(2, 3, 0.9, 1.1));
  });

  it("stand in for draws, each from a stream of its own", () => {
    const rng = fixedRng(50);
    const data = (tensor: { node: { attrs: Record<string, unknown> } }) => tensor.node.attrs.data;
    expect(data(rng.normal("a", [2, 2]))).toEqual(uniform(50, 4));
    expect(data(rng.uniform("b", [3]))).toEqual(uniform(51, 3, 0));
    expect(rng.bernoulli("c", [3], 0.5).dtype).toBe("float32");
  });
});
