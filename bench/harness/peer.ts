import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Threads of every process that is measured. */
export const THREADS = 2;

/**
 * Allocator settings that every measured process gets, ours too: huge pages and no give-back, or page faults are measured instead of kernels.
 * They act only when set before the process starts (Linux with glibc; elsewhere they do nothing).
 */
export const ALLOCATOR: Readonly<Record<string, string>> = {
  GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
  MALLOC_MMAP_THRESHOLD_: "4294967295",
  MALLOC_TRIM_THRESHOLD_: "17179869184",
  MALLOC_TOP_PAD_: "268435456",
};

/** A peer that cannot run here, and why. */
export class Unavailable {
  readonly name: string;
  readonly reason: string;

  constructor(name: string, reason: string) {
    this.name = name;
    this.reason = reason;
  }
}

/** What a peer says about itself when it is ready; `workloads` maps each name to the modes it can run in. */
export interface Greeting {
  peer: string;
  version: string;
  modes: string[];
  workloads: Record<string, string[]>;
}

interface Answer extends Partial<Greeting> {
  ready?: boolean;
  error?: string;
  ms?: number[];
  losses?: number[];
  parameters?: number;
  footprint?: Footprint;
}

/** What it takes to get going. */
export interface Footprint {
  /** Milliseconds from the loaded library to the network, its programs and its data in memory. */
  prepare_ms: number;
  /** Milliseconds from the loaded library to the end of the first step. */
  first_step_ms: number;
  /** Highest resident memory of the process with the library loaded, and after the steps, in MB. */
  baseline_mb: number;
  peak_mb: number;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const scripts = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "peers");

/** Known peers: the command that starts one, given the folder that `bench/peers/install.sh` filled. */
const COMMANDS: Record<string, (folder: string) => { needs: string; command: string[] }> = {
  pytorch: (folder) => {
    const python = path.join(folder, "pytorch", "bin", "python");
    return { needs: python, command: [python, "-u", path.join(scripts, "pytorch", "peer.py")] };
  },
  tfjs: (folder) => nodePeer("tfjs", path.join(folder, "tfjs")),
  "jax-js": (folder) => nodePeer("jax-js", path.join(folder, "jax-js")),
};

export const peerNames: readonly string[] = Object.keys(COMMANDS);

function nodePeer(name: string, folder: string): { needs: string; command: string[] } {
  return { needs: path.join(folder, "node_modules"), command: [process.execPath, path.join(scripts, name, "peer.mjs"), folder] };
}

/** A peer library in its own long-lived process, driven by JSON lines, so that its rounds can be interleaved with ours. */
export class Peer {
  readonly greeting: Greeting;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[];

  private constructor(child: ChildProcessWithoutNullStreams, waiting: Waiting[], greeting: Greeting) {
    this.#child = child;
    this.#waiting = waiting;
    this.greeting = greeting;
  }

  /** Start a known peer from the folder it was installed into; a peer that is missing or fails to start is an answer, not an error. */
  static async start(name: string, folder: string, env: NodeJS.ProcessEnv = ALLOCATOR): Promise<Peer | Unavailable> {
    const make = COMMANDS[name];
    if (make === undefined) return new Unavailable(name, `not one of ${peerNames.join(", ")}`);
    const { needs, command } = make(path.resolve(folder));
    if (!existsSync(needs)) return new Unavailable(name, `${needs} is missing: bench/peers/install.sh ${folder} installs it`);
    return Peer.spawn(name, command, env);
  }

  /** Start any command that speaks the protocol; `env` is what its environment has beside ours and the thread counts. */
  static async spawn(name: string, command: readonly string[], env: NodeJS.ProcessEnv = ALLOCATOR): Promise<Peer | Unavailable> {
    const threads = String(THREADS);
    const own = { BENCH_THREADS: threads, OMP_NUM_THREADS: threads, MKL_NUM_THREADS: threads, UV_THREADPOOL_SIZE: threads };
    const child = spawn(command[0], command.slice(1), { env: { ...process.env, ...env, ...own }, stdio: "pipe" });
    const waiting: Waiting[] = [];
    const tail: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      // Its last words, without the frames of the stack.
      if (line.trim() === "" || line.startsWith("    at ")) return;
      tail.push(line);
      if (tail.length > 8) tail.shift();
    });
    createInterface({ input: child.stdout }).on("line", (line) => deliver(waiting, line));
    const fail = (why: string): void => {
      for (const each of waiting.splice(0)) each.reject(new Error([`${name} ${why}`, ...tail].join("\n  ")));
    };
    child.on("error", (error) => fail(`could not be started: ${error.message}`));
    child.stdin.on("error", () => undefined);
    child.on("close", (code, signal) => fail(`ended (${signal ?? `exit code ${code}`})`));
    try {
      const { peer, version, modes, workloads } = await expectAnswer(waiting);
      if (peer === undefined || version === undefined || modes === undefined || workloads === undefined) {
        child.kill();
        return new Unavailable(name, "its greeting is not the protocol's");
      }
      return new Peer(child, waiting, { peer, version, modes, workloads });
    } catch (error) {
      return new Unavailable(name, error instanceof Error ? error.message : String(error));
    }
  }

  /** Modes in which the peer can run a workload; none where it cannot. */
  modesOf(workload: string): readonly string[] {
    return this.greeting.workloads[workload] ?? [];
  }

  /** Build and warm up a workload; rejects with the peer's own words where it cannot. */
  async prepare(workload: string, mode: string, warmup = 3): Promise<void> {
    await this.#ask({ prepare: workload, mode, warmup });
  }

  /** Run n steps of a prepared workload: milliseconds of each. */
  async steps(workload: string, mode: string, n: number): Promise<number[]> {
    const { ms } = await this.#ask({ workload, mode, steps: n });
    if (ms === undefined || ms.length !== n) throw new Error(`${this.greeting.peer} answered without ${n} times`);
    return ms;
  }

  /** Losses of the first steps from the start values and data that all peers share, without dropout: the proof that the networks are the same. */
  async check(network: string, mode: string, steps: number): Promise<{ losses: number[]; parameters: number }> {
    const { losses = [], parameters = 0 } = await this.#ask({ check: network, mode, steps });
    return { losses, parameters };
  }

  /** Time to the first step and memory of a training step; ask it of a fresh process. */
  async footprint(workload: string, mode: string, steps: number): Promise<Footprint> {
    const { footprint } = await this.#ask({ footprint: workload, mode, steps });
    if (footprint === undefined) throw new Error(`${this.greeting.peer} answered without a footprint`);
    return footprint;
  }

  /** Give a workload's memory back. */
  async release(workload: string, mode: string): Promise<void> {
    await this.#ask({ release: workload, mode });
  }

  /** End the process; waits until it is gone. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    this.#child.stdin.end();
    const impatient = setTimeout(() => this.#child.kill("SIGKILL"), 3000);
    await gone;
    clearTimeout(impatient);
  }

  async #ask(request: Record<string, unknown>): Promise<Answer> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error(`${this.greeting.peer} has ended`);
    const answer = expectAnswer(this.#waiting);
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const got = await answer;
    if (got.error !== undefined) throw new Error(`${this.greeting.peer}: ${got.error}`);
    return got;
  }
}

function expectAnswer(waiting: Waiting[]): Promise<Answer> {
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

/** Answers come in the order of the requests. */
function deliver(waiting: Waiting[], line: string): void {
  const next = waiting.shift();
  if (next === undefined) return;
  try {
    next.resolve(JSON.parse(line) as Answer);
  } catch {
    next.reject(new Error(`not a line of JSON: ${line.slice(0, 200)}`));
  }
}
