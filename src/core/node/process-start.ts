import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** When a process started: undefined when it does not live, "" when it lives and the system does not tell. */
export function processStart(pid: number): string | undefined {
  try {
    // Field 22 of /proc/PID/stat, counted after the command's name, which may hold spaces and brackets.
    if (process.platform === "linux") {
      const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(")").at(-1)?.trim().split(" ") ?? [];
      return fields[0] === "Z" ? undefined : (fields[19] ?? "");
    }
    process.kill(pid, 0);
    if (process.platform === "win32") return "";
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "" : undefined;
  }
}
