/** A conversation in the terminal, line by line: what the user says, and words that begin with a slash. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { AtelierError } from "../core/errors.ts";
import { fileError, writeFileAtomic } from "../core/node/files.ts";
import type { Answer, ChatSession } from "../generation/chat-session.ts";
import { type Io, printJson } from "./verb.ts";

/** Where lines come from. */
export interface ChatInput {
  lines: AsyncIterable<string>;
  /** Show that it is the user's turn. */
  prompt(): void;
  /** What Ctrl-C does from now on. */
  onInterrupt(act: () => void): void;
}

const HELP = `/reset          forget what was said; the system's message stays
/system [TEXT]  tell the model who it is; without TEXT, no more
/history        show what was said
/save FILE      write what was said as one line of JSON: {"messages": [...]}
/help           this list
/quit           end (or Ctrl-D)
Ctrl-C cuts an answer. A line that ends in \\ goes on in the next.
`;

/** Talk until the input ends or `/quit`. Answers go to stdout, notes to stderr. @returns whether every message was answered */
export async function chatLoop(session: ChatSession, input: ChatInput, io: Io, json: boolean): Promise<boolean> {
  let answered = true;
  let running: AbortController | undefined;
  input.onInterrupt(() => {
    if (running !== undefined) running.abort();
    else io.stderr.write("\n(/quit or Ctrl-D ends)\n");
    if (running === undefined) input.prompt();
  });
  input.prompt();
  let begun = "";
  for await (const line of input.lines) {
    if (line.endsWith("\\")) {
      begun += `${line.slice(0, -1)}\n`;
      continue;
    }
    const text = begun + line;
    begun = "";
    if (text.startsWith("/") && !(await command(text, session, io))) return answered;
    if (!text.startsWith("/") && text.trim() !== "") {
      running = new AbortController();
      await answer(session, text, running.signal, io, json).catch((error) => {
        tell(error, io);
        answered = false;
      });
      running = undefined;
    }
    input.prompt();
  }
  return answered;
}

async function answer(session: ChatSession, text: string, signal: AbortSignal, io: Io, json: boolean): Promise<void> {
  const pieces = session.say(text, signal);
  let next = await pieces.next();
  for (; !next.done; next = await pieces.next()) if (!json) io.stdout.write(next.value);
  const { reason, text: content, forgotten, promptTokens, completionTokens }: Answer = next.value;
  if (json) return printJson(io, { role: "assistant", content, reason, forgotten, promptTokens, completionTokens });
  io.stdout.write("\n");
  if (forgotten > 0) io.stderr.write(`note: the context is full; the model no longer saw the first ${forgotten} messages\n`);
  if (reason === "length") io.stderr.write("note: the answer was cut: the context or --max-tokens ended\n");
  if (reason === "cancelled") io.stderr.write("(cut)\n");
}

/** What a line with a slash asks for. @returns false for the end */
async function command(line: string, session: ChatSession, io: Io): Promise<boolean> {
  const [word, ...others] = line.trim().split(/\s+/);
  const rest = others.length === 0 ? "" : line.trim().slice(word.length).trim();
  switch (word) {
    case "/quit":
    case "/exit":
      return false;
    case "/reset":
      session.reset();
      io.stderr.write("(begun anew)\n");
      return true;
    case "/system":
      session.setSystem(rest === "" ? undefined : rest);
      io.stderr.write(rest === "" ? "(no system message)\n" : "(system message set)\n");
      return true;
    case "/history":
      for (const { role, content } of session.messages) io.stdout.write(`${role}: ${content}\n`);
      return true;
    case "/save":
      if (rest === "") io.stderr.write("/save needs the name of a file\n");
      else await save(path.resolve(rest), session, io).catch((error) => tell(error, io));
      return true;
    case "/help":
      io.stderr.write(HELP);
      return true;
    default:
      io.stderr.write(`There is no ${word}.\n${HELP}`);
      return true;
  }
}

/** One more line in a file of conversations, which training takes as it is. */
async function save(file: string, session: ChatSession, io: Io): Promise<void> {
  const before = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw fileError(error, `Could not read ${file}.`);
  });
  const end = before === "" || before.endsWith("\n") ? "" : "\n";
  await writeFileAtomic(file, `${before}${end}${JSON.stringify({ messages: session.messages })}\n`);
  io.stderr.write(`(saved: ${file})\n`);
}

/** An error of one message does not end the conversation. */
function tell(error: unknown, io: Io): void {
  if (!(error instanceof AtelierError)) throw error;
  io.stderr.write(`${error.message}\n`);
}
