import type { Io, Output } from "../verb.ts";

/** Surroundings for a test: what is written is collected, and questions are answered as told. */
export interface CapturedIo extends Io {
  out(): string;
  err(): string;
  questions: string[];
}

export interface CapturedOptions {
  env?: Record<string, string>;
  isTTY?: boolean;
  columns?: number;
  /** What the user answers; nobody is there to ask unless given. */
  answer?: boolean;
}

export function capturedIo({ env = {}, isTTY = false, columns = 100, answer }: CapturedOptions = {}): CapturedIo {
  const written = { out: "", err: "" };
  const questions: string[] = [];
  const output = (stream: "out" | "err"): Output => ({
    isTTY,
    columns,
    write: (text) => {
      written[stream] += text;
    },
  });
  const confirm = async (question: string) => {
    questions.push(question);
    return answer === true;
  };
  return {
    stdout: output("out"),
    stderr: output("err"),
    env,
    exitCode: 0,
    confirm: answer === undefined ? undefined : confirm,
    questions,
    out: () => written.out,
    err: () => written.err,
  };
}
