import { expect, test } from "vitest";
import { type ImageSet, limitImages } from "../data/dataset.ts";
import { hasIntegrity, integrityOf } from "./start.ts";

const set: ImageSet = {
  kind: "images",
  card: { name: "folder" } as ImageSet["card"],
  split: "train",
  shape: [1, 1, 2],
  images: Uint8Array.from([1, 2, 3, 4]),
  labels: Uint8Array.from([0, 1]),
  classes: ["cat", "dog"],
  count: 2,
};

test("the digest of a folder's data covers pictures, labels and what the classes are called", () => {
  const digest = integrityOf("/a/folder", set);
  expect(digest).toMatch(/^sha256-/);
  expect(integrityOf("/elsewhere", { ...set })).toBe(digest);
  const others: Partial<ImageSet>[] = [
    { images: Uint8Array.from([1, 2, 3, 5]) },
    { labels: Uint8Array.from([1, 0]) },
    { classes: ["cat", "fox"] },
    { attributes: { names: ["hat"], values: Uint8Array.from([0, 1]) } },
  ];
  for (const change of others) expect(hasIntegrity(digest, "/a/folder", { ...set, ...change })).toBe(false);
  const named = (name: string) => integrityOf("/a", { ...set, attributes: { names: [name], values: Uint8Array.from([0, 1]) } });
  expect(named("hat")).not.toBe(named("bow"));
});

test("a package has its own pinned digest, and a run from before names counted still finds its data", () => {
  expect(integrityOf("mnist", set)).toBe(integrityOf("mnist", limitImages(set, 1)));
  // SHA-256 of the bytes 1, 2, 3, 4, 0, 1 alone.
  const old = "sha256-ZzH0PMXP/tcb/oFj34TqOxGQoeZaoX48cVEAt2fFq+0=";
  expect(hasIntegrity(old, "/a", set)).toBe(true);
  expect(hasIntegrity(old, "/a", { ...set, images: Uint8Array.from([9, 2, 3, 4]) })).toBe(false);
  expect(hasIntegrity(undefined, "/a", set)).toBe(true);
});
