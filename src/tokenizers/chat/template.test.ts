import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { trainByteBpe } from "../byte-bpe.ts";
import { readChatTemplate } from "../node/chat-template.ts";
import { ChatTemplate, plainChatTemplate } from "./template.ts";

const chatMl =
  "{%- for message in messages -%}\n{{ '<|im_start|>' + message.role + '\\n' }}{% if message.role == 'assistant' %}{% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}{% else %}{{ message.content + '<|im_end|>' }}{% endif %}{{ '\\n' }}\n{%- endfor -%}\n{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const chat = [
  { role: "system", content: "Be kind." },
  { role: "user", content: "Hi" },
  { role: "assistant", content: "Hello!" },
];

test("templates are run as Hugging Face's", () => {
  const template = new ChatTemplate(chatMl);
  expect(template.render(chat)).toBe(
    "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n",
  );
  expect(template.render(chat.slice(0, 2), { addGenerationPrompt: true })).toMatch(/Hi<\|im_end\|>\n<\|im_start\|>assistant\n$/);
});

test("marked answers are found, white space around the tags cut as without marks", () => {
  const template = new ChatTemplate(chatMl);
  const { text, answers } = template.renderMarked(chat)!;
  expect(text).toBe(template.render(chat));
  expect(answers.map(([from, to]) => text.slice(from, to))).toEqual(["Hello!<|im_end|>"]);
  const spaced = new ChatTemplate(
    "{% for m in messages %}\n  {%- generation -%}\n {{ m.content }} \n {%- endgeneration -%}\n\n{% endfor %}",
  );
  expect(spaced.renderMarked(chat)?.text).toBe(spaced.render(chat));
  expect(new ChatTemplate("{{ messages[0].content }}").renderMarked(chat)).toBeUndefined();
});

test("the plain template takes turns and ends answers", () => {
  const tokenizer = trainByteBpe(["User: Assistant:"], { size: 270 });
  const template = plainChatTemplate(tokenizer);
  expect(template.render([...chat, { role: "user", content: "Bye" }], { addGenerationPrompt: true })).toBe(
    "Be kind.\n\nUser: Hi\nAssistant: Hello!<|endoftext|>\nUser: Bye\nAssistant:",
  );
  const { text, answers } = template.renderMarked(chat)!;
  expect(answers.map(([from, to]) => text.slice(from, to))).toEqual([" Hello!<|endoftext|>"]);
  expect(template.encode(tokenizer, chat).filter((id) => id === 0)).toHaveLength(1);
});

test("what a template refuses, and what is none", async () => {
  const strict = new ChatTemplate("{{ raise_exception('roles must alternate') }}");
  expect(() => strict.render(chat)).toThrow("roles must alternate");
  const folder = await mkdtemp(path.join(tmpdir(), "atelier-template-"));
  await writeFile(path.join(folder, "tokenizer_config.json"), '{"chat_template": 7}');
  await expect(readChatTemplate(folder, trainByteBpe(["a"], { size: 257 }))).rejects.toThrow(
    /tokenizer_config\.json, chat_template\n {2}got: {6}7\n/,
  );
  await rm(folder, { recursive: true });
  expect(() => new ChatTemplate("{% for x in %}", { where: "tokenizer_config.json" })).toThrow("cannot be read");
});
