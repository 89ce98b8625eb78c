import type { Command } from "commander";

/** Where text goes: a stream of the process, or what a test collects. */
export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Characters in a line. */
  readonly columns: number;
  /** Whether nobody reads it any more. */
  readonly closed?: boolean;
}

/** Everything a verb may use of its surroundings. Results go to stdout; progress, notes and errors to stderr. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the process answers when the verb ends without an error; a verb may set 1 (failed) or 130 (interrupted). */
  exitCode: number;
  /** Ask the user; undefined where nobody can answer (no terminal). */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
}

/** One word of the command line. A verb's file is light: what is heavy is imported when the verb runs. */
export interface Verb {
  name: string;
  /** One line for `atelier --help`. */
  summary: string;
  /** Add the command with its options to the program; see `addCommand`. */
  register(program: Command, io: Io): void;
}

/** Add a command with what every verb has: its summary, `--json`, and errors that name `--help`. */
export function addCommand(program: Command, name: string, summary: string): Command {
  return program
    .command(name)
    .description(summary)
    .option("--json", "print one JSON value for machines")
    .showHelpAfterError(`(${fullName(program, name)} --help lists the options)`);
}

/** Whether `--json` was given to the command or to the one it is part of. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}

/** One line of JSON on stdout. Infinite numbers and NaN, which JSON lacks, become texts. */
export function printJson(io: Io, value: unknown): void {
  const text = JSON.stringify(value, (_, inner) => (typeof inner === "number" && !Number.isFinite(inner) ? String(inner) : inner));
  io.stdout.write(`${text}\n`);
}

function fullName(program: Command, name: string): string {
  const names = [name];
  for (let command: Command | null = program; command !== null; command = command.parent) names.unshift(command.name());
  return names.join(" ").split(" [")[0];
}
