import { createInterface } from "node:readline/promises";
import type { Io, Output } from "./verb.ts";

/** The real surroundings: this process's streams and environment. */
export function processIo(): Io {
  const canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
  return {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    exitCode: 0,
    confirm: canAsk ? confirm : undefined,
  };
}

function output(stream: NodeJS.WriteStream): Output {
  let closed = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    closed = true;
    // The reader has seen enough (`atelier runs | head -1`): not an error of ours. A full disk behind a redirection is one.
    if (error.code !== "EPIPE") {
      process.stderr.write(`Could not write the output: ${error.message}\n`);
      process.exit(1);
    }
  });
  return {
    write: (text) => {
      if (!closed) stream.write(text);
    },
    get closed() {
      return closed;
    },
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns || 80;
    },
  };
}

async function confirm(question: string): Promise<boolean> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim());
  } finally {
    reader.close();
  }
}
