import { spawn } from "node:child_process";
import path from "node:path";
import type { BenchOptions } from "./options.ts";
import { ALLOCATOR, type Footprint, Peer, THREADS, Unavailable } from "./peer.ts";
import type { Setting } from "./result.ts";
import { median } from "./stats.ts";
import type { Prepared, Workload } from "./workload.ts";

/** Steps after which memory is read: the first ones may still allocate. */
const STEPS = 5;

/** One line of `--footprint`: medians over fresh processes. */
export interface FootprintResult extends Footprint, Setting {
  workload: string;
  /** "atelier", or the peer. */
  side: string;
  mode: string;
  rounds: number;
  versions: Record<string, string>;
}

interface Place {
  root: string;
  where: Setting;
  say(text: string): void;
}

/** Highest resident memory of this process so far, in MB. */
const highWater = (): number => process.resourceUsage().maxRSS / 1024;

/**
 * Measure one workload in this process, which should be fresh.
 * @param load loads the library, as a peer has loaded its own when it greets
 */
export async function footprintHere(workload: Workload, load: () => Promise<unknown>): Promise<Footprint> {
  await load();
  const baseline = highWater();
  const started = performance.now();
  const prepared: Prepared = await workload.prepare();
  const ready = performance.now();
  await prepared.step();
  const first = performance.now();
  for (let i = 1; i < STEPS; i++) await prepared.step();
  const peak = highWater();
  await prepared.close();
  return { prepare_ms: ready - started, first_step_ms: first - started, baseline_mb: baseline, peak_mb: peak };
}

/** Environment of a fresh process: the system's own allocator settings, which memory is compared under, and no caches from runs before. */
function freshEnvironment(): NodeJS.ProcessEnv {
  const cleared = Object.fromEntries(Object.keys(ALLOCATOR).map((name) => [name, undefined]));
  return { ...cleared, OMP_NUM_THREADS: String(THREADS), TORCHINDUCTOR_FORCE_DISABLE_CACHES: "1" };
}

function ours(name: string, root: string): Promise<Footprint> {
  const command = [path.join(root, "bin", "ts.js"), path.join(root, "bench", "footprint-child.ts"), name];
  const child = spawn(process.execPath, command, { env: { ...process.env, ...freshEnvironment() }, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(text) as Footprint);
      else reject(new Error(`${name}: the process ended with exit code ${code}`));
    });
  });
}

async function theirs(peer: string, workload: string, mode: string, options: BenchOptions): Promise<Footprint> {
  const started = await Peer.start(peer, options.folder, freshEnvironment());
  if (started instanceof Unavailable) throw new Error(started.reason);
  try {
    return await started.footprint(workload, mode, STEPS);
  } finally {
    await started.close();
  }
}

function middle(all: readonly Footprint[]): Footprint {
  const of = (key: keyof Footprint): number => Number(median(all.map((each) => each[key])).toPrecision(4));
  return { prepare_ms: of("prepare_ms"), first_step_ms: of("first_step_ms"), baseline_mb: of("baseline_mb"), peak_mb: of("peak_mb") };
}

/** Every wanted workload of ours and of PyTorch (eager and compiled, or the modes asked for), each in fresh processes, sides in turn. */
export async function* measureFootprints(
  workloads: readonly Workload[],
  options: BenchOptions,
  { root, where, say }: Place,
): AsyncGenerator<FootprintResult> {
  const asked = options.peers.includes("pytorch") ? await Peer.start("pytorch", options.folder) : undefined;
  if (asked instanceof Unavailable) say(`pytorch is left out: ${asked.reason}`);
  const peer = asked instanceof Peer ? asked : undefined;
  const wanted = options.modes.length > 0 ? options.modes : ["eager", "compiled"];
  await peer?.close();
  for (const { name } of workloads) {
    const modes = (peer?.modesOf(name) ?? []).filter((mode) => wanted.includes(mode));
    const sides = new Map<string, Footprint[]>(["atelier", ...modes].map((side) => [side, []]));
    for (let round = 0; round < options.rounds; round++) {
      for (const [side, list] of sides) list.push(await (side === "atelier" ? ours(name, root) : theirs("pytorch", name, side, options)));
    }
    const versions: Record<string, string> = peer === undefined ? {} : { pytorch: peer.greeting.version };
    for (const [side, list] of sides) {
      const result = middle(list);
      say(`${name} ${side}: first step after ${result.first_step_ms} ms, ${(result.peak_mb - result.baseline_mb).toFixed(0)} MB`);
      const who = side === "atelier" ? { side, mode: "" } : { side: "pytorch", mode: side };
      yield { workload: name, ...who, ...result, rounds: list.length, versions, ...where };
    }
  }
}
