import type { Io } from "./verb.ts";

/**
 * glibc settings that keep large buffers mapped between steps instead of giving them back to the kernel after each (measured: page faults cost up to
 * a third of a step). They only count when they are set before a program starts.
 */
const tunables: Readonly<Record<string, string>> = {
  GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
  MALLOC_MMAP_THRESHOLD_: "4294967295",
  MALLOC_TRIM_THRESHOLD_: "17179869184",
  MALLOC_TOP_PAD_: "268435456",
};

/** F_SETFD of Linux. */
const setDescriptorFlags = 2;

/**
 * Start this very command again with the allocator's settings, in place of this process: the process id, the terminal and the streams stay, so that
 * signals and kills reach the one that trains. Returns where there is nothing to do, or it cannot be done: training then only takes longer.
 */
export async function startWithAllocator(io: Io): Promise<void> {
  const entry = process.argv[1];
  const ours = /[/\\]atelier(\.js)?$/.test(entry ?? "");
  if (!ours || process.platform !== "linux" || io.env.MALLOC_TOP_PAD_ !== undefined || io.env.ATELIER_ALLOCATOR === "0") return;
  try {
    const { default: koffi } = await import("koffi");
    const libc = koffi.load("libc.so.6");
    const fcntl = libc.func("int fcntl(int descriptor, int command, ...)");
    const execve = libc.func("int execve(const char *file, const char **arguments, const char **environment)");
    const words = [process.execPath, ...process.execArgv, entry, ...process.argv.slice(2)];
    const environment = Object.entries({ ...process.env, ...tunables }).map(([name, value]) => `${name}=${value}`);
    // Node marks its standard streams to be closed when another program takes the process over.
    for (const stream of [0, 1, 2]) fcntl(stream, setDescriptorFlags, "int", 0);
    execve(process.execPath, [...words, null], [...environment, null]);
  } catch {
    // No such library or call here (musl, for example).
  }
}
