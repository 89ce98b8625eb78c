import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ops } from "../src/graph/ops/index.ts";

test("docs/parity.md has a row for every op: if not, run `npm run parity`", () => {
  const page = readFileSync(new URL("../docs/parity.md", import.meta.url), "utf8");
  const rows = new Set([...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name));
  expect(Object.keys(ops).filter((name) => !rows.has(name))).toEqual([]);
});
