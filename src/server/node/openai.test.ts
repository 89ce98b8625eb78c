// The official client of OpenAI, as it is, against our server.
import OpenAI, { type APIError, AuthenticationError, BadRequestError, NotFoundError, RateLimitError } from "openai";
import { afterEach, describe, expect, it } from "vitest";
import { UsageError } from "../../core/errors.ts";
import { plainChatTemplate } from "../../tokenizers/chat/template.ts";
import { TextService } from "../service.ts";
import { FakeEngine, type FakeOptions, fakeTokenizer } from "../testing/fake-engine.ts";
import { type HttpOptions, type RunningServer, serveHttp } from "./http.ts";

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function open({ queue, maxTokens, ...fake }: FakeOptions & { queue?: number; maxTokens?: number } = {}, http: HttpOptions = {}) {
  const engine = new FakeEngine(fake);
  const service = new TextService({ engine, template: plainChatTemplate(fakeTokenizer), queue, maxTokens });
  const server = await serveHttp(service, { port: 0, ...http });
  running.push(server);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: http.key ?? "none", maxRetries: 0 });
  return { engine, service, server, client };
}

async function until(ready: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !ready(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(ready()).toBe(true);
}

const hello = { model: "fake", messages: [{ role: "user" as const, content: "hello there" }] };
const answer = () => "once upon a time";

describe("models", () => {
  it("lists the one there is, and finds it by name", async () => {
    const { client } = await open();
    const list = await client.models.list();
    expect(list.data.map(({ id, object }) => [id, object])).toEqual([["fake", "model"]]);
    expect((await client.models.retrieve("fake")).owned_by).toBe("atelier");
    const error = await client.models.retrieve("gpt/9").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ status: 404, code: "model_not_found", type: "invalid_request_error" });
  });
});

describe("completions", () => {
  it("continue a text and count", async () => {
    const { client, engine } = await open();
    const reply = await client.completions.create({
      model: "fake",
      prompt: "the cat",
      max_tokens: 100,
      temperature: 0.5,
      seed: 7,
      top_p: 0.9,
    });
    expect(reply.choices[0]).toEqual({ text: "THE CAT", index: 0, logprobs: null, finish_reason: "stop" });
    expect(reply.object).toBe("text_completion");
    const prompt = fakeTokenizer.encode("the cat").length;
    const written = fakeTokenizer.encode("THE CAT").length + 1;
    expect(reply.usage).toEqual({ prompt_tokens: prompt, completion_tokens: written, total_tokens: prompt + written });
    expect(engine.requests[0].sampling).toEqual({ temperature: 0.5, topP: 0.9, seed: 7 });
  });

  it("take lists of prompts, ids, n, echo, and stop at 16 tokens unless told", async () => {
    const { client, engine } = await open({ reply: (prompt) => `${prompt}!`.repeat(40) });
    const two = await client.completions.create({ model: "fake", prompt: ["a", "b"], n: 2, echo: true, max_tokens: 2, seed: 3 });
    expect(two.choices.map(({ text, index }) => [text, index])).toEqual([
      ["aa!", 0],
      ["aa!", 1],
      ["bb!", 2],
      ["bb!", 3],
    ]);
    expect(engine.requests.map(({ sampling }) => sampling?.seed)).toEqual([3, "3/1", 3, "3/1"]);
    const ids = await client.completions.create({ model: "fake", prompt: Array.from(fakeTokenizer.encode("cat")) });
    expect(ids.choices[0].finish_reason).toBe("length");
    expect(ids.usage?.completion_tokens).toBe(16);
  });

  it("give log-probabilities", async () => {
    const { client } = await open({ reply: () => "the é" });
    const reply = await client.completions.create({ model: "fake", prompt: "x", logprobs: 2, max_tokens: 50 });
    const found = reply.choices[0].logprobs!;
    expect(found.tokens!.length).toBe(fakeTokenizer.encode("the é").length);
    expect(found.token_logprobs!.every((value) => value === -0.25)).toBe(true);
    expect(Object.keys(found.top_logprobs![0]).length).toBe(2);
    expect(found.tokens!.slice(-2)).toEqual(["bytes:\\xc3", "bytes:\\xa9"]);
    expect(found.text_offset![0]).toBe(0);
  });

  it("stream, with the counts at the end", async () => {
    const { client } = await open({ reply: answer });
    const stream = await client.completions.create({
      model: "fake",
      prompt: "x",
      stream: true,
      max_tokens: 50,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe("once upon a time");
    expect(chunks.at(-2)!.choices[0].finish_reason).toBe("stop");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 1 } });
    expect(chunks[0].usage).toBeNull();
  });
});

