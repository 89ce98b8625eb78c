import { expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { Parameter, State } from "../graph/leaf.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Conv2d } from "./conv.ts";
import { Linear } from "./linear.ts";
import { Module, namedParameters, namedStates, summary } from "./module.ts";
import { BatchNorm } from "./norm.ts";
import { Sequential } from "./sequential.ts";

const rng = new RandomStream(0, "init");

class Block extends Module {
  readonly conv = new Conv2d({ in: 3, out: 4, kernel: 3, rng });
  readonly norms = [new BatchNorm({ channels: 4 }), new BatchNorm({ channels: 4 })];
  readonly scale = new Parameter([4], new Float32Array(4));
  readonly steps = new State([], "int64", 7);
  readonly label = "no leaf";
}

test("names are paths through fields and lists, in field order", () => {
  const block = new Block();
  expect([...namedParameters(block).keys()]).toEqual([
    "conv.weight",
    "conv.bias",
    "norms.0.weight",
    "norms.0.bias",
    "norms.1.weight",
    "norms.1.bias",
    "scale",
  ]);
  expect([...namedStates(block).keys()]).toEqual([
    "norms.0.runningMean",
    "norms.0.runningVariance",
    "norms.1.runningMean",
    "norms.1.runningVariance",
    "steps",
  ]);
});

test("a shared layer or parameter is listed once, under its first path", () => {
  class Tied extends Module {
    readonly encoder = new Linear({ in: 3, out: 3, rng });
    readonly decoder = this.encoder;
    readonly output = this.encoder.weight;
  }
  expect([...namedParameters(new Tied()).keys()]).toEqual(["encoder.weight", "encoder.bias"]);
  expect(new Tied().parameterCount).toBe(12);
});

test("a layer without bias has no entry for it", () => {
  expect([...namedParameters(new Linear({ in: 2, out: 3, bias: false, rng })).keys()]).toEqual(["weight"]);
});

test("summary lists every array and counts what is trained", () => {
  const model = new Sequential(new Linear({ in: 2, out: 3, rng }), new BatchNorm({ channels: 3 }), (x: Tensor) => x.relu());
  expect(summary(model)).toMatchInlineSnapshot(`
    {
      "rows": [
        {
          "name": "steps.0.weight",
          "shape": [
            3,
            2,
          ],
          "size": 6,
          "trainable": true,
        },
        {
          "name": "steps.0.bias",
          "shape": [
            3,
          ],
          "size": 3,
          "trainable": true,
        },
        {
          "name": "steps.1.weight",
          "shape": [
            3,
          ],
          "size": 3,
          "trainable": true,
        },
        {
          "name": "steps.1.bias",
          "shape": [
            3,
          ],
          "size": 3,
          "trainable": true,
        },
        {
          "name": "steps.1.runningMean",
          "shape": [
            3,
          ],
          "size": 3,
          "trainable": false,
        },
        {
          "name": "steps.1.runningVariance",
          "shape": [
            3,
          ],
          "size": 3,
          "trainable": false,
        },
      ],
      "total": 21,
      "trainable": 15,
    }
  `);
});

test("a size that is not a whole number above 0 names the layer and the option", () => {
  expect(() => new Linear({ in: 0, out: 3, rng })).toThrowErrorMatchingInlineSnapshot(`
    [AtelierError: Linear: in must be a whole number above 0.
      got:      0]
  `);
  expect(() => new Conv2d({ in: 3, out: 4, kernel: 3, groups: 2, rng })).toThrow("Conv2d: in / groups must be a whole number above 0.");
});
