import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { page, withFacts } from "../scripts/data-cards.ts";

test("docs/data.md has the facts of every data set's card: if not, run `npm run data:docs`", () => {
  const text = readFileSync(page, "utf8");
  expect(withFacts(text)).toBe(text);
});
