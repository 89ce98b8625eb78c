import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { ChatSession } from "../generation/chat-session.ts";
import { FakeEngine } from "../server/testing/fake-engine.ts";
import { plainChatTemplate } from "../tokenizers/chat/template.ts";
import { chatLoop } from "./chat-loop.ts";
import { capturedIo } from "./testing/captured-io.ts";

async function talk(lines: readonly string[], { json = false, interrupt = false } = {}) {
  const engine = new FakeEngine({ reply: (prompt) => ` I heard ${prompt.split("User: ").at(-1)!.split("\n")[0]}` });
  const session = new ChatSession(engine, plainChatTemplate(engine.tokenizer));
  const io = capturedIo();
  let stop = (): void => undefined;
  const written = io.stdout.write;
  // Ctrl-C in the middle of the first answer.
  io.stdout.write = (text) => {
    written(text);
    if (interrupt && text.includes("h")) stop();
    interrupt &&= !text.includes("h");
  };
  const input = {
    lines: (async function* () {
      yield* lines;
    })(),
    prompt: () => undefined,
    onInterrupt: (act: () => void) => {
      stop = act;
    },
  };
  const answered = await chatLoop(session, input, io, json);
  return { answered, out: io.out(), err: io.err(), session };
}

test("a message that is refused ends nothing, and is told at the end", async () => {
  const { answered, out } = await talk(["long ".repeat(300), "hello"]);
  expect(answered).toBe(false);
  expect(out).toContain("I heard hello");
  expect((await talk(["hello"])).answered).toBe(true);
});

test("each line is answered, a line that goes on is one, and empty ones are nothing", async () => {
  const { out, session } = await talk(["hello", "", "one\\", "two"]);
  expect(out).toBe("I heard hello\nI heard one\n");
  expect(session.messages.filter(({ role }) => role === "user").map(({ content }) => content)).toEqual(["hello", "one\ntwo"]);
});

test("words with a slash, until the end", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "atelier-chat-"));
  const file = path.join(folder, "said.jsonl");
  const { out, err } = await talk([
    "/system Be kind.",
    "a",
    `/save ${file}`,
    "/history",
    "/reset",
    "/what",
    "b",
    `/save ${file}`,
    "/save",
    "/quit",
    "c",
  ]);
  expect(out).toBe("I heard a\nsystem: Be kind.\nuser: a\nassistant: I heard a\nI heard b\n");
  expect(err).toContain("There is no /what.");
  const saved = (await readFile(file, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(saved.map(({ messages }) => messages.length)).toEqual([3, 3]);
  await rm(folder, { recursive: true });
});

test("Ctrl-C cuts the answer and not the conversation; a message that does not fit is told", async () => {
  const { out, err } = await talk(["hello", "you", "x".repeat(400)], { interrupt: true });
  expect(out).toMatch(/^I h[^\n]*\nI heard you\n$/);
  expect(out).not.toContain("heard hello");
  expect(err).toContain("(cut)");
  expect(err).toContain("too long for the model");
});

test("with --json a line an answer", async () => {
  const { out } = await talk(["hello"], { json: true });
  expect(JSON.parse(out)).toMatchObject({ role: "assistant", content: "I heard hello", reason: "stop" });
});
