// Serving and chatting as a user meets them, with tiny random checkpoints.
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { expect, it } from "vitest";
import { Sandbox, until } from "./harness.ts";

const sandbox = await Sandbox.create();
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const model = path.join(root, "tests/golden/data/pretrained/gpt2");

it("a model's folder is served until the process is asked to end", async () => {
  const running = sandbox.start(["serve", model, "--port", "0", "--json", "--slots", "2", "--name", "tides"], { ATELIER_KEY: "secret" });
  let out = "";
  running.process.stdout!.on("data", (part: Buffer) => {
    out += part.toString();
  });
  await until(() => out.includes("\n"), "the server");
  const { url, model: name, slots, context } = JSON.parse(out) as { url: string; model: string; slots: number; context: number };
  expect({ name, slots, context }).toEqual({ name: "tides", slots: 2, context: 48 });
  const client = new OpenAI({ baseURL: url, apiKey: "secret", maxRetries: 0 });
  const stream = await client.completions.create({ model: "tides", prompt: "the tide came", max_tokens: 8, temperature: 0, stream: true });
  let text = "";
  for await (const { choices } of stream) text += choices[0].text;
  expect(text.length).toBeGreaterThan(0);
  await expect(new OpenAI({ baseURL: url, apiKey: "wrong", maxRetries: 0 }).models.list()).rejects.toMatchObject({ status: 401 });
  running.process.kill("SIGTERM");
  expect((await running.finished).code).toBe(0);
});

it("a conversation comes through a pipe", async () => {
  const args = [path.join(root, "bin/atelier.js"), "chat", model, "--temperature", "0", "--max-tokens", "4"];
  const child = spawn(process.execPath, args, {
    cwd: sandbox.folder,
    env: { ...process.env, ...sandbox.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (part: Buffer) => {
    out += part.toString();
  });
  child.stderr.on("data", (part: Buffer) => {
    err += part.toString();
  });
  child.stdin.end("the tide\n/history\n/quit\n");
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, err).toBe(0);
  const [answer, ...history] = out.trimEnd().split("\n");
  expect(history).toEqual(["user: the tide", `assistant: ${answer}`]);
});

it.each([
  [["serve", "nobody"], "There is no run named"],
  [["serve", model, "--host", "0.0.0.0"], "needs a key"],
  [["chat", path.join(root, "tests/golden/data/lora/gpt2")], "The model that the adapter belongs to is not there."],
  [["chat", model, "--adapter", path.join(root, "tests/golden/data/lora/llama")], "trained on another model"],
  [["chat", model, "--quantize", "int3"], "int3"],
  [["finetune", model, "--data", "x.jsonl", "--out", "x", "--full", "--lora", "4"], "--full with --lora"],
  [["finetune", model, "--data", "x.jsonl", "--out", "x", "--field", "a"], "--field is for texts with labels"],
  [["chat", model, "--top-p", "0"], "`--top-p` is out of range"],
  [["chat", model, "--temperature", "-1"], "`--temperature` is out of range"],
])("%j is refused", async (args, message) => {
  const { code, err } = await sandbox.inside(args, { ATELIER_KEY: "" });
  expect(code).toBeGreaterThan(0);
  expect(err).toContain(message);
});
