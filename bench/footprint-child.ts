import { openBackend } from "../src/runtime/node/open.ts";
import { footprintHere } from "./harness/footprint.ts";
import { workloads } from "./workloads/index.ts";

// One workload in a fresh process, started by `--footprint`: prints what it took as JSON.

const workload = workloads.find(({ name }) => name === process.argv[2]);
if (workload === undefined) throw new Error(`no workload ${process.argv[2]}`);
process.stdout.write(JSON.stringify(await footprintHere(workload, () => openBackend({ device: "cpu" }))));