describe("chats", () => {
  it("answer by the template, and hide its space", async () => {
    const { client, engine } = await open({ reply: () => " hello" });
    const reply = await client.chat.completions.create({
      ...hello,
      messages: [{ role: "developer", content: "be kind" }, ...hello.messages],
    });
    expect(reply.choices[0]).toEqual({
      index: 0,
      message: { role: "assistant", content: "hello", refusal: null },
      logprobs: null,
      finish_reason: "stop",
    });
    expect(fakeTokenizer.decode(engine.requests[0].prompt)).toBe("be kind\n\nUser: hello there\nAssistant:");
    expect(engine.requests[0].maxTokens).toBe(256 - engine.requests[0].prompt.length);
  });

  it("stream through the client's helper, several at once", async () => {
    const { client } = await open({ reply: () => " the cat sat on the mat." });
    const runner = client.chat.completions.stream({ ...hello, n: 2, stream_options: { include_usage: true } });
    const deltas: string[] = [];
    runner.on("content.delta", ({ delta }) => deltas.push(delta));
    const final = await runner.finalChatCompletion();
    expect(final.choices.map(({ message }) => message.content)).toEqual(["the cat sat on the mat.", "the cat sat on the mat."]);
    expect(deltas.join("")).toContain("the cat");
    expect(final.usage!.total_tokens).toBeGreaterThan(10);
  });

  it("stop at texts and say so, and never show the start of one", async () => {
    const { client } = await open({ reply: () => " one two three\nUser: no" });
    const stopped = await client.chat.completions.create({ ...hello, stop: ["three", "zzz"] });
    expect(stopped.choices[0].message.content).toBe("one two ");
    expect(stopped.choices[0].finish_reason).toBe("stop");
    const plain = await client.chat.completions.create(hello);
    expect(plain.choices[0].message.content).toBe("one two three");
    const cut = await client.chat.completions.create({ ...hello, max_completion_tokens: 2 });
    expect(cut.choices[0].finish_reason).toBe("length");
  });

  it("give log-probabilities, streamed too", async () => {
    const { client } = await open({ reply: () => " the cat" });
    const reply = await client.chat.completions.create({ ...hello, logprobs: true, top_logprobs: 2 });
    const content = reply.choices[0].logprobs!.content!;
    expect(content.map(({ token }) => token).join("")).toBe(" the cat");
    expect(content[0].top_logprobs).toHaveLength(2);
    expect(Buffer.from(content.flatMap(({ bytes }) => bytes ?? [])).toString()).toBe(" the cat");
    const stream = await client.chat.completions.create({ ...hello, logprobs: true, stream: true });
    let count = 0;
    for await (const chunk of stream) count += chunk.choices[0].logprobs?.content?.length ?? 0;
    expect(count).toBe(content.length);
  });

  it("refuse formats that the model was not given", async () => {
    const { client } = await open();
    const error = await client.chat.completions.create({ ...hello, response_format: { type: "json_object" } }).catch((e: unknown) => e);
    expect(error).toMatchObject({ status: 400, param: "response_format", code: "unsupported_parameter" });
    const unknown = await client.chat.completions
      .create({ ...hello, response_format: { type: "xml" } as unknown as { type: "text" } })
      .catch((e: unknown) => e);
    expect(unknown).toMatchObject({ status: 400, param: "response_format.type", code: "invalid_value" });
    expect((unknown as Error).message).toContain("Supported values are: 'text', 'json_object', 'json_schema'");
  });

  it("refuse a schema in one sentence, and options of streams where none is asked for", async () => {
    const constrain = () => {
      throw new UsageError({ what: "This JSON schema is not supported.", where: "#/type", got: '"objekt"', expected: "object" });
    };
    const service = new TextService({ engine: new FakeEngine(), template: plainChatTemplate(fakeTokenizer), constrain });
    const server = await serveHttp(service, { port: 0 });
    running.push(server);
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    const error = await client.chat.completions
      .create({ ...hello, response_format: { type: "json_schema", json_schema: { name: "a", schema: { type: "objekt" } } } })
      .catch((e: unknown) => e);
    expect((error as Error).message).toContain(
      'Invalid schema for response_format: This JSON schema is not supported. At: #/type. Got: "objekt". Expected: object.',
    );
    for (const wrong of [
      client.chat.completions.create({ ...hello, stream_options: { include_usage: true } }),
      client.completions.create({ model: "fake", prompt: "x", stream_options: { include_usage: true } }),
    ])
      await expect(wrong).rejects.toMatchObject({ status: 400, param: "stream_options" });
  });
});

