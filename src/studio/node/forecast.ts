/** What a training would take, worked out in a process that lives as long as somebody wants to know. */

import type { Forecast } from "../training.ts";
import { StudioError } from "./errors.ts";
import { type Launch, type Launched, launch as launchProcess, trainingEnvironment } from "./launch.ts";

export interface ForecastOptions {
  readonly runsFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly threads: number;
  /** Aborted when nobody wants to know any more: the process is then ended. */
  readonly signal: AbortSignal;
  readonly launch?: Launch | undefined;
}

/** One at a time: they measure the machine. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Ask the command line for its prediction.
 * @param words that ask for a training
 * @throws StudioError where it cannot be trained so, with the reason; the signal's reason when it is aborted
 */
export async function forecast(words: readonly string[], options: ForecastOptions): Promise<Forecast> {
  const mine = last.catch(() => undefined).then(() => measure(words, options));
  last = mine;
  return mine;
}

async function measure(
  words: readonly string[],
  { runsFolder, env, threads, signal, launch = launchProcess }: ForecastOptions,
): Promise<Forecast> {
  signal.throwIfAborted();
  let said: Forecast | undefined;
  const process: Launched = launch([...words, "--predict", "--json", "--events"], {
    env: trainingEnvironment(env, { runsFolder, threads }),
    onLine: (line) => {
      said = JSON.parse(line) as Forecast;
    },
  });
  const kill = () => process.kill("SIGKILL");
  signal.addEventListener("abort", kill);
  try {
    const { trouble } = await process.ended;
    signal.throwIfAborted();
    if (said !== undefined) return said;
    throw new StudioError(400, trouble ?? { what: "What the training takes could not be worked out." });
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
