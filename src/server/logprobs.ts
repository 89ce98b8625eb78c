/** Log-probabilities (natural logarithm) in the two forms of OpenAI's interface. Tokens that stand for no text are left out. */
import type { GeneratedToken } from "../generation/engine.ts";
import { tokenBytes, tokenText } from "../tokenizers/token-bytes.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

interface ChatLogprob {
  token: string;
  logprob: number;
  bytes: number[];
}

/** What OpenAI shows for a probability of zero. */
const LEAST = -9999;

/** Of chats. */
export function chatLogprobs(tokenizer: Tokenizer, tokens: readonly GeneratedToken[]) {
  const entry = (id: number, logprob: number): ChatLogprob => ({
    token: tokenText(tokenizer, id),
    logprob: Math.max(LEAST, logprob),
    bytes: [...tokenBytes(tokenizer, id)],
  });
  const content = withText(tokenizer, tokens).map(({ id, logprob = LEAST, top = [] }) => ({
    ...entry(id, logprob),
    top_logprobs: top.map((other) => entry(other.id, other.logprob)),
  }));
  return { content, refusal: null };
}

/** Of completions. `offset` counts the characters before the first token. */
export function completionLogprobs(tokenizer: Tokenizer, tokens: readonly GeneratedToken[], offset: number) {
  const shown = withText(tokenizer, tokens);
  const texts = shown.map(({ id }) => tokenText(tokenizer, id));
  let at = offset;
  return {
    tokens: texts,
    token_logprobs: shown.map(({ logprob = LEAST }) => Math.max(LEAST, logprob)),
    top_logprobs: shown.map(({ top = [] }) =>
      Object.fromEntries(top.map(({ id, logprob }) => [tokenText(tokenizer, id), Math.max(LEAST, logprob)])),
    ),
    text_offset: texts.map((text) => {
      const start = at;
      at += text.startsWith("bytes:") ? 0 : text.length;
      return start;
    }),
  };
}

function withText(tokenizer: Tokenizer, tokens: readonly GeneratedToken[]): GeneratedToken[] {
  const special = new Set(tokenizer.specialTokens.values());
  return tokens.filter(({ id }) => !special.has(id));
}