describe("embeddings", () => {
  it("come as base64 and as numbers, alike", async () => {
    const { client } = await open();
    const packed = await client.embeddings.create({ model: "fake", input: ["a", "the cat sat"] });
    const plain = await client.embeddings.create({ model: "fake", input: ["a", "the cat sat"], encoding_format: "float" });
    expect(packed.data).toEqual(plain.data);
    expect(plain.data[0].embedding[0]).toBeCloseTo(Math.sin(1), 6);
    expect(plain.usage.prompt_tokens).toBe(1 + fakeTokenizer.encode("the cat sat").length);
    await expect(client.embeddings.create({ model: "fake", input: "" })).rejects.toMatchObject({ status: 400, param: "input" });
    await expect(client.embeddings.create({ model: "fake", input: "a", dimensions: 3 })).rejects.toMatchObject({ param: "dimensions" });
  });
});

describe("errors", () => {
  it("are those of OpenAI", async () => {
    const { client } = await open({ context: 32 }, {});
    const of = (body: object) => client.chat.completions.create({ ...hello, ...body } as never).catch((e: unknown) => e as APIError);
    expect(await of({ model: "gpt-9" })).toBeInstanceOf(NotFoundError);
    expect(await of({ temperature: 2.5 })).toMatchObject({ status: 400, param: "temperature", code: "decimal_above_max_value" });
    expect(await of({ temperature: "hot" })).toMatchObject({ status: 400, param: "temperature", code: "invalid_type" });
    expect(await of({ messages: undefined })).toMatchObject({ status: 400, param: "messages", code: "missing_required_parameter" });
    expect(await of({ messages: [{ role: "robot", content: "x" }] })).toMatchObject({ status: 400, param: "messages[0].role" });
    expect(await of({ messages: [{ role: "user", content: [{ type: "image_url" }] }] })).toMatchObject({
      param: "messages[0].content[0].type",
    });
    expect(await of({ messages: [{ role: "user" }] })).toMatchObject({ param: "messages[0].content" });
    expect(await of({ tools: [] })).toMatchObject({ status: 400, param: "tools", code: "unknown_parameter" });
    expect(await of({ top_logprobs: 2 })).toMatchObject({ status: 400, param: "top_logprobs" });
    expect(await of({ stop: [""] })).toMatchObject({ status: 400, param: "stop" });
    expect(await of({ stop: ["a", "b", "c", "d", "e"] })).toMatchObject({ param: "stop", code: "array_above_max_length" });
    expect(await of({ logit_bias: { "999999": 1 } })).toMatchObject({ status: 400, param: "logit_bias" });
    expect(await of({ max_tokens: 100 })).toMatchObject({ status: 400, code: "context_length_exceeded", param: "messages" });
    const long = await of({ messages: [{ role: "user", content: "cat ".repeat(50) }] });
    expect(long).toBeInstanceOf(BadRequestError);
    expect(long).toMatchObject({ code: "context_length_exceeded" });
    const ids = await client.completions.create({ model: "fake", prompt: [1, 99_999] }).catch((e: unknown) => e);
    expect(ids).toMatchObject({ status: 400, param: "prompt" });
    const many = await client.completions.create({ model: "fake", prompt: ["a", "b"], n: 100 }).catch((e: unknown) => e);
    expect(many).toMatchObject({ status: 400, param: "n" });
  });

  it("say that more tokens are asked for than given", async () => {
    const { client } = await open({ maxTokens: 8 });
    await expect(client.chat.completions.create({ ...hello, max_tokens: 9 })).rejects.toMatchObject({ status: 400, param: "max_tokens" });
    expect((await client.chat.completions.create(hello)).usage!.completion_tokens).toBeLessThanOrEqual(8);
  });

  it("want the key where there is one", async () => {
    const { client, server } = await open({}, { key: "secret" });
    await expect(client.models.list()).resolves.toBeDefined();
    const other = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "wrong", maxRetries: 0 });
    await expect(other.models.list()).rejects.toBeInstanceOf(AuthenticationError);
  });

  it("tell of a full queue, and the client's own retries get through", async () => {
    const { client, engine, server } = await open({ slots: 1, queue: 1, milliseconds: 5 });
    const first = client.chat.completions.create(hello);
    await until(() => engine.stats().active === 1);
    const second = client.chat.completions.create(hello);
    await until(() => engine.requests.length === 1 && engine.stats().active === 1);
    const patient = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 5 });
    const [refused, third] = await Promise.all([
      client.chat.completions.create(hello).catch((e: unknown) => e),
      patient.chat.completions.create(hello),
    ]);
    expect(refused).toBeInstanceOf(RateLimitError);
    expect((refused as APIError).headers?.get("retry-after")).toBe("1");
    expect(third.choices).toHaveLength(1);
    await Promise.all([first, second]);
  });
});

