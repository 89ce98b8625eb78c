/** What a tokenizer's model does: words to ids, with a vocabulary. */
export interface TokenModel {
  /** Tokens by id; ids that no token has are undefined. */
  readonly tokens: readonly (string | undefined)[];
  /** The id of a token, or undefined. */
  idOf(token: string): number | undefined;
  /** Append the ids of one word. */
  encodeWord(word: string, out: number[]): void;
  /**
   * Where a word that is a whole text may be cut without changing its ids, so that parts can be remembered; undefined where it may not.
   */
  readonly safeCuts?: RegExp | undefined;
}

/** The tokens of a vocabulary by id. */
export function tokensById(vocab: ReadonlyMap<string, number>): (string | undefined)[] {
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of vocab) tokens[id] = token;
  return tokens;
}

const encoder = new TextEncoder();

/** The ids of the tokens `<0x00>` to `<0xFF>`; undefined where any is missing. */
export function byteTokens(vocab: ReadonlyMap<string, number>): readonly number[] | undefined {
  const ids = Array.from({ length: 256 }, (_, byte) => vocab.get(byteToken(byte)) ?? -1);
  return ids.includes(-1) ? undefined : ids;
}

/** The name of a byte's token: `<0x0A>`. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** Append the tokens of a text's UTF-8 bytes. */
export function pushBytes(text: string, bytes: readonly number[], out: number[]): void {
  for (const byte of encoder.encode(text)) out.push(bytes[byte]);
}
