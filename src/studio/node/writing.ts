/** In a worker: texts and conversations, and looks into models of text. */

import type { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import { ChatSession } from "../../generation/chat-session.ts";
import type { Finish, GeneratedToken, GenerationRequest, SamplingOptions } from "../../generation/engine.ts";
import { attentionMaps } from "../../runs/attention-maps.ts";
import { promptIds } from "../../runs/continue-text.ts";
import { fillMasks } from "../../runs/fill-mask.ts";
import { PairWriter } from "../../runs/translate.ts";
import { tokenText } from "../../tokenizers/token-bytes.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { AttentionTold, ChatMade, MasksTold, PairsTold, TextMade, TokenTold } from "../generate.ts";
import type { attentionRequest, chatRequest, masksRequest, pairsRequest, textRequest } from "../generate-requests.ts";
import type { Holder } from "./holder.ts";
import type { Desk } from "./painting.ts";

type Chosen = Pick<z.output<typeof textRequest>, "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty" | "seed">;

function samplingOf({ temperature, topK, topP, minP, repetitionPenalty, seed }: Chosen): SamplingOptions {
  const given = { topK, topP, minP, repetitionPenalty };
  return {
    temperature,
    seed,
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as SamplingOptions),
  };
}

/** Continue a prompt, token by token. @throws UsageError for a model that does not, and for what does not fit */
export async function writeText(holder: Holder, request: z.output<typeof textRequest>, { tell, signal }: Desk): Promise<TextMade> {
  const note = (text: string) => tell({ type: "progress", text });
  const { engine } = await holder.text(note);
  const { tokenizer } = engine;
  const ids = Int32Array.of(...promptOf(holder, tokenizer, request.prompt), ...request.tokens);
  const wrong = request.tokens.find((id) => id >= engine.vocabulary);
  if (wrong !== undefined)
    throw new UsageError({ what: "There is no such token.", got: String(wrong), expected: `ids below ${engine.vocabulary}` });
  const fits = ids.length + request.maxTokens <= engine.context;
  // Beyond its context a run of ours goes on, forgetting what lies further back; other networks end there.
  const beyond = fits ? undefined : await holder.writer(note);
  const room = beyond === undefined ? Math.min(request.maxTokens, engine.context - ids.length) : request.maxTokens;
  if (room < request.maxTokens)
    tell({ type: "note", text: `The context of ${engine.context} tokens leaves room for ${Math.max(0, room)}.` });
  const { stop, alternatives } = request;
  const asked: GenerationRequest = {
    ...{ prompt: ids, maxTokens: room, sampling: samplingOf(request), stop, logprobs: alternatives, signal },
  };
  const started = performance.now();
  const finish = await followed((beyond ?? engine).generate(asked), (token) => tell({ type: "token", ...told(tokenizer, token) }));
  const seconds = (performance.now() - started) / 1000;
  const { reason, promptTokens, completionTokens: tokens } = finish;
  return { kind: "text", reason, promptTokens, tokens, seconds, seed: request.seed };
}

/** A run's prompt as it is; a folder's with the special tokens that its tokenizer puts around. */
function promptOf(holder: Holder, tokenizer: Tokenizer, prompt: string): Int32Array {
  const whole = holder.pretrained ? tokenizer.encode(prompt) : new Int32Array(0);
  return whole.length > 0 ? whole : promptIds(tokenizer, prompt);
}

async function followed(tokens: AsyncGenerator<GeneratedToken, Finish, void>, each: (token: GeneratedToken) => void): Promise<Finish> {
  for (;;) {
    const next = await tokens.next();
    if (next.done) return next.value;
    each(next.value);
  }
}

function told(tokenizer: Tokenizer, { id, text, logprob = Number.NEGATIVE_INFINITY, top = [] }: GeneratedToken): TokenTold {
  const others = top.map((other) => ({ id: other.id, text: nameOf(tokenizer, other.id), probability: Math.exp(other.logprob) }));
  return { id, text, probability: Math.exp(logprob), top: others };
}

/** A token as text; rows of a network that no token has are called by their number. */
function nameOf(tokenizer: Tokenizer, id: number): string {
  return tokenizer.tokenOf(id) === undefined ? `#${id}` : tokenText(tokenizer, id);
}

