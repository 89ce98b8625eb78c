import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import { UsageError } from "../../core/errors.ts";

/** How the runtime's shared thread pool is made. */
export interface ThreadOptions {
  /** Threads that share the work inside one operation; 0 lets ONNX Runtime choose. */
  threads: number;
  /** Whether idle threads spin for a while: 10-15 % faster on a machine of one's own, slower on a shared one. */
  spin: boolean;
}

/**
 * The thread options of this process: `ATELIER_THREADS` (1 to 1024), else one per physical core that the process may use;
 * `ATELIER_SPIN=0` lets idle threads sleep at once.
 * @throws UsageError for values that are neither.
 */
export function threadOptions(env: NodeJS.ProcessEnv = process.env): ThreadOptions {
  const spin = env.ATELIER_SPIN ?? "1";
  if (spin !== "0" && spin !== "1") {
    throw new UsageError({ what: "The environment variable ATELIER_SPIN is not understood.", got: `"${spin}"`, expected: '"0" or "1"' });
  }
  return { threads: env.ATELIER_THREADS ? parseThreads(env.ATELIER_THREADS) : usableCores(), spin: spin === "1" };
}

function parseThreads(text: string): number {
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return threads;
  throw new UsageError({
    what: "The environment variable ATELIER_THREADS is not understood.",
    got: `"${text}"`,
    expected: "a whole number from 1 to 1024",
  });
}

/** Physical cores within the process's affinity and its container's quota; 0 on Windows, where ONNX Runtime counts cores itself. */
function usableCores(): number {
  if (process.platform === "win32") return 0;
  return Math.max(1, Math.min(os.availableParallelism(), physicalCores(), containerQuota()));
}

/** The number of distinct cores in Linux's topology files; without them every logical processor counts. */
function physicalCores(): number {
  const root = "/sys/devices/system/cpu";
  try {
    const processors = readdirSync(root).filter((name) => /^cpu\d+$/.test(name));
    const cores = new Set(processors.flatMap((name) => readText(`${root}/${name}/topology/thread_siblings_list`) ?? []));
    return cores.size || Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The processors that a Linux control group allows, rounded up: `cpu.max` of version 2, the quota files of version 1. */
function containerQuota(): number {
  const [quota, period] = readText("/sys/fs/cgroup/cpu.max")?.split(" ") ?? [
    readText("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    readText("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
  ];
  const processors = Math.ceil(Number(quota) / Number(period));
  return processors > 0 ? processors : Number.POSITIVE_INFINITY;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}
