import { expect, test } from "vitest";
import { RandomStreams } from "./streams.ts";

test("restoring goes on exactly, also for streams that someone already holds", () => {
  const streams = new RandomStreams(3);
  const held = streams.get("noise");
  held.nextUint32();
  const state = JSON.parse(JSON.stringify(streams.state)) as typeof streams.state;
  const expected = [held.nextUint32(), held.nextUint32()];
  const late = streams.get("late");
  const firstLate = late.nextUint32();
  streams.restore(state);
  expect([held.nextUint32(), held.nextUint32()]).toEqual(expected);
  expect(late.nextUint32()).toBe(firstLate);
});

test("streams of one seed differ by name, and one name gives one stream", () => {
  const streams = new RandomStreams("seed");
  expect(streams.get("a")).toBe(streams.get("a"));
  expect(streams.get("a").nextUint32()).not.toBe(streams.get("b").nextUint32());
});
