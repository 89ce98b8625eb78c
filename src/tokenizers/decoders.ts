/** Decoders: tokens back to text. */
import { fromByteChars } from "./byte-alphabet.ts";
import { compilePattern } from "./pattern.ts";
import type { DecoderSpec } from "./spec.ts";

/** Tokens to pieces of text, which are then joined without anything between them. */
export type Decode = (tokens: readonly string[]) => readonly string[];

/** The function that a description stands for; none joins tokens with spaces. */
export function buildDecoder(spec: DecoderSpec | null | undefined): Decode {
  if (spec === null || spec === undefined) return (tokens) => [tokens.join(" ")];
  switch (spec.type) {
    case "Sequence": {
      const steps = spec.decoders.map(buildDecoder);
      return (tokens) => steps.reduce((done, step) => step(done), tokens);
    }
    case "ByteLevel":
      return (tokens) => [new TextDecoder("utf-8", { ignoreBOM: true }).decode(joinBytes(tokens.map(fromByteChars)))];
    case "WordPiece":
      return wordPiece(spec);
    case "Metaspace": {
      const drop = (spec.prepend_scheme ?? (spec.add_prefix_space === false ? "never" : "always")) !== "never";
      return (tokens) =>
        tokens.map((token, i) =>
          (drop && i === 0 && token.startsWith(spec.replacement) ? token.slice(spec.replacement.length) : token).replaceAll(
            spec.replacement,
            " ",
          ),
        );
    }
    case "BPEDecoder":
      return (tokens) => tokens.map((token, i) => token.replaceAll(spec.suffix, i === tokens.length - 1 ? "" : " "));
    case "ByteFallback":
      return byteFallback;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Strip":
      return (tokens) => tokens.map((token) => strip(token, spec.content, spec.start, spec.stop));
    case "Replace": {
      const wanted = compilePattern(spec.pattern);
      return (tokens) => tokens.map((token) => token.replace(wanted, () => spec.content));
    }
  }
}

/** Pieces one after the other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function wordPiece({ prefix, cleanup }: Extract<DecoderSpec, { type: "WordPiece" }>): Decode {
  return (tokens) =>
    tokens.map((token, i) => {
      const text = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return cleanup ? tidy(text) : text;
    });
}

/** Spaces that English does not write: the library's list, in its order. */
const TIDY: readonly (readonly [string, string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function tidy(text: string): string {
  return TIDY.reduce((done, [from, to]) => done.replaceAll(from, to), text);
}

/** `<0x0A>` and its like to bytes, neighbours together; where they are not UTF-8, one U+FFFD for each byte. */
function byteFallback(tokens: readonly string[]): readonly string[] {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    try {
      out.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)));
    } catch {
      out.push(...bytes.map(() => "\ufffd"));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
    if (byte !== null) bytes.push(Number.parseInt(byte[1], 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

function strip(token: string, content: string, start: number, stop: number): string {
  let [from, to] = [0, token.length];
  for (let i = 0; i < start && token.startsWith(content, from); i++) from += content.length;
  for (let i = 0; i < stop && to - content.length >= from && token.startsWith(content, to - content.length); i++) to -= content.length;
  return token.slice(from, to);
}
