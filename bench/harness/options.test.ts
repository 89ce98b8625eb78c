import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/core/errors.ts";
import { parseOptions, select } from "./options.ts";

describe("parseOptions", () => {
  it("has defaults", () => {
    expect(parseOptions([], "/d")).toMatchObject({ only: [], rounds: 5, peers: [], folder: "/d", budget: 1000, check: false });
  });

  it("splits lists at commas and knows all peers", () => {
    const options = parseOptions(["--only", "cnn, vae", "--peers", "all", "--rounds", "7"], "/d");
    expect(options).toMatchObject({ only: ["cnn", "vae"], rounds: 7, peers: ["pytorch", "tfjs", "jax-js"] });
  });

  it("refuses unknown peers, options and numbers", () => {
    expect(() => parseOptions(["--peers", "pytorh"], "/d")).toThrow(/did you mean "pytorch"/);
    expect(() => parseOptions(["--fast"], "/d")).toThrow(UsageError);
    expect(() => parseOptions(["--rounds", "0"], "/d")).toThrow(UsageError);
    expect(() => parseOptions(["--budget", "much"], "/d")).toThrow(UsageError);
  });
});

describe("select", () => {
  const all = [{ name: "cnn" }, { name: "cnn-infer" }, { name: "vae" }];

  it("takes names and beginnings, in the registry's order", () => {
    expect(select(all, ["vae", "cnn"]).map((item) => item.name)).toEqual(["cnn", "cnn-infer", "vae"]);
    expect(select(all, [])).toHaveLength(3);
  });

  it("refuses a name that fits none", () => {
    expect(() => select(all, ["van"])).toThrow(/did you mean "vae"/);
  });
});
