import { execFile } from "node:child_process";
import { access, constants, readFile, statfs } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "../core/node/cache.ts";
import { findNpm } from "../core/node/npm-cli.ts";
import { packageInfo } from "../core/node/package-info.ts";
import { runsFolder } from "../runs/registry.ts";
import type { DeviceFound } from "../runtime/node/devices.ts";
import type { Io } from "./verb.ts";

/** Where a folder's files go and how much fits: the nearest folder on the way that exists is asked. */
export interface FolderFacts {
  folder: string;
  writable: boolean;
  /** Bytes that can still be written; undefined where the system does not tell. */
  free: number | undefined;
}

/** What is found or why not. */
export type Found<T> = { value: T } | { problem: string; hint: string | undefined };

/** Everything `doctor` asks of the machine, so that its judgement can be tested on any. */
export interface Probes {
  atelier: string;
  /** The range of Node.js versions we run on: `>=20.19`. */
  requiredNode: string;
  node: string;
  npm(): Promise<Found<string>>;
  platform: string;
  cpu: { model: string; cores: number };
  /** Bytes; `available` is what this process may use, also inside a container. */
  memory: { total: number; available: number };
  cache(): Promise<FolderFacts>;
  runs(): Promise<FolderFacts>;
  /** The runtime library's path and how it was found; undefined where it is not there yet. */
  library(): Promise<Found<string | undefined>>;
  /** Load the library: what answers, in words. */
  runtime(): Promise<Found<string>>;
  /** The devices that programs can run on, and what the others lack. */
  devices(): Promise<Found<readonly DeviceFound[]>>;
  /** Whether kernels are made at run time, or why not. */
  kernels(): Promise<Found<string>>;
  /** Version of an installed package, loaded to see that its native part works; undefined where it is not installed. */
  loadPackage(name: string): Promise<Found<string | undefined>>;
}

/** The probes of this machine. */
export function machineProbes(io: Io): Probes {
  const { version, node } = packageInfo();
  const processors = cpus();
  return {
    atelier: version,
    requiredNode: node,
    node: process.versions.node,
    npm: probeNpm,
    platform: `${process.platform} ${process.arch}`,
    cpu: { model: processors[0]?.model.trim() ?? "unknown", cores: processors.length },
    memory: { total: Math.min(totalmem(), process.constrainedMemory() || totalmem()), available: process.availableMemory() },
    cache: () => probeFolder(cacheFolder({ env: io.env })),
    runs: () => probeFolder(runsFolder(io.env)),
    library: () => attempt(probeLibrary),
    runtime: () => attempt(probeRuntime),
    devices: () => attempt(probeDevices),
    kernels: () => attempt(probeKernels),
    loadPackage: (name) => attempt(() => probePackage(name)),
  };
}

async function attempt<T>(probe: () => Promise<T>): Promise<Found<T>> {
  try {
    return { value: await probe() };
  } catch (error) {
    const { AtelierError } = await import("../core/errors.ts");
    if (error instanceof AtelierError) return { problem: error.problem.what, hint: error.problem.hint };
    return { problem: error instanceof Error ? error.message : String(error), hint: undefined };
  }
}

function probeNpm(): Promise<Found<string>> {
  return attempt(async () => {
    const { file, args } = findNpm();
    const { stdout } = await promisify(execFile)(file, [...args, "--version"], { timeout: 20_000 });
    return stdout.trim();
  });
}

async function probeLibrary(): Promise<string | undefined> {
  const { locateLibrary } = await import("../runtime/node/locate.ts");
  const found = locateLibrary();
  if (found === undefined) return undefined;
  return `${found.path} (from ${found.source}${found.version === undefined ? "" : ` ${found.version}`})`;
}

async function probeRuntime(): Promise<string> {
  const { openBackend } = await import("../runtime/node/open.ts");
  const backend = await openBackend({ onNotice: () => undefined });
  return backend.description;
}

async function probeDevices(): Promise<readonly DeviceFound[]> {
  const { locateLibrary } = await import("../runtime/node/locate.ts");
  const library = locateLibrary();
  if (library === undefined) return [];
  const { findDevices } = await import("../runtime/node/devices.ts");
  return findDevices(library.path);
}

async function probeKernels(): Promise<string> {
  const { kernelSupport } = await import("../runtime/node/kernels.ts");
  const { available, because } = kernelSupport();
  return available ? "yes" : `no, because ${because}; training works, somewhat slower`;
}

async function probePackage(name: string): Promise<string | undefined> {
  const file = await packageFile(name);
  if (file === undefined) return undefined;
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  await import(name);
  return version;
}

/** The package.json of an installed package: looked for upwards, because not every package exports it. */
async function packageFile(name: string): Promise<string | undefined> {
  for (const start of [import.meta.dirname, process.cwd()]) {
    for (let folder = start; ; folder = path.dirname(folder)) {
      const file = path.join(folder, "node_modules", name, "package.json");
      if (await mayAccess(file, constants.R_OK)) return file;
      if (path.dirname(folder) === folder) break;
    }
  }
  return undefined;
}

async function probeFolder(folder: string): Promise<FolderFacts> {
  let existing = folder;
  while (!(await mayAccess(existing, constants.F_OK)) && path.dirname(existing) !== existing) existing = path.dirname(existing);
  const space = await statfs(existing).catch(() => undefined);
  return { folder, writable: await mayAccess(existing, constants.W_OK), free: space && space.bavail * space.bsize };
}

async function mayAccess(file: string, mode: number): Promise<boolean> {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}
