// The command line as a user meets it: in folders of its own, with pictures made here, without a network.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { main } from "../../src/cli/main.ts";
import { capturedIo } from "../../src/cli/testing/captured-io.ts";
import { encodePng } from "../../src/report/png.ts";

const bin = fileURLToPath(new URL("../../bin/atelier.js", import.meta.url));

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** A process of the real command line that may still be running. */
export interface Running {
  process: ChildProcess;
  /** What stderr has said so far. */
  said(): string;
  finished: Promise<Outcome>;
}

/** Folders of one test file: runs, cache and work lie in a temporary folder that is removed at the end. */
export class Sandbox {
  readonly folder: string;
  readonly home: string;
  readonly env: Record<string, string>;

  private constructor(folder: string) {
    this.folder = folder;
    this.home = path.join(folder, "runs");
    this.env = { ATELIER_HOME: this.home, ATELIER_CACHE: path.join(folder, "cache"), CI: "true", NO_COLOR: "1" };
  }

  /** Call it at the top level of a test file. */
  static async create(): Promise<Sandbox> {
    const sandbox = new Sandbox(await mkdtemp(path.join(tmpdir(), "atelier-e2e-")));
    afterAll(() => rm(sandbox.folder, { recursive: true, force: true }));
    return sandbox;
  }

  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** Start the real command line, as a process. */
  start(args: readonly string[], env: Record<string, string> = {}): Running {
    const surroundings: NodeJS.ProcessEnv = { ...process.env, ...this.env, ...env };
    delete surroundings.NODE_V8_COVERAGE;
    const child = spawn(process.execPath, [bin, ...args], { cwd: this.folder, env: surroundings, stdio: ["ignore", "pipe", "pipe"] });
    const text = { out: "", err: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      text.out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      text.err += chunk.toString();
    });
    const finished = new Promise<Outcome>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, ...text }));
    });
    return { process: child, said: () => text.err, finished };
  }

  /** Run the real command line to its end. */
  run(...args: string[]): Promise<Outcome> {
    return this.start(args).finished;
  }

  /** Run with `--json` to its good end, and read what it printed. @throws Error with what it said instead */
  async json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    const { code, out, err } = await this.run(...args, "--json");
    if (code !== 0) throw new Error(`atelier ${args.join(" ")} ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }

  /** Run the same command line inside the test's own process: quicker, for the many cases that fail early. Paths in what it says are shortened. */
  async inside(args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
    const kept = { ...process.env };
    Object.assign(process.env, this.env, env);
    try {
      const io = capturedIo({ env: { ...this.env, ...env } });
      const code = await main(args, io);
      return { code, out: this.shorten(io.out()), err: this.shorten(io.err()) };
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
      Object.assign(process.env, kept);
    }
  }

  shorten(text: string): string {
    return text.replaceAll(this.folder, "<folder>");
  }

  /** Names of the runs' folders; none where there is no folder of runs. */
  async runs(): Promise<string[]> {
    return (await readdir(this.home).catch(() => [])).sort();
  }

  /** Every file under a folder of the sandbox, by its path in it. */
  async files(...parts: string[]): Promise<string[]> {
    const root = this.path(...parts);
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => !entry.isDirectory());
    return files.map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join("/")).sort();
  }

  /**
   * A folder of small colour pictures: bright on the left in the class `left`, on the right in `right`, each a little different.
   * @param count pictures a class
   * @param classes whether each class has a sub-folder
   */
  async pictures(name: string, count = 20, classes = true): Promise<string> {
    const side = 16;
    for (const kind of ["left", "right"]) {
      const folder = classes ? this.path(name, kind) : this.path(name);
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        const data = Uint8Array.from({ length: side * side * 3 }, (_, at) => {
          const x = Math.floor(at / 3) % side;
          return ((kind === "left") === x < side / 2 ? 190 : 30) + ((at * 7 + i * 13) % 40);
        });
        await writeFile(path.join(folder, `${kind}-${i}.png`), encodePng({ width: side, height: side, channels: 3, data }));
      }
    }
    return this.path(name);
  }
}

/** Wait until `ready` holds. @throws Error when it takes longer than half a minute */
export async function until(ready: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`waited too long for ${what}`);
    await pause(20);
  }
}

/** Let some milliseconds pass. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
