import { describe, expect, it } from "vitest";
import { trainByteBpe } from "../../tokenizers/byte-bpe.ts";
import { ChatTemplate, plainChatTemplate } from "../../tokenizers/chat/template.ts";
import { trainSentencePieceBpe } from "../../tokenizers/sentencepiece-bpe.ts";
import { ChatBatches, chatTokens, readChats } from "./chat.ts";

const tokenizer = trainByteBpe(["User: hello Assistant: there you are"], { size: 280 });
const plain = plainChatTemplate(tokenizer);
const two = [
  { role: "system", content: "Be kind." },
  { role: "user", content: "hello" },
  { role: "assistant", content: "there you are" },
  { role: "user", content: "more" },
  { role: "assistant", content: "no" },
];
const chatMl = (mark: boolean) => {
  const answer = "{{ message.content + '<|im_end|>' }}";
  return `{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}{% if message.role == 'assistant' %}${mark ? "{% generation %}" : ""}${answer}${mark ? "{% endgeneration %}" : ""}{% else %}${answer}{% endif %}{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;
};

describe("answers", () => {
  const learned = (template: ChatTemplate, tokens = tokenizer, chat = two) => {
    const { ids, answers } = chatTokens(chat, template, tokens);
    expect(template.encode(tokens, chat)).toEqual(ids);
    // Each stretch of marked tokens, decoded alone.
    const parts: number[][] = [];
    for (const [i, id] of ids.entries()) {
      if (answers[i] === 1 && answers[i - 1] !== 1) parts.push([]);
      if (answers[i] === 1) parts.at(-1)!.push(id);
    }
    return parts.map((part) => tokens.decode(part, { skipSpecialTokens: false }));
  };

  it("are found by marks, and without them by what they add", () => {
    expect(learned(plain)).toEqual([" there you are<|endoftext|>", " no<|endoftext|>"]);
    expect(learned(new ChatTemplate(chatMl(true)))).toEqual(["there you are<|im_end|>", "no<|im_end|>"]);
    expect(learned(new ChatTemplate(chatMl(false)))).toEqual(["there you are<|im_end|>\n", "no<|im_end|>\n"]);
  });

  it("are found where the first word of a text is encoded otherwise than the rest", () => {
    const pieces = trainSentencePieceBpe(["User: hello Assistant: there you are ".repeat(4)], { size: 330 });
    expect(learned(new ChatTemplate(chatMl(false)), pieces).map((text) => text.trim())).toEqual([
      "there you are<|im_end|>",
      "no<|im_end|>",
    ]);
  });

  it("must not change what was written before them", () => {
    const restless = new ChatTemplate("{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}");
    expect(() => chatTokens(two, restless, tokenizer)).toThrow("does not show where an answer is");
  });
});

describe("files", () => {
  it("hold conversations, prompts with completions, or instructions", () => {
    const text = [
      JSON.stringify({ messages: two }),
      "",
      '{"prompt": "a", "completion": "b"}',
      '{"instruction": "add", "input": "1 1", "output": "2"}',
    ].join("\n");
    const [first, second, third] = readChats(text, "x.jsonl");
    expect(first).toEqual(two);
    expect(second.map(({ content }) => content)).toEqual(["a", "b"]);
    expect(third[0].content).toBe("add\n\n1 1");
    expect(readChats('[{"instruction": "a", "input": "", "output": "b"}]', "x.json")[0][0].content).toBe("a");
  });

  it.each([
    ["no JSON", "{", "x.jsonl, line 1"],
    ["no messages", '{"text": "a"}', '{"messages": [...]}'],
    ["a message without text", '{"messages": [{"role": "user"}]}', '{"role": "user", "content": "..."}'],
    ["no answer", '{"messages": [{"role": "user", "content": "a"}]}', '"assistant"'],
    ["nothing", "\n\n", "no conversations"],
  ])("with %s are refused", (_, text, message) => {
    expect(() => readChats(text, "x.jsonl")).toThrow(message);
  });
});

describe("batches", () => {
  const chats = ["a", "b", "c", "d", "e"].map((letter) =>
    chatTokens(readChats(JSON.stringify({ prompt: letter, completion: letter.repeat(3) }), "x")[0], plain, tokenizer),
  );

  it("give weights to answers alone, and every conversation once a pass", () => {
    const batches = new ChatBatches(chats, { batch: 2, length: 24, seed: 1, pad: 7 });
    expect(batches.stepsPerEpoch).toBe(2);
    const { tokens, weights } = batches.at(0);
    expect([tokens.length, weights.length]).toEqual([50, 48]);
    expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    const targets = [...weights.entries()].filter(([, w]) => w > 0).map(([i]) => tokens[i + Math.floor(i / 24) + 1]);
    expect(tokenizer.decode(targets)).toMatch(/^ ([a-e])\1\1 ([a-e])\2\2$/);
    expect(batches.at(0)).toEqual({ tokens, weights });
    const letters = (step: number) => tokenizer.decode([...batches.at(step).tokens]).match(/(?<=User: )[a-e]/g)!;
    const pass = [...letters(0), ...letters(1)];
    expect(new Set(pass).size).toBe(4);
    expect([...letters(2), ...letters(3)]).not.toEqual(pass);
    expect([...batches.inOrder()].map(({ answers }) => answers > 0)).toEqual([true, true, true]);
  });

  it("leave out what has no answer in its length, and want enough", () => {
    const short = chats[0].ids.length - 4;
    expect(new ChatBatches(chats, { batch: 5, length: short, seed: 1 }).cut).toBe(5);
    expect(() => new ChatBatches(chats, { batch: 2, length: 3, seed: 1 })).toThrow("5 without an answer in the first 3 tokens");
  });
});
