import { parseArgs } from "node:util";
import { UsageError, unknownName } from "../../src/core/errors.ts";
import { peerNames } from "./peer.ts";

export interface BenchOptions {
  /** Names or beginnings of names of the workloads to run; empty means all. */
  only: string[];
  rounds: number;
  /** Peers to run beside ours. */
  peers: string[];
  /** Modes of the peers to run; empty means all. */
  modes: string[];
  /** Folder that `bench/peers/install.sh` filled. */
  folder: string;
  /** Milliseconds a round of one side should take. */
  budget: number;
  /** File for the JSON lines; standard output where undefined. */
  json: string | undefined;
  /** Compare the losses of the first steps across the peers instead of timing. */
  check: boolean;
  /** Measure time to the first step and memory in fresh processes instead of steps. */
  footprint: boolean;
  list: boolean;
  help: boolean;
}

export const HELP = `Time our workloads, and the same work in other libraries, in interleaved rounds.

use: npm run bench -- [options]

  --only NAMES    workloads to run: names or their beginnings, with commas (default: all)
  --rounds N      rounds of each side (default 5)
  --peers NAMES   ${peerNames.join(", ")}, with commas, or all (default: none)
  --modes NAMES   only these modes of the peers (default: every mode a peer offers)
  --folder DIR    where bench/peers/install.sh put the peers (default: BENCH_PEERS, else bench-peers in the temporary folder)
  --budget MS     milliseconds of one side's round (default 1000)
  --json FILE     write the JSON lines to a file, not to standard output
  --check         compare the first losses of our networks and the peers', which must agree, instead of timing
  --footprint     time to the first training step and memory, each in a fresh process, instead of steps
  --list          name the workloads and end
`;

const list = (text: string | undefined): string[] => (text ?? "").split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));

/** Command-line arguments to options; throws UsageError for what is not known or not a number. */
export function parseOptions(args: readonly string[], defaultFolder: string): BenchOptions {
  const values = parsed(args);
  const named = list(values.peers);
  const peers = named.includes("all") ? [...peerNames] : named;
  for (const name of peers) if (!peerNames.includes(name)) throw unknownName("peer", name, peerNames);
  return {
    only: list(values.only),
    rounds: positive("--rounds", values.rounds, 5),
    peers,
    modes: list(values.modes),
    folder: values.folder ?? defaultFolder,
    budget: positive("--budget", values.budget, 1000),
    json: values.json,
    check: values.check ?? false,
    footprint: values.footprint ?? false,
    list: values.list ?? false,
    help: values.help ?? false,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const texts = { only: text, rounds: text, peers: text, modes: text, folder: text, budget: text, json: text };
  const flags = { check: flag, footprint: flag, list: flag };
  try {
    return parseArgs({ args: [...args], options: { ...texts, ...flags, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    throw new UsageError({ what: error instanceof Error ? error.message : String(error), hint: "npm run bench -- --help" });
  }
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError({ what: `${name} is not a positive whole number.`, got: text });
}

/** The named things (or whose names begin so), in their own order; throws UsageError where a name fits none. */
export function select<T extends { name: string }>(all: readonly T[], only: readonly string[]): T[] {
  if (only.length === 0) return [...all];
  const fits = (item: T, name: string): boolean => item.name === name || item.name.startsWith(name);
  for (const name of only) {
    if (!all.some((item) => fits(item, name))) {
      throw unknownName(
        "workload",
        name,
        all.map((item) => item.name),
      );
    }
  }
  return all.filter((item) => only.some((name) => fits(item, name)));
}