/** Answer the last message of a conversation, piece by piece. @throws UsageError for what does not fit, or a template refuses */
export async function answerChat(holder: Holder, request: z.output<typeof chatRequest>, { tell, signal }: Desk): Promise<ChatMade> {
  const note = (text: string) => tell({ type: "progress", text });
  const { engine, template } = await holder.text(note);
  const { examples, messages, maxTokens } = request;
  const system = request.system?.trim() ? request.system : undefined;
  const last = messages[messages.length - 1];
  if (last.role !== "user") throw new UsageError({ what: "The last message is not the user's: there is nothing to answer." });
  const shown = examples.flatMap(({ user, assistant }) => [
    { role: "user", content: user },
    { role: "assistant", content: assistant },
  ]);
  const session = new ChatSession(engine, template, {
    ...{ system, history: [...shown, ...messages.slice(0, -1)], sampling: samplingOf(request) },
    maxTokens: Math.min(maxTokens, engine.context - 1),
  });
  const all = [...session.messages, last];
  const started = performance.now();
  const pieces = session.say(last.content, signal);
  for (;;) {
    const next = await pieces.next();
    if (!next.done) {
      tell({ type: "piece", text: next.value });
      continue;
    }
    const { text, reason, forgotten, promptTokens, completionTokens: tokens } = next.value;
    const seen = [...(system === undefined ? [] : all.slice(0, 1)), ...all.slice((system === undefined ? 0 : 1) + forgotten)];
    const prompt = template.render(seen, { addGenerationPrompt: true });
    return { kind: "chat", text, reason, forgotten, promptTokens, tokens, seconds: (performance.now() - started) / 1000, prompt };
  }
}

/** Weights in [0, 1] as uint16, 65535 for 1. */
function weightsOf(weights: Float32Array): string {
  const values = Uint16Array.from(weights, (value) => Math.round(65_535 * Math.min(1, Math.max(0, value))));
  return Buffer.from(values.buffer).toString("base64");
}

/** Where the tokens of a text look. @throws UsageError for a model without attention, and a text of more than 64 tokens */
export async function lookAt(holder: Holder, { text }: z.output<typeof attentionRequest>): Promise<AttentionTold> {
  const { model, view } = await holder.open(() => undefined);
  if (model.tokenizers === undefined) throw new UsageError({ what: `The model "${model.record.name}" reads no text.` });
  const { tokens, layers } = await attentionMaps(model.network, view.backend, model.tokenizers.tokenizer, text);
  return { tokens, layers: layers.map((heads) => heads.map(weightsOf)) };
}

/** What may stand behind the masks of a text. @throws UsageError */
export async function guessMasks(holder: Holder, { text, top }: z.output<typeof masksRequest>): Promise<MasksTold> {
  const { model, view } = await holder.open(() => undefined);
  if (model.tokenizers === undefined) throw new UsageError({ what: `The model "${model.record.name}" reads no text.` });
  const masks = await fillMasks(model.network, model.tokenizers.tokenizer, view.backend, text, { top });
  return { masks: masks.map((guesses) => guesses.map(({ token, probability }) => ({ token, probability }))) };
}

/** What a text becomes, the best first, and where the model looked for it. @throws UsageError */
export async function writePairs(holder: Holder, { text, sampling, count }: z.output<typeof pairsRequest>): Promise<PairsTold> {
  const { model, view } = await holder.open(() => undefined);
  const { tokenizers } = model;
  if (tokenizers === undefined) throw new UsageError({ what: `The model "${model.record.name}" does not write one text from another.` });
  const { sourceTokenizer = tokenizers.tokenizer } = tokenizers;
  const unknown = sourceTokenizer.idOf("<unk>");
  const missing = sourceTokenizer.encode(text, { addSpecialTokens: false }).filter((id) => id === unknown).length;
  const started = performance.now();
  const writer = await PairWriter.open(view, tokenizers, [text], { sampling });
  try {
    const [beams] = await writer.write();
    const { source, target, weights } = await writer.align(0, beams[0]);
    return {
      texts: beams.slice(0, count).map(({ text, logProbability, finished }) => ({ text, logProbability, finished })),
      notes:
        missing === 0
          ? []
          : [`${missing} of the text's tokens are not in the vocabulary, such as letters that the data have only in lower case`],
      alignment: { source, target, weights: weightsOf(Float32Array.from(weights)) },
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await writer.close();
  }
}
