/** Running the user's own npm: it alone knows their `.npmrc`, mirror, proxy, tokens and offline cache. */
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import { RuntimeError } from "../errors.ts";

/** A program and its first arguments. */
export interface NpmCommand {
  file: string;
  args: readonly string[];
}

/** Everything `findNpm` looks at, so that each platform's layout can be tested on any. */
export interface NpmSurroundings {
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  execPath: string;
  exists: (file: string) => boolean;
  realpath: (file: string) => string;
}

/**
 * How to start npm without a shell: the npm that started us, else the one installed with this Node, else the one on PATH.
 * @throws RuntimeError when there is none.
 */
export function findNpm(surroundings: Partial<NpmSurroundings> = {}): NpmCommand {
  const { env = process.env, platform = process.platform, execPath = process.execPath } = surroundings;
  const { exists = existsSync, realpath = realpathSync } = surroundings;
  const paths = platform === "win32" ? path.win32 : path.posix;
  const script = ["node_modules", "npm", "bin", "npm-cli.js"];

  // pnpm and yarn set npm_execpath too; only npm's own script understands `npm pack` of a registry package.
  if (env.npm_execpath && paths.basename(env.npm_execpath) === "npm-cli.js" && exists(env.npm_execpath)) {
    return { file: execPath, args: [env.npm_execpath] };
  }
  const folder = paths.dirname(execPath);
  const besideNode = platform === "win32" ? paths.join(folder, ...script) : paths.join(folder, "..", "lib", ...script);
  if (exists(besideNode)) return { file: execPath, args: [besideNode] };

  for (const entry of (env.PATH ?? env.Path ?? "").split(paths.delimiter).filter((name) => paths.isAbsolute(name))) {
    // Windows has `npm.cmd`, which needs a shell; the script it calls lies beside it.
    if (platform === "win32") {
      const onPath = paths.join(entry, ...script);
      if (exists(onPath)) return { file: execPath, args: [onPath] };
    } else {
      const onPath = paths.join(entry, "npm");
      if (!exists(onPath)) continue;
      const target = realpath(onPath);
      return target.endsWith(".js") ? { file: execPath, args: [target] } : { file: onPath, args: [] };
    }
  }
  throw new RuntimeError({
    what: "npm was not found, and it is needed to fetch packages.",
    where: `beside ${execPath} and on PATH`,
    hint: "install npm (it comes with Node.js), or copy a filled cache folder from another machine and set ATELIER_CACHE to it",
  });
}

/** What a finished npm said. */
export interface NpmOutcome {
  ok: boolean;
  /** npm's own error code (`E404`, `ENOTFOUND`, `EINTEGRITY` ...), or `EUNKNOWN`. */
  code: string;
  /** npm's one-line summary of the failure. */
  summary: string;
}

/**
 * Run npm with the given arguments (`--json` among them, so that failures can be read) and wait for it. It runs in the current folder, so that a
 * project's `.npmrc` counts.
 * @throws RuntimeError when npm cannot be started; AbortError when the signal aborts it.
 */
export async function runNpm(args: readonly string[], signal?: AbortSignal): Promise<NpmOutcome> {
  const npm = findNpm();
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const child = spawn(npm.file, [...npm.args, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
      env: { ...process.env, npm_config_update_notifier: "false" },
    });
    const output = { stdout: "", stderr: "" };
    const keep = (name: "stdout" | "stderr") => (chunk: Buffer) => {
      output[name] = (output[name] + chunk.toString()).slice(-1_000_000);
    };
    child.stdout.on("data", keep("stdout"));
    child.stderr.on("data", keep("stderr"));
    const abort = () => child.kill();
    signal?.addEventListener("abort", abort, { once: true });
    child.on("error", (error) => {
      signal?.removeEventListener("abort", abort);
      reject(
        new RuntimeError({ what: "npm could not be started.", where: [npm.file, ...npm.args].join(" "), got: error.message, cause: error }),
      );
    });
    child.on("close", (status) => {
      signal?.removeEventListener("abort", abort);
      if (signal?.aborted) reject(signal.reason);
      else resolve(status === 0 ? { ok: true, code: "", summary: "" } : readFailure(output.stdout, output.stderr));
    });
  });
}

/** npm prints failures as JSON on stdout when asked; older ones, and crashes, only as lines on stderr. */
export function readFailure(stdout: string, stderr: string): NpmOutcome {
  try {
    const parsed: unknown = JSON.parse(stdout.slice(Math.max(0, stdout.indexOf("{"))));
    const error = parsed instanceof Object && "error" in parsed ? parsed.error : undefined;
    if (error instanceof Object && "code" in error && "summary" in error) {
      return { ok: false, code: String(error.code), summary: String(error.summary).split("\n")[0] };
    }
  } catch {
    // Not JSON: read the log lines below.
  }
  const lines = stderr.split(/\r?\n/).map((line) => line.replace(/^npm (error|ERR!) ?/, ""));
  const code = lines.map((line) => /^code (\w+)$/.exec(line)?.[1]).find((found) => found !== undefined);
  const summary = lines.find((line) => line !== "" && !/^(code|errno|syscall|path|npm warn|npm WARN)/.test(line));
  return { ok: false, code: code ?? "EUNKNOWN", summary: summary ?? "npm gave no reason" };
}
