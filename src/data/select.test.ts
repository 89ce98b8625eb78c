import { describe, expect, it } from "vitest";
import { memberNames, membership, selectImages, withoutMembers } from "./select.ts";
import { testSet } from "./testing/sets.ts";

const classes = testSet(6, [1, 2, 2], {
  labels: Uint8Array.of(0, 1, 2, 0, 1, 2),
  classes: ["cat", "dog", "hen"],
  names: ["a", "b", "c", "d", "e", "f"],
});
const faces = testSet(3, [1, 2, 2], {
  labels: undefined,
  attributes: { names: ["hat", "smiling"], values: Uint8Array.of(0, 1, 1, 1, 0, 0) },
});

describe("membership", () => {
  it("tells which pictures are of a class or have an attribute", () => {
    expect([...membership(classes, "dog")]).toEqual([0, 1, 0, 0, 1, 0]);
    expect([...membership(faces, "smiling")]).toEqual([1, 1, 0]);
    expect([memberNames(classes), memberNames(faces)]).toEqual([
      ["cat", "dog", "hen"],
      ["hat", "smiling"],
    ]);
  });

  it("offers the nearest name, and says when there are none", () => {
    expect(() => membership(classes, "dgo")).toThrow(
      'There is no class named "dgo".\n  expected: one of: cat, dog, hen\n  try:      did you mean "dog"?',
    );
    expect(() => membership(faces, "smilng")).toThrow('did you mean "smiling"?');
    expect(() => membership(testSet(2), "x")).toThrow("neither attributes nor classes");
  });
});

describe("selections", () => {
  it("keep what belongs to the pictures together", () => {
    const { images, labels, names, count } = selectImages(classes, [4, 1]);
    expect([images[0], images[4], [...labels!], names, count]).toEqual([4, 1, [1, 1], ["e", "b"], 2]);
    expect([...selectImages(faces, [2, 1]).attributes!.values]).toEqual([0, 0, 1, 1]);
  });

  it("leave out a class or an attribute, but not everything", () => {
    expect([...withoutMembers(classes, "cat").labels!]).toEqual([1, 2, 1, 2]);
    expect(withoutMembers(faces, "hat").count).toBe(2);
    expect(() => withoutMembers(selectImages(classes, [0, 3]), "cat")).toThrow("none would be left");
    expect(() => withoutMembers(selectImages(classes, [0, 3]), "dog")).toThrow("nothing to leave out");
  });
});