describe("many at once", () => {
  it("loses none of 64 streams, and never uses more slots than there are", async () => {
    const { client, engine } = await open({ slots: 8, reply: (prompt) => `${prompt} and so on`, context: 256 });
    const texts = await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        const stream = await client.completions.create({ model: "fake", prompt: `text ${i}`, stream: true, max_tokens: 60 });
        let text = "";
        for await (const chunk of stream) text += chunk.choices[0].text;
        return text;
      }),
    );
    expect(texts).toEqual(texts.map((_, i) => `text ${i} and so on`));
    expect(engine.mostActive).toBe(8);
    expect(engine.stats().active).toBe(0);
  });

  it("frees the slot of a stream that is cut, and of one that waits", async () => {
    const { client, engine, service } = await open({ slots: 1, milliseconds: 2, context: 4000, reply: () => "on and on ".repeat(300) });
    const controller = new AbortController();
    const stream = await client.chat.completions.create({ ...hello, stream: true }, { signal: controller.signal });
    await stream[Symbol.asyncIterator]().next();
    expect(service.admission.active).toBe(1);
    const waits = client.chat.completions.create({ ...hello, stream: false }, { signal: controller.signal }).catch((e: unknown) => e);
    await until(() => service.admission.waiting === 1);
    controller.abort();
    await waits;
    await until(() => service.admission.active === 0 && service.admission.waiting === 0 && engine.stats().active === 0);
    const next = await client.completions.create({ model: "fake", prompt: "x", max_tokens: 2 });
    expect(next.choices[0].text).toBe("on ");
  });

  it("gives each request its turn", async () => {
    const { client } = await open({ slots: 1, milliseconds: 1, reply: () => "one two three" });
    const ended: string[] = [];
    const big = client.completions.create({ model: "fake", prompt: "x", n: 20 }).then(() => ended.push("big"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const small = client.completions.create({ model: "fake", prompt: "x" }).then(() => ended.push("small"));
    await Promise.all([big, small]);
    expect(ended).toEqual(["small", "big"]);
  });
});
