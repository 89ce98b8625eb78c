import { describe, expect, it } from "vitest";
import { RandomStreams } from "./streams.ts";

describe("RandomStreams", () => {
  it("restores in place: who holds a stream goes on from the saved state", () => {
    const streams = new RandomStreams(7);
    const held = streams.get("dropout");
    held.nextUint32();
    const saved = JSON.parse(JSON.stringify(streams.state));
    const next = held.nextUint32();
    held.nextUint32();
    streams.restore(saved);
    expect(held.nextUint32()).toBe(next);
    expect(streams.get("dropout")).toBe(held);
  });

  it("starts streams afresh that the saved state does not know", () => {
    const streams = new RandomStreams(7);
    const held = streams.get("noise");
    const first = held.nextUint32();
    streams.restore({});
    expect(held.nextUint32()).toBe(first);
  });
});
