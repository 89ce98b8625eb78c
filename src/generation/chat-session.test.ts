import { expect, test } from "vitest";
import { trainByteBpe } from "../tokenizers/byte-bpe.ts";
import { plainChatTemplate } from "../tokenizers/chat/template.ts";
import { type Answer, ChatSession, type ChatSessionOptions } from "./chat-session.ts";
import type { GenerationRequest, TextEngine } from "./engine.ts";

const tokenizer = trainByteBpe(["User: Assistant: hello"], { size: 262 });

/** Answers with how many tokens it was given, character by character. */
function sessionOf(options: ChatSessionOptions = {}, context = 120, answer?: string) {
  const requests: GenerationRequest[] = [];
  const left = { count: 0 };
  const engine: TextEngine = {
    name: "counts",
    tokenizer,
    context,
    vocabulary: tokenizer.vocabularySize,
    slots: 1,
    stats: () => ({ active: 0, waiting: 0, tokens: 0 }),
    close: async () => undefined,
    async *generate(request) {
      requests.push(request);
      let completionTokens = 0;
      try {
        for (const text of answer ?? ` ${request.prompt.length}!`) {
          if (request.signal?.aborted) return { reason: "cancelled", promptTokens: request.prompt.length, completionTokens };
          completionTokens++;
          yield { id: 1, text };
        }
      } finally {
        left.count++;
      }
      return { reason: "stop", promptTokens: request.prompt.length, completionTokens };
    },
  };
  return { session: new ChatSession(engine, plainChatTemplate(tokenizer), options), requests, left };
}

async function answerTo(session: ChatSession, text: string, signal?: AbortSignal): Promise<Answer> {
  const pieces = session.say(text, signal);
  for (;;) {
    const next = await pieces.next();
    if (next.done) return next.value;
  }
}

test("a conversation grows, keeps its system message, and can be begun anew", async () => {
  const { session, requests } = sessionOf({ system: "Be kind.", maxTokens: 9 });
  const first = await answerTo(session, "Hi");
  expect(first).toMatchObject({ reason: "stop", forgotten: 0, text: `${requests[0].prompt.length}!` });
  await answerTo(session, "More");
  expect(tokenizer.decode(requests[1].prompt)).toBe(`Be kind.\n\nUser: Hi\nAssistant: ${first.text}\nUser: More\nAssistant:`);
  expect(requests[1]).toMatchObject({ maxTokens: 9, stop: ["\nUser:"] });
  session.reset();
  session.setSystem(undefined);
  await answerTo(session, "Hi");
  expect(session.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
});

test("the oldest messages are forgotten where the context is full, from a user's message on", async () => {
  const { session, requests } = sessionOf({ system: "S" });
  for (let i = 0; i < 5; i++) await answerTo(session, `message ${i}`);
  const last = tokenizer.decode(requests[4].prompt);
  expect(last.startsWith("S\n\nUser: message")).toBe(true);
  expect(last).not.toContain("message 0");
  expect(session.messages).toHaveLength(11);
});

test("a message without room is refused and not kept; a cut answer is", async () => {
  const { session } = sessionOf();
  await expect(answerTo(session, "long ".repeat(100))).rejects.toThrow("too long for the model");
  expect(session.messages).toEqual([]);
  const controller = new AbortController();
  const pieces = session.say("Hi", controller.signal);
  await pieces.next();
  controller.abort();
  const end = await pieces.next();
  expect(end.value).toMatchObject({ reason: "cancelled" });
  expect(session.messages).toHaveLength(2);
});

test("who stops listening ends the writing; only one space before an answer is the template's", async () => {
  const { session, left } = sessionOf({}, 120, "  far away");
  for await (const piece of session.say("Hi")) if (piece.includes("r")) break;
  expect(left.count).toBe(1);
  expect(session.messages.at(-1)).toEqual({ role: "assistant", content: " far" });
});
