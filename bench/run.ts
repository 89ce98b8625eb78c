import { spawnSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { checkPeers } from "./harness/check.ts";
import { type BenchOptions, HELP, parseOptions, select } from "./harness/options.ts";
import { ALLOCATOR, Peer, THREADS, Unavailable } from "./harness/peer.ts";
import { ownResult, pairResult, type Result, type Setting, setting, table } from "./harness/result.ts";
import { interleave, ourSide, peerSide, type Side } from "./harness/rounds.ts";
import type { Workload } from "./harness/workload.ts";
import { workloads } from "./workloads/index.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const PAUSE_MS = 100;
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** Start this same command again with the allocator settings and thread counts that every measured process has. */
function withAllocator(): number {
  const env = { ...process.env, ...ALLOCATOR, OMP_NUM_THREADS: String(THREADS), BENCH_CHILD: "1" };
  const runner = path.join(root, "bin", "ts.js");
  const child = spawnSync(process.execPath, [runner, fileURLToPath(import.meta.url), ...process.argv.slice(2)], { env, stdio: "inherit" });
  return child.status ?? 1;
}

async function startPeers(options: BenchOptions): Promise<Peer[]> {
  const started = await Promise.all(options.peers.map((name) => Peer.start(name, options.folder)));
  for (const each of started) if (each instanceof Unavailable) say(`${each.name} is left out: ${each.reason}`);
  return started.flatMap((each) => (each instanceof Peer ? [each] : []));
}

interface PeerMode {
  peer: Peer;
  mode: string;
}

/** Prepare the workload in every mode of every peer; a mode that fails is told and left out. */
async function preparePeers(workload: Workload, peers: readonly Peer[], modes: readonly string[]): Promise<PeerMode[]> {
  const ready: PeerMode[] = [];
  for (const peer of peers) {
    const offered = peer.modesOf(workload.name).filter((mode) => modes.length === 0 || modes.includes(mode));
    if (offered.length === 0) say(`${workload.name}: ${peer.greeting.peer} offers no such workload in these modes`);
    for (const mode of offered) {
      try {
        await peer.prepare(workload.name, mode, 1);
        ready.push({ peer, mode });
      } catch (error) {
        say(`${workload.name}: ${peer.greeting.peer} ${mode} is left out: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return ready;
}

async function measure(workload: Workload, peers: readonly Peer[], options: BenchOptions, where: Setting): Promise<Result[]> {
  say(`${workload.name}: ${workload.summary}`);
  const prepared = await workload.prepare();
  const ready = await preparePeers(workload, peers, options.modes);
  try {
    const ours = ourSide(prepared);
    const sides = new Map<Side, PeerMode>(ready.map((each) => [peerSide(each.peer, workload, each.mode), each]));
    const rounds = await interleave([ours, ...sides.keys()], { rounds: options.rounds, budget: options.budget, pause: PAUSE_MS });
    const versions = Object.fromEntries(peers.map(({ greeting }) => [greeting.peer, greeting.version]));
    const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
    const own = ownResult(workload.name, rounds.get(ours)!, where, { atelier: version, ...versions });
    const pairs = [...sides].map(([side, { peer, mode }]) => {
      return pairResult(own, rounds.get(ours)!, peer.greeting.peer, mode, rounds.get(side)!);
    });
    return pairs.length === 0 ? [own] : pairs;
  } finally {
    await prepared.close();
    for (const { peer, mode } of ready) await peer.release(workload.name, mode).catch(() => undefined);
  }
}

async function timeAll(options: BenchOptions, peers: readonly Peer[]): Promise<void> {
  const where = setting(root);
  const results: Result[] = [];
  for (const workload of select(workloads, options.only)) {
    for (const result of await measure(workload, peers, options, where)) {
      results.push(result);
      const line = `${JSON.stringify(result)}\n`;
      if (options.json === undefined) process.stdout.write(line);
      else appendFileSync(options.json, line);
    }
  }
  say(`\n${table(results)}\n\n${where.machine}, Node ${where.node}, commit ${where.commit}, ${where.date}; ratio above 1: ours is faster`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, process.env.BENCH_PEERS ?? path.join(tmpdir(), "bench-peers"));
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.list) {
    for (const { name, summary } of workloads) process.stdout.write(`${name.padEnd(40)} ${summary}\n`);
    return 0;
  }
  if (process.env.BENCH_CHILD === undefined) return withAllocator();
  const peers = await startPeers(options);
  try {
    if (options.check) return (await checkPeers(peers, say)) ? 0 : 1;
    await timeAll(options, peers);
    return 0;
  } finally {
    await Promise.all(peers.map((peer) => peer.close()));
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof Error && error.name === "UsageError" ? 2 : 1;
}
