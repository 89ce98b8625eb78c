import { expect, it } from "vitest";
import { forecast } from "./forecast.ts";
import type { Ending, Launch } from "./launch.ts";

/** Processes that end when they are told to; killed ones end at once. */
function fakes() {
  const started: { words: readonly string[]; killed: boolean; say(line: string): void; end(ending?: Partial<Ending>): void }[] = [];
  const launch: Launch = (words, { onLine }) => {
    let end!: (ending: Ending) => void;
    const ended = new Promise<Ending>((resolve) => {
      end = resolve;
    });
    const fake = {
      words,
      killed: false,
      say: (line: string) => onLine?.(line),
      end: (ending: Partial<Ending> = {}) => end({ code: 0, signal: null, trouble: undefined, ...ending }),
    };
    started.push(fake);
    const kill = () => {
      fake.killed = true;
      fake.end({ code: null, signal: "SIGKILL" });
    };
    return { pid: 1, ended, kill };
  };
  return { started, launch };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

it("is worked out by one process at a time, which ends when nobody wants to know any more", async () => {
  const { started, launch } = fakes();
  const options = { runsFolder: "/runs", env: {}, threads: 2, launch };
  const leave = new AbortController();
  const first = forecast(["train", "vae"], { ...options, signal: leave.signal });
  const second = forecast(["train", "gpt"], { ...options, signal: new AbortController().signal });
  await turn();
  expect(started.map(({ words }) => words.join(" "))).toEqual(["train vae --predict --json --events"]);
  leave.abort(new Error("the settings have changed"));
  await expect(first).rejects.toThrow("the settings have changed");
  expect(started[0].killed).toBe(true);
  await turn();
  started[1].say('{"totalSteps":7}');
  started[1].end();
  expect(await second).toEqual({ totalSteps: 7 });
});

it("that cannot be says why", async () => {
  const { started, launch } = fakes();
  const asked = forecast(["train", "vae"], { runsFolder: "/runs", env: {}, threads: 2, launch, signal: new AbortController().signal });
  await turn();
  started[0].end({ code: 2, trouble: { kind: "UsageError", what: "Points cannot be convolved.", hint: "--set widths=[]" } });
  await expect(asked).rejects.toMatchObject({ status: 400, problem: { what: "Points cannot be convolved.", hint: "--set widths=[]" } });
});
