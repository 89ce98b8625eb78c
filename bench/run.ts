import { spawnSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { checkPeers } from "./harness/check.ts";
import { measureFootprints } from "./harness/footprint.ts";
import { type BenchOptions, HELP, parseOptions, select } from "./harness/options.ts";
import { ALLOCATOR, Peer, THREADS, Unavailable } from "./harness/peer.ts";
import { againstBest, ownResult, pairResult, type Result, type Setting, setting, table } from "./harness/result.ts";
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
        await peer.prepare(workload.name, mode, 2);
        ready.push({ peer, mode });
      } catch (error) {
        say(`${workload.name}: ${peer.greeting.peer} ${mode} is left out: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return ready;
}

/** The machine's fastest product of two 1024 x 1024 matrices, ours or a native peer's, in GFLOP/s. */
async function measurePeak(peers: readonly Peer[]): Promise<number> {
  const workload = workloads.find(({ name }) => name === "matmul-1024")!;
  const prepared = await workload.prepare();
  const ready = await preparePeers(
    workload,
    peers.filter(({ greeting }) => greeting.peer === "pytorch"),
    ["eager"],
  );
  const sides = [ourSide(prepared), ...ready.map(({ peer, mode }) => peerSide(peer, workload, mode))];
  const rounds = await interleave(sides, { rounds: 3, budget: 300, pause: PAUSE_MS });
  await prepared.close();
  for (const { peer, mode } of ready) await peer.release(workload.name, mode);
  const rates = sides.map((side) => (2 * 1024 ** 3) / (1e6 * Math.min(...rounds.get(side)!.flat())));
  say(`peak: ${sides.map((side, i) => `${side.label} ${rates[i].toFixed(0)} GFLOP/s`).join(", ")}`);
  return Math.max(...rates);
}

async function measure(
  workload: Workload,
  peers: readonly Peer[],
  options: BenchOptions,
  where: Setting,
  peak: number | undefined,
): Promise<Result[]> {
  say(`${workload.name}: ${workload.summary}`);
  const prepared = await workload.prepare();
  const ready = await preparePeers(workload, peers, options.modes);
  try {
    const ours = ourSide(prepared);
    const sides = new Map<Side, PeerMode>(ready.map((each) => [peerSide(each.peer, workload, each.mode), each]));
    const rounds = await interleave([ours, ...sides.keys()], { rounds: options.rounds, budget: options.budget, pause: PAUSE_MS });
    const versions = Object.fromEntries(peers.map(({ greeting }) => [greeting.peer, greeting.version]));
    const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
    const { name, training = false, pictures } = workload;
    const own = ownResult({ name, training, pictures, flops: prepared.flops, peak }, rounds.get(ours)!, where, {
      atelier: version,
      ...versions,
    });
    const pairs = [...sides].map(([side, { peer, mode }]) => {
      return pairResult(own, rounds.get(ours)!, peer.greeting.peer, mode, rounds.get(side)!);
    });
    return pairs.length === 0 ? [own] : pairs;
  } finally {
    await prepared.close();
    for (const { peer, mode } of ready) await peer.release(workload.name, mode).catch(() => undefined);
  }
}

/** One line of JSON, to the file asked for or to standard output. */
function write(result: object, options: BenchOptions): void {
  const line = `${JSON.stringify(result)}\n`;
  if (options.json === undefined) process.stdout.write(line);
  else appendFileSync(options.json, line);
}

async function timeAll(options: BenchOptions, peers: readonly Peer[]): Promise<void> {
  const where = setting(root, process.argv.slice(2));
  const results: Result[] = [];
  const wanted = select(workloads, options.only);
  const peak = wanted.some(({ training }) => training) ? await measurePeak(peers) : undefined;
  for (const workload of wanted) {
    for (const result of await measure(workload, peers, options, where, peak)) {
      results.push(result);
      write(result, options);
    }
  }
  say(`\n${table(results)}\n\n${where.machine}, Node ${where.node}, commit ${where.commit}, ${where.date}; ratio above 1: ours is faster`);
  for (const { greeting } of peers) {
    const { ratios, mean } = againstBest(results, greeting.peer);
    if (ratios.size > 0) say(`training steps against ${greeting.peer}'s best mode: geometric mean x${mean.toFixed(2)} of ${ratios.size}`);
  }
}

async function footprints(options: BenchOptions): Promise<void> {
  const where = setting(root, process.argv.slice(2));
  const names = select(workloads, options.only).filter(({ training }) => training);
  for await (const result of measureFootprints(names, options, { root, where, say })) write(result, options);
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
  if (options.footprint) {
    await footprints(options);
    return 0;
  }
  const peers = await startPeers(options);
  try {
    if (options.check) return (await checkPeers(select(workloads, options.only), peers, options.modes, say)) ? 0 : 1;
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
