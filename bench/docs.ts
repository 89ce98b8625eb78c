import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  footprintTable,
  latest,
  meanSentence,
  peerTable,
  replaceBetween,
  samplingTable,
  settingText,
  workloadList,
} from "./harness/docs.ts";
import type { FootprintResult } from "./harness/footprint.ts";
import type { Result } from "./harness/result.ts";
import { workloads } from "./workloads/index.ts";

// Writes the tables of docs/benchmarks.md from the JSON lines in bench/results: `npm run bench:docs`.

const here = path.dirname(fileURLToPath(import.meta.url));
const results = path.join(here, "results");
const page = path.join(here, "..", "docs", "benchmarks.md");

/** Lines of every file in the results whose name begins with `prefix`. */
function read<T>(prefix: string): T[] {
  const files = readdirSync(results).filter((name) => name.startsWith(prefix) && name.endsWith(".jsonl"));
  const lines = files.flatMap((name) => readFileSync(path.join(results, name), "utf8").split("\n"));
  return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line) as T);
}

const lines = latest(read<Result>("bench-"));
const ofPeers = (...peers: string[]): Result[] => lines.filter(({ peer }) => peer !== null && peers.includes(peer));
const training = workloads.filter((workload) => workload.training);
const sampling = workloads.filter(({ pictures }) => pictures !== undefined);
const others = workloads.filter(({ training, pictures }) => !training && pictures === undefined);

const bodies: Record<string, string> = {
  setting: settingText(ofPeers("pytorch")),
  mean: meanSentence(lines, "pytorch"),
  training: peerTable(
    lines.filter((line) => line.training),
    "pytorch",
    training,
  ),
  other: peerTable(
    lines.filter((line) => !line.training),
    "pytorch",
    others,
  ),
  sampling: samplingTable(lines, "pytorch", sampling),
  "javascript-setting": settingText(ofPeers("tfjs", "jax-js")),
  tfjs: peerTable(ofPeers("tfjs"), "tfjs", workloads),
  "jax-js": peerTable(ofPeers("jax-js"), "jax-js", workloads),
  footprint: footprintTable(read<FootprintResult>("footprint")),
  workloads: workloadList(workloads),
};

let text = readFileSync(page, "utf8");
for (const [name, body] of Object.entries(bodies)) text = replaceBetween(text, name, body);
writeFileSync(page, text);
