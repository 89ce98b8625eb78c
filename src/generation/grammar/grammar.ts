/** Grammars as data: what both readers (GBNF text, JSON schemas) make, and what automata are made of. */

/** What a piece of text looks like. */
export type Expression =
  | { readonly kind: "text"; readonly text: string }
  /** One character, by inclusive ranges of code points. */
  | { readonly kind: "chars"; readonly ranges: readonly (readonly [from: number, to: number])[] }
  | { readonly kind: "sequence"; readonly parts: readonly Expression[] }
  | { readonly kind: "choice"; readonly options: readonly Expression[] }
  /** `part` between `least` and `most` times; Infinity for no limit. */
  | { readonly kind: "repeat"; readonly part: Expression; readonly least: number; readonly most: number }
  | { readonly kind: "rule"; readonly name: string };

/** Rules by name; texts are what `root` describes. */
export interface Grammar {
  readonly root: string;
  readonly rules: ReadonlyMap<string, Expression>;
}

/** A text as it is. */
export const text = (value: string): Expression => ({ kind: "text", text: value });
/** One character of the inclusive ranges of code points. */
export const chars = (...ranges: (readonly [number, number])[]): Expression => ({ kind: "chars", ranges });
/** One after another. */
export const sequence = (...parts: Expression[]): Expression => (parts.length === 1 ? parts[0] : { kind: "sequence", parts });
/** One of several. */
export const choice = (...options: Expression[]): Expression => (options.length === 1 ? options[0] : { kind: "choice", options });
/** Between `least` and `most` times. */
export const repeat = (part: Expression, least: number, most: number): Expression => ({ kind: "repeat", part, least, most });
/** What a rule describes. */
export const rule = (name: string): Expression => ({ kind: "rule", name });

const lastPoint = 0x10ffff;

/** The code points outside of ranges. */
export function complement(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const out: [number, number][] = [];
  let from = 0;
  for (const [a, b] of sorted) {
    if (a > from) out.push([from, a - 1]);
    from = Math.max(from, b + 1);
  }
  if (from <= lastPoint) out.push([from, lastPoint]);
  return out;
}

/** The UTF-8 forms of code points in an inclusive range, as sequences of inclusive ranges of bytes. Surrogates have none. */
export function utf8Ranges(from: number, to: number): (readonly [number, number])[][] {
  const out: (readonly [number, number])[][] = [];
  for (const [low, high] of [
    [0, 0x7f],
    [0x80, 0x7ff],
    [0x800, 0xd7ff],
    [0xe000, 0xffff],
    [0x10000, lastPoint],
  ]) {
    const [a, b] = [Math.max(from, low), Math.min(to, high)];
    if (a <= b) splitRange(a, b, out);
  }
  return out;
}

/** Cut a range of code points with forms of one length so that in each piece every byte's range is independent of the others. */
function splitRange(from: number, to: number, out: (readonly [number, number])[][]): void {
  for (let shift = 6; shift <= 18; shift += 6) {
    const mask = (1 << shift) - 1;
    if (from >> shift === to >> shift || from <= 0x7f) continue;
    if ((from & mask) !== 0) {
      splitRange(from, from | mask, out);
      splitRange((from | mask) + 1, to, out);
      return;
    }
    if ((to & mask) !== mask) {
      splitRange(from, (to & ~mask) - 1, out);
      splitRange(to & ~mask, to, out);
      return;
    }
  }
  const [a, b] = [from, to].map((point) => new TextEncoder().encode(String.fromCodePoint(point)));
  out.push(Array.from(a, (byte, i) => [byte, b[i]] as const));
}
