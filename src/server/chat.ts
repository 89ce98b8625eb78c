import { AtelierError } from "../core/errors.ts";
import type { GenerationRequest } from "../generation/engine.ts";
import type { ChatMessage } from "../tokenizers/chat/template.ts";
import { ApiError, badParameter, inOneLine } from "./errors.ts";
import { chatLogprobs } from "./logprobs.ts";
import type { ChatBody, ResponseFormat } from "./schemas.ts";
import { checkStreamOptions, type ServedModel, samplingOf, stopsOf, tokensFor, usageOf } from "./settings.ts";
import { finishReason, serverSentEvent, streamEnd, type Work, writeAll, written } from "./work.ts";

interface Prepared {
  requests: GenerationRequest[];
  promptTokens: number;
}

/** The generations that a body asks for: `n` answers. @throws ApiError 400; UsageError for messages that the template refuses */
export function prepareChat(body: ChatBody, { model, signal }: Work): Prepared {
  const { engine, template } = model;
  if (body.top_logprobs !== undefined && !body.logprobs)
    throw badParameter("top_logprobs", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
  checkStreamOptions(body);
  const prompt = template.encode(engine.tokenizer, messagesOf(body), { addGenerationPrompt: true });
  const [tokens, param] =
    body.max_completion_tokens === undefined ? [body.max_tokens, "max_tokens"] : [body.max_completion_tokens, "max_completion_tokens"];
  const maxTokens = tokensFor(model, prompt, { tokens, param, of: "messages" });
  const stop = [...stopsOf(body.stop), ...template.stops];
  const requests = Array.from({ length: body.n }, (_, choice): GenerationRequest => {
    const constraint = constraintFor(body.response_format, model);
    return {
      prompt,
      maxTokens,
      sampling: samplingOf(body, choice, engine.vocabulary),
      stop,
      signal,
      ...(body.logprobs ? { logprobs: body.top_logprobs ?? 0 } : {}),
      ...(constraint === undefined ? {} : { constraint }),
    };
  });
  return { requests, promptTokens: prompt.length };
}

/** The reply to a chat that is not streamed. */
export async function chatCompletion(body: ChatBody, { requests, promptTokens }: Prepared, work: Work): Promise<object> {
  const { engine, template } = work.model;
  const texts = await writeAll(work, requests);
  return {
    ...head(work, "chat.completion"),
    choices: texts.map(({ text, tokens, finish }, index) => ({
      index,
      message: { role: "assistant", content: template.leadingSpace ? text.replace(/^ /, "") : text, refusal: null },
      logprobs: body.logprobs ? chatLogprobs(engine.tokenizer, tokens) : null,
      finish_reason: finishReason(finish),
    })),
    usage: usageOf(
      promptTokens,
      texts.reduce((sum, { finish }) => sum + finish.completionTokens, 0),
    ),
  };
}

/** The events of one that is. */
export async function* chatStream(body: ChatBody, { requests, promptTokens }: Prepared, work: Work): AsyncGenerator<string, void, void> {
  const { engine, template } = work.model;
  const counted = body.stream_options?.include_usage === true;
  const chunk = (choices: object[], usage?: object) =>
    serverSentEvent({ ...head(work, "chat.completion.chunk"), choices, ...(counted ? { usage: usage ?? null } : {}) });
  const delta = (index: number, content: object, logprobs: object | null = null, finish: string | null = null) =>
    chunk([{ index, delta: content, logprobs, finish_reason: finish }]);
  const begun = requests.map(() => false);
  let completionTokens = 0;
  for (const index of requests.keys()) yield delta(index, { role: "assistant", content: "", refusal: null });
  for await (const event of written(work, requests)) {
    const { index } = event;
    if ("finish" in event) {
      completionTokens += event.finish.completionTokens;
      yield delta(index, {}, null, finishReason(event.finish));
      continue;
    }
    const { token } = event;
    const content = template.leadingSpace && !begun[index] ? token.text.replace(/^ /, "") : token.text;
    begun[index] ||= token.text !== "";
    if (content !== "" || body.logprobs) yield delta(index, { content }, body.logprobs ? chatLogprobs(engine.tokenizer, [token]) : null);
  }
  if (counted) yield chunk([], usageOf(promptTokens, completionTokens));
  yield streamEnd;
}

function head({ id, created, model, fingerprint }: Work, object: string) {
  return { id: `chatcmpl-${id}`, object, created, model: model.name, system_fingerprint: fingerprint };
}

/** Roles as templates know them, and contents as plain texts. */
function messagesOf({ messages }: ChatBody): ChatMessage[] {
  return messages.map(({ role, content }, i) => {
    if ((content === undefined || content === null) && role !== "assistant")
      throw badParameter(`messages[${i}].content`, `Missing required parameter: 'messages[${i}].content'.`, "missing_required_parameter");
    const text = typeof content === "string" ? content : (content ?? []).map((part) => part.text).join("");
    return { role: role === "developer" ? "system" : role, content: text };
  });
}

function constraintFor(format: ResponseFormat | undefined, { constrain }: ServedModel) {
  if (format === undefined || format.type === "text") return undefined;
  if (constrain === undefined)
    throw badParameter(
      "response_format",
      `'response_format' of type '${format.type}' is not supported with this model.`,
      "unsupported_parameter",
    );
  try {
    return constrain(format.type === "json_schema" ? (format.json_schema.schema ?? {}) : undefined);
  } catch (error) {
    const reason = error instanceof AtelierError ? inOneLine(error.problem) : error instanceof Error ? error.message : String(error);
    throw new ApiError(400, `Invalid schema for response_format: ${reason}`, { param: "response_format", code: "invalid_value" });
  }
}
