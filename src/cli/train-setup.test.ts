import { expect, test } from "vitest";
import { findModel } from "../models/index.ts";
import { settle } from "./train-setup.ts";

const wrong = (model: string, ...set: string[]) => {
  try {
    settle(findModel(model), "small", { set });
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

test("what several settings must fulfil together is asked before anything is built", () => {
  expect(wrong("glow", "image=[1,28,30]")).toMatchInlineSnapshot(`
    "The setting "image" cannot have this value.
      got:      [1,28,30]
      expected: height and width must halve with every scale: choose other sides, or fewer scales (channels (1 grey, 3 colour), height and width; the sides divisible by 2 for each scale)"
  `);
  expect(wrong("realnvp", "image=[1,27,27]")).toContain("must halve with every scale");
  expect(wrong("pixelcnn", "image=[3,28,28]")).toContain("the gated network takes grey pictures");
  expect(wrong("glow", "image=[1,32,32]", "scales=3")).toBeUndefined();
});
