import { describe, expect, it } from "vitest";
import { interleave, ourSide, type Side, stepsFor } from "./rounds.ts";

function fake(label: string, ms: number, log: string[]): Side {
  return {
    label,
    steps: async (n) => {
      log.push(`${label}${n}`);
      return Array.from({ length: n }, () => ms);
    },
  };
}

describe("interleave", () => {
  it("runs the sides in turn, forth and back, each with steps that fill the budget", async () => {
    const log: string[] = [];
    const [a, b] = [fake("a", 10, log), fake("b", 50, log)];
    const rounds = await interleave([a, b], { rounds: 3, budget: 100, pause: 0 });
    expect(log).toEqual(["a2", "b2", "a10", "b2", "b2", "a10", "a10", "b2"]);
    expect(rounds.get(a)!.map((round) => round.length)).toEqual([10, 10, 10]);
    expect(rounds.get(b)).toEqual([
      [50, 50],
      [50, 50],
      [50, 50],
    ]);
  });
});

describe("stepsFor", () => {
  it("stays between one step and two hundred", () => {
    expect(stepsFor(5000, 1000)).toBe(1);
    expect(stepsFor(0, 1000)).toBe(200);
    expect(stepsFor(20, 1000)).toBe(50);
  });
});

describe("ourSide", () => {
  it("times every step", async () => {
    let done = 0;
    const side = ourSide({
      step: async () => {
        done++;
      },
      close: async () => undefined,
    });
    const times = await side.steps(4);
    expect(done).toBe(4);
    expect(times).toHaveLength(4);
    expect(times.every((ms) => ms >= 0)).toBe(true);
  });
});
