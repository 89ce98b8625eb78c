import type { Command } from "commander";
import type { DeviceFound } from "../runtime/node/devices.ts";
import { formatBytes, formatTable } from "./format.ts";
import type { FolderFacts, Found, Probes } from "./probes.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

export const verb: Verb = {
  name: "doctor",
  summary: "Look whether this machine can train, and say what to do about each problem",
  register(program, io) {
    addCommand(program, "doctor", verb.summary).action(async (_, command: Command) => {
      const { machineProbes } = await import("./probes.ts");
      report(await examine(machineProbes(io)), io, wantsJson(command));
    });
  },
};

/** One thing that was looked at. With a `problem` training cannot work; a `note` is worth knowing. */
export interface Check {
  name: string;
  value: string;
  status: "ok" | "note" | "problem";
  /** What to do about it. */
  hint?: string | undefined;
}

/** A data set and a few checkpoints fit in the first; below the second nothing useful does. */
const COMFORTABLE_BYTES = 2e9;
const LEAST_BYTES = 200e6;

/** Look at everything training needs, in the order in which it is told. */
export async function examine(probes: Probes): Promise<Check[]> {
  const { cpu, memory } = probes;
  const library = await probes.library();
  return [
    { name: "atelier", value: probes.atelier, status: "ok" },
    checkNode(probes),
    checkNpm(await probes.npm()),
    { name: "platform", value: probes.platform, status: "ok" },
    { name: "processor", value: `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? "core" : "cores"}`, status: "ok" },
    checkMemory(memory),
    checkFolder("cache folder", await probes.cache(), "ATELIER_CACHE"),
    checkFolder("runs folder", await probes.runs(), "ATELIER_HOME"),
    checkLibrary(library),
    ...("value" in library && library.value !== undefined ? [checkRuntime(await probes.runtime())] : []),
    checkDevices(await probes.devices()),
    checkKernels(await probes.kernels()),
    checkPackage("koffi", await probes.loadPackage("koffi"), "calls the runtime library; without it the slower onnxruntime-node is used"),
    checkPackage("sharp", await probes.loadPackage("sharp"), "reads your own pictures"),
    checkPackage("onnxruntime-node", await probes.loadPackage("onnxruntime-node"), "a second way to the runtime; not needed"),
  ];
}

function report(checks: readonly Check[], io: Io, json: boolean): void {
  const problems = checks.filter(({ status }) => status === "problem");
  if (problems.length > 0) io.exitCode = 1;
  if (json) {
    printJson(io, { ok: problems.length === 0, checks });
    return;
  }
  const marks = { ok: "ok", note: "note", problem: "PROBLEM" };
  const rows = checks.flatMap(({ name, value, status, hint }) => [
    [marks[status], name, value],
    ...(hint === undefined ? [] : [["", "", `-> ${hint}`]]),
  ]);
  io.stdout.write(`${formatTable(rows)}\n\n`);
  io.stdout.write(
    problems.length === 0 ? "This machine can train.\n" : `Training cannot work yet: see ${problems.map(({ name }) => name).join(", ")}.\n`,
  );
}

function checkNode({ node, requiredNode }: Probes): Check {
  const version = (text: string) =>
    text
      .replace(/^[^\d]*/, "")
      .split(".")
      .map(Number);
  const [[major, minor], [leastMajor, leastMinor]] = [version(node), version(requiredNode)];
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return { name: "node", value: node, status: "ok" };
  return { name: "node", value: node, status: "problem", hint: `install Node.js ${requiredNode} (nodejs.org)` };
}

function checkNpm(npm: Found<string>): Check {
  if ("value" in npm) return { name: "npm", value: npm.value, status: "ok" };
  return {
    name: "npm",
    value: npm.problem,
    status: "note",
    hint: npm.hint ?? "npm fetches data sets and the runtime library: install it, it comes with Node.js",
  };
}

function checkMemory({ total, available }: Probes["memory"]): Check {
  const check: Check = { name: "memory", value: `${formatBytes(total)}, ${formatBytes(available)} available`, status: "ok" };
  return available >= 1e9 ? check : { ...check, status: "note", hint: "close other programs, or train with a smaller --batch" };
}

function checkFolder(name: string, { folder, writable, free }: FolderFacts, variable: string): Check {
  const value = `${folder}${free === undefined ? "" : `, ${formatBytes(free)} free`}`;
  if (!writable)
    return {
      name,
      value,
      status: "problem",
      hint: `you may not write there: change its permissions, or set ${variable} to another folder`,
    };
  if (free === undefined || free >= COMFORTABLE_BYTES) return { name, value, status: "ok" };
  const hint = `free some space, or set ${variable} to a folder on another disk`;
  return { name, value, status: free < LEAST_BYTES ? "problem" : "note", hint };
}

function checkLibrary(library: Found<string | undefined>): Check {
  const name = "runtime library";
  if ("problem" in library) return { name, value: library.problem, status: "problem", hint: library.hint };
  if (library.value !== undefined) return { name, value: library.value, status: "ok" };
  return { name, value: "not on this machine yet", status: "note", hint: "the first training fetches it; `atelier setup` does it ahead" };
}

function checkRuntime(runtime: Found<string>): Check {
  if ("value" in runtime) return { name: "runtime", value: runtime.value, status: "ok" };
  return {
    name: "runtime",
    value: runtime.problem,
    status: "problem",
    hint: runtime.hint ?? "reinstall atelier, or set ATELIER_ORT_LIBRARY to a library that loads",
  };
}

/** Only the CPU is needed: what other devices lack is told, not complained about. */
function checkDevices(devices: Found<readonly DeviceFound[]>): Check {
  if ("problem" in devices) return { name: "devices", value: devices.problem, status: "note", hint: devices.hint };
  const there = devices.value.filter(({ problem }) => problem === undefined).map(({ device }) => device);
  const problems = [...new Set(devices.value.flatMap(({ problem }) => problem ?? []))];
  const missing = problems.map((problem) => {
    const names = devices.value.filter((found) => found.problem === problem).map(({ device }) => device);
    return `not ${names.join(", ")}: ${problem}`;
  });
  return { name: "devices", value: [there.join(", ") || "known once the library is there", ...missing].join("; "), status: "ok" };
}

function checkKernels(kernels: Found<string>): Check {
  const name = "kernels made at run time";
  if ("problem" in kernels) return { name, value: `no: ${kernels.problem}`, status: "note", hint: kernels.hint };
  return { name, value: kernels.value, status: "ok" };
}

function checkPackage(name: string, found: Found<string | undefined>, purpose: string): Check {
  if ("problem" in found)
    return { name, value: `does not load: ${found.problem.split("\n")[0]}`, status: "note", hint: `${purpose}; install again with npm` };
  return { name, value: found.value ?? `not installed (${purpose})`, status: "ok" };
}
