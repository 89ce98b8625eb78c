import { spawn } from "node:child_process";
import type { Io } from "./verb.ts";

/**
 * glibc settings that keep large buffers mapped between steps instead of giving them back to the kernel after each (measured: page faults cost up to
 * a third of a step). They only count when they are set before a process starts.
 */
const tunables: Readonly<Record<string, string>> = {
  GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
  MALLOC_MMAP_THRESHOLD_: "4294967295",
  MALLOC_TRIM_THRESHOLD_: "17179869184",
  MALLOC_TOP_PAD_: "268435456",
};

/**
 * Run this very command in a child process with the allocator's settings. The child has its own memory, which returns whole when it ends, and a crash
 * of native code takes nothing else with it; this process only passes signals on.
 * @returns the child's exit code; undefined where this process is the one to do the work
 */
export async function reexec(io: Io): Promise<number | undefined> {
  const entry = process.argv[1];
  const mine = /[/\\]atelier(\.js)?$/.test(entry ?? "");
  if (!mine || process.platform !== "linux" || io.env.MALLOC_TOP_PAD_ !== undefined || io.env.ATELIER_CHILD === "0") return undefined;
  const child = spawn(process.execPath, [...process.execArgv, entry, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, ...tunables },
  });
  // A terminal sends Ctrl-C to both; a signal sent to this process alone must reach the one that trains.
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  const ignore = () => undefined;
  process.on("SIGINT", ignore);
  process.on("SIGTERM", pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
    });
  } finally {
    process.off("SIGINT", ignore);
    process.off("SIGTERM", pass);
  }
}
