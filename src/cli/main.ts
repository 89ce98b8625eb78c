import { Command, CommanderError } from "commander";
import { AtelierError, UsageError, unknownName } from "../core/errors.ts";
import { packageInfo } from "../core/node/package-info.ts";
import { processIo } from "./process-io.ts";
import type { Io } from "./verb.ts";
import { type VerbEntry, verbs } from "./verbs.ts";

/**
 * Run the command line: `argv` without node and script. Never throws: problems are told on stderr.
 * @returns the exit code: 0 done, 1 failed, 2 wrong use, or what the verb set (130 after Ctrl-C).
 */
export async function main(argv: readonly string[], io: Io = processIo(), known: readonly VerbEntry[] = verbs): Promise<number> {
  try {
    const program = await buildProgram(argv, io, known);
    if (argv.length === 0) {
      io.stderr.write(program.helpInformation());
      return 2;
    }
    await program.parseAsync([...argv], { from: "user" });
    return io.exitCode;
  } catch (error) {
    return tell(error, argv, io);
  }
}

/** Only the file of the verb that was asked for is loaded; help needs them all. @throws UsageError for an unknown verb. */
async function buildProgram(argv: readonly string[], io: Io, known: readonly VerbEntry[]): Promise<Command> {
  const [word] = argv;
  const chosen = known.find(({ name }) => name === word);
  if (chosen === undefined && word !== undefined && !word.startsWith("-") && word !== "help") {
    const names = known.map(({ name }) => name);
    throw unknownName("command", word, names);
  }
  const program = new Command("atelier")
    .description("The generative deep learning workshop for TypeScript.")
    .version(packageInfo().version, "-V, --version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => argv.includes("--json") || io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns,
      getErrHelpWidth: () => io.stderr.columns,
    })
    .showHelpAfterError("(atelier --help lists the commands)");
  for (const entry of chosen === undefined ? known : [chosen]) (await entry.load()).verb.register(program, io);
  return program;
}

/** Say what went wrong, as text or with `--json` as JSON on stderr, and give the exit code. */
function tell(error: unknown, argv: readonly string[], io: Io): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const json = argv.includes("--json");
  if (json) io.stderr.write(`${JSON.stringify({ error: asJson(error) })}\n`);
  else if (error instanceof AtelierError) io.stderr.write(`${error.message}\n`);
  else if (!(error instanceof CommanderError)) {
    io.stderr.write(
      `atelier failed unexpectedly: ${error instanceof Error ? error.message : String(error)}\n  try:      ATELIER_DEBUG=1 to see where, and report it\n`,
    );
  }
  const debug = io.env.ATELIER_DEBUG !== undefined && io.env.ATELIER_DEBUG !== "" && io.env.ATELIER_DEBUG !== "0";
  if (debug && error instanceof Error && !(error instanceof CommanderError)) io.stderr.write(`${stackOf(error)}\n`);
  return error instanceof UsageError || error instanceof CommanderError ? 2 : 1;
}

function asJson(error: unknown): object {
  if (error instanceof AtelierError) {
    const { cause: _, ...problem } = error.problem;
    return { kind: error.name, ...problem };
  }
  if (error instanceof CommanderError) return { kind: "UsageError", what: error.message.replace(/^error: /, "") };
  return { kind: error instanceof Error ? error.name : "unknown", what: error instanceof Error ? error.message : String(error) };
}

/** The stack, and those of the causes. */
function stackOf(error: Error): string {
  return error.cause instanceof Error ? `${error.stack}\ncaused by ${stackOf(error.cause)}` : String(error.stack);
}
