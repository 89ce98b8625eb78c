// The server on a real engine: a small network with random weights, and texts that must be JSON.
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { DecoderEngine, jsonConstraint } from "../../generation/index.ts";
import { Gpt2 } from "../../nn/transformers/index.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { trainByteBpe } from "../../tokenizers/byte-bpe.ts";
import { plainChatTemplate } from "../../tokenizers/chat/template.ts";
import { TextService } from "../service.ts";
import { type RunningServer, serveHttp } from "./http.ts";

const tokenizer = trainByteBpe(['{"city": "the tide", "count": 12}'], { size: 280 });
/** Rows of the embeddings that no token has, as published networks have them. */
const PADDING = 8;
let server: RunningServer;
let client: OpenAI;
let engine: DecoderEngine;
beforeAll(async () => {
  const config = { vocabulary: tokenizer.vocabularySize + PADDING, context: 192, width: 32, layers: 2, heads: 4, deviation: 0.2 };
  const network = new Gpt2(config, new RandomStream(0, "weights"));
  // Likelier than all tokens, whatever was written: ten times another's row, with either sign.
  const { data } = network.transformer.wte.weight;
  for (let i = 0; i < PADDING * config.width; i++)
    data[tokenizer.vocabularySize * config.width + i] = (Math.floor(i / config.width) % 2 === 0 ? 10 : -10) * data[i % (2 * config.width)];
  engine = await DecoderEngine.open({ backend: await openBackend(), network, tokenizer, name: "tiny", slots: 4 });
  const constrain = (schema: Readonly<Record<string, unknown>> | undefined) => jsonConstraint(schema, tokenizer);
  server = await serveHttp(new TextService({ engine, template: plainChatTemplate(tokenizer), constrain }), { port: 0 });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());

const messages = [{ role: "user" as const, content: "hi" }];

it("writes JSON that fits a schema", async () => {
  const schema = {
    type: "object",
    properties: { kind: { enum: ["tide", "boat"] }, wet: { type: "boolean" } },
    required: ["kind", "wet"],
    additionalProperties: false,
  };
  const response_format = { type: "json_schema" as const, json_schema: { name: "thing", schema } };
  const reply = await client.chat.completions.create({ model: "tiny", messages, response_format, n: 3, seed: 1 });
  for (const { message, finish_reason } of reply.choices) {
    const value = JSON.parse(message.content!) as { kind: string; wet: boolean };
    expect(Object.keys(value)).toEqual(["kind", "wet"]);
    expect(["tide", "boat"]).toContain(value.kind);
    expect(typeof value.wet).toBe("boolean");
    expect(finish_reason).toBe("stop");
  }
  const wrong = { type: "json_schema" as const, json_schema: { name: "thing", schema: { type: "nonsense" } } };
  await expect(client.chat.completions.create({ model: "tiny", messages, response_format: wrong })).rejects.toMatchObject({
    status: 400,
    param: "response_format",
  });
});

it("never writes an id that no token has", async () => {
  const write = { model: "tiny", prompt: "the tide", max_tokens: 16, logprobs: 5 };
  for (const temperature of [0, 1.5]) {
    const { choices } = await client.completions.create({
      ...write,
      temperature,
      seed: 3,
      logit_bias: { [tokenizer.vocabularySize + 1]: 100 },
    });
    const told = choices[0].logprobs!.top_logprobs!;
    expect(told.length).toBeGreaterThan(0);
    for (const top of told) for (const logprob of Object.values(top)) expect(logprob).toBeGreaterThan(-50);
  }
});

it("writes the same for the same seed, alone or beside others, and embeds", async () => {
  const write = (seed: number) => client.completions.create({ model: "tiny", prompt: "the tide", max_tokens: 12, seed });
  const alone = await write(7);
  const [again, ...others] = await Promise.all([7, 8, 9, 10, 11, 12].map(write));
  expect(again.choices[0].text).toBe(alone.choices[0].text);
  expect(others.some(({ choices }) => choices[0].text !== alone.choices[0].text)).toBe(true);
  const { data } = await client.embeddings.create({ model: "tiny", input: ["the tide", "a boat"] });
  expect(data.map(({ embedding }) => Math.hypot(...embedding))).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5)]);
});

it("frees the slot of a stream that is cut", async () => {
  const stream = await client.chat.completions.create({ model: "tiny", messages, stream: true, logit_bias: { 0: -100 } });
  await stream[Symbol.asyncIterator]().next();
  stream.controller.abort();
  for (let i = 0; i < 400 && engine.stats().active > 0; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(engine.stats().active).toBe(0);
});
