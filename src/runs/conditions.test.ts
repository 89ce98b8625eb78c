import { describe, expect, it } from "vitest";
import { testSet } from "../data/testing/sets.ts";
import type { ModelRecord } from "../models/index.ts";
import { attributeConditions, classConditions, classIndex, conditionList, parseAttributes, sampleConditions } from "./conditions.ts";
import { conditionsSetting, requireConditions } from "./load.ts";

const shape = () => [1, 2, 2] as const;
const plain = { name: "plain", data: { sets: [], labels: false, shape } };
const taking = {
  name: "taking",
  data: { sets: [], labels: false, shape, conditions: (config: unknown) => (config as { kinds: number }).kinds },
};
const attributes = { names: ["hat", "smiling"], values: Uint8Array.of(0, 1, 1, 1, 1, 0) };
const faces = testSet(3, [1, 2, 2], { labels: undefined, attributes });
const animals = testSet(3, [1, 2, 2], { labels: Uint8Array.of(0, 1, 2), classes: ["cat", "dog", "hen"] });

describe("classConditions", () => {
  it("are one-hot: each class in turn, or one for all, by name or number", () => {
    expect([...classConditions(2, 3)]).toEqual([1, 0, 0, 1, 1, 0]);
    expect([...classConditions(2, 2, 1)]).toEqual([0, 1, 0, 1]);
    expect([classIndex(["a", "b"], "b"), classIndex(["a", "b"], "1"), classIndex(["1", "2"], "1")]).toEqual([1, 1, 0]);
    expect(() => classIndex(["cat", "dog"], "dgo")).toThrow('did you mean "dog"?');
    expect(() => classIndex(["cat", "dog"], "2")).toThrow('There is no class named "2".');
  });
});

describe("attributeConditions", () => {
  it("come from real rows that agree with what is asked for", () => {
    const { conditions, agreeing } = attributeConditions(attributes, 20, parseAttributes("smiling=0", attributes.names), 0);
    expect(agreeing).toBe(1);
    expect(new Set(Array.from({ length: 20 }, (_, i) => conditions.slice(2 * i, 2 * i + 2).join()))).toEqual(new Set(["1,0"]));
    const free = attributeConditions(attributes, 50, new Map(), 0).conditions;
    expect(new Set(Array.from({ length: 50 }, (_, i) => free.slice(2 * i, 2 * i + 2).join()))).toEqual(new Set(["0,1", "1,1", "1,0"]));
  });

  it("are written over any row where no picture agrees", () => {
    const { conditions, agreeing } = attributeConditions(attributes, 4, parseAttributes("smiling=0, hat=0", attributes.names), 0);
    expect([agreeing, ...conditions]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("are read from text, or refused", () => {
    expect([...parseAttributes("hat=1,smiling=0", attributes.names)]).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(() => parseAttributes("hatt=1", attributes.names)).toThrow('did you mean "hat"?');
    expect(() => parseAttributes("hat=2", attributes.names)).toThrow("hat=0 or hat=1");
    expect(() => parseAttributes("hat=1,hat=0", attributes.names)).toThrow("given twice");
  });
});

describe("sampleConditions", () => {
  const ask = (record: typeof plain, set: typeof faces, wanted: { label?: string; attributes?: string } = {}) =>
    sampleConditions({ record, list: conditionList(set), count: 2, seed: 0, wanted, load: async () => set });

  it("gives each model what it takes", async () => {
    expect(await ask(plain, animals)).toBeUndefined();
    expect([...(await ask(taking, animals))!]).toEqual([1, 0, 0, 0, 1, 0]);
    expect([...(await ask(taking, faces, { attributes: "hat=0" }))!]).toEqual([0, 1, 0, 1]);
  });

  it("names the option that fits", async () => {
    await expect(ask(plain, animals, { label: "dog" })).rejects.toThrow("does not take a label");
    await expect(ask(taking, animals, { attributes: "hat=1" })).rejects.toThrow("expected: --label with cat, dog, hen");
    await expect(ask(taking, faces, { label: "hat" })).rejects.toThrow("expected: --attributes with hat, smiling");
  });
});

describe("the setting for the number of conditions", () => {
  it("is found in the configuration, and checked against the data", () => {
    const config = { kinds: 2, width: 2 };
    const record = taking as unknown as ModelRecord;
    expect(conditionsSetting(record, config)).toBe("kinds");
    expect(conditionsSetting(plain, config)).toBeUndefined();
    requireConditions(record, config, faces);
    expect(() => requireConditions(record, config, animals)).toThrow(
      "another number of classes than the model takes conditions.\n  where:    test-set\n  got:      3: cat, dog, hen\n  expected: 2\n  try:      leave --set kinds out",
    );
  });
});
