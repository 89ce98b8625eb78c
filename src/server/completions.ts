import type { GenerationRequest } from "../generation/engine.ts";
import { badParameter } from "./errors.ts";
import { completionLogprobs } from "./logprobs.ts";
import { type CompletionBody, MOST_CHOICES } from "./schemas.ts";
import { checkStreamOptions, promptIds, samplingOf, stopsOf, tokensFor, usageOf } from "./settings.ts";
import { finishReason, serverSentEvent, streamEnd, type Work, writeAll, written } from "./work.ts";

/** Tokens of a completion whose request does not say: OpenAI's. */
const USUAL_TOKENS = 16;

interface Prepared {
  requests: GenerationRequest[];
  /** What each text is put after: its prompt with `echo`, else nothing. */
  before: string[];
  promptTokens: number;
}

/** The generations that a body asks for: `n` a prompt. @throws ApiError 400 */
export function prepareCompletion(body: CompletionBody, work: Work): Prepared {
  const { model, signal } = work;
  const { engine } = model;
  if (body.suffix !== undefined && body.suffix !== "")
    throw badParameter("suffix", "This model cannot fill in text before a suffix.", "unsupported_parameter");
  if (body.best_of !== undefined && body.best_of !== body.n)
    throw badParameter("best_of", "'best_of' other than 'n' is not supported.", "unsupported_parameter");
  if (body.echo && body.logprobs !== undefined)
    throw badParameter("echo", "'echo' together with 'logprobs' is not supported: prompts are not scored.", "unsupported_parameter");
  checkStreamOptions(body);
  const given = promptList(body.prompt);
  if (given.length * body.n > MOST_CHOICES)
    throw badParameter("n", `Too many texts for one request: ${given.length} prompts times ${body.n}. Expected at most ${MOST_CHOICES}.`);
  const stop = stopsOf(body.stop);
  const prompts = given.map((prompt) => promptIds(engine, prompt, "prompt"));
  const requests = prompts.flatMap((prompt) => {
    const maxTokens = tokensFor(model, prompt, { tokens: body.max_tokens, param: "max_tokens", of: "prompt" }, USUAL_TOKENS);
    return Array.from({ length: body.n }, (_, choice): GenerationRequest => {
      const sampling = samplingOf(body, choice, engine.vocabulary);
      return { prompt, maxTokens, sampling, stop, signal, ...(body.logprobs === undefined ? {} : { logprobs: body.logprobs }) };
    });
  });
  const before = given.flatMap((prompt, i) =>
    new Array<string>(body.n).fill(!body.echo ? "" : typeof prompt === "string" ? prompt : engine.tokenizer.decode(prompts[i])),
  );
  return { requests, before, promptTokens: prompts.reduce((sum, { length }) => sum + length, 0) };
}

/** The reply to a completion that is not streamed. */
export async function completion(body: CompletionBody, { requests, before, promptTokens }: Prepared, work: Work): Promise<object> {
  const texts = await writeAll(work, requests);
  return {
    ...head(work),
    choices: texts.map(({ text, tokens, finish }, index) => ({
      text: before[index] + text,
      index,
      logprobs: body.logprobs === undefined ? null : completionLogprobs(work.model.engine.tokenizer, tokens, before[index].length),
      finish_reason: finishReason(finish),
    })),
    usage: usageOf(
      promptTokens,
      texts.reduce((sum, { finish }) => sum + finish.completionTokens, 0),
    ),
  };
}

/** The events of one that is. */
export async function* completionStream(
  body: CompletionBody,
  { requests, before, promptTokens }: Prepared,
  work: Work,
): AsyncGenerator<string, void, void> {
  const counted = body.stream_options?.include_usage === true;
  const chunk = (choices: object[], usage?: object) =>
    serverSentEvent({ ...head(work), choices, ...(counted ? { usage: usage ?? null } : {}) });
  const lengths = before.map(({ length }) => length);
  let completionTokens = 0;
  for (const [index, text] of before.entries()) if (text !== "") yield chunk([{ text, index, logprobs: null, finish_reason: null }]);
  for await (const event of written(work, requests)) {
    const { index } = event;
    if ("finish" in event) {
      completionTokens += event.finish.completionTokens;
      yield chunk([{ text: "", index, logprobs: null, finish_reason: finishReason(event.finish) }]);
    } else if (event.token.text !== "" || body.logprobs !== undefined) {
      const logprobs = body.logprobs === undefined ? null : completionLogprobs(work.model.engine.tokenizer, [event.token], lengths[index]);
      yield chunk([{ text: event.token.text, index, logprobs, finish_reason: null }]);
      lengths[index] += event.token.text.length;
    }
  }
  if (counted) yield chunk([], usageOf(promptTokens, completionTokens));
  yield streamEnd;
}

function head({ id, created, model, fingerprint }: Work) {
  return { id: `cmpl-${id}`, object: "text_completion", created, model: model.name, system_fingerprint: fingerprint };
}

function promptList(prompt: CompletionBody["prompt"]): (string | number[])[] {
  if (typeof prompt === "string") return [prompt];
  return typeof prompt[0] === "number" ? [prompt as number[]] : (prompt as string[] | number[][]);
}
