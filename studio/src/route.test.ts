import { describe, expect, it } from "vitest";
import { address, parsePlace } from "./route.ts";

describe("places", () => {
  it("are read from an address and written back", () => {
    const { path, rest, query } = parsePlace("#/runs/a%20run/samples?tab=two&x=%3F");
    expect({ path, rest, query: Object.fromEntries(query) }).toEqual({
      path: "runs",
      rest: ["a run", "samples"],
      query: { tab: "two", x: "?" },
    });
    expect(address("runs", ["a run", "samples"], { tab: "two", x: "?" })).toBe("#/runs/a%20run/samples?tab=two&x=%3F");
  });

  it("are the first page where nothing is said, and survive what is not encoded well", () => {
    expect(parsePlace("")).toMatchObject({ path: "", rest: [] });
    expect(parsePlace("#/runs/100%/")).toMatchObject({ path: "runs", rest: ["100%"] });
  });
});
