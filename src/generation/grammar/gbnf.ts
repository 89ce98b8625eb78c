import { UsageError } from "../../core/errors.ts";
import { chars, choice, complement, type Expression, type Grammar, repeat, rule, sequence, text } from "./grammar.ts";

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  "\\": "\\",
  '"': '"',
  "'": "'",
  "[": "[",
  "]": "]",
  "-": "-",
  "^": "^",
};
const hexLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/**
 * Read a grammar in GBNF, the notation of llama.cpp, or plain EBNF: `name ::= "text" [a-z0-9_] other-rule ("a" | "b")* part? [^"]{1,20} . # comment`.
 * `=` may stand for `::=`, and `;` may end a rule. The text is what the rule `root` describes, or the first rule where none is named so.
 * @throws UsageError with the line, for what cannot be read and for rules that do not exist
 */
export function parseGrammar(source: string): Grammar {
  const reader = new Reader(source);
  const rules = new Map<string, Expression>();
  for (reader.skip(); !reader.atEnd; reader.skip()) {
    const name = reader.match(ruleName) ?? reader.fail("a rule's name");
    reader.skip();
    if (reader.match(/::=|=/y) === undefined) reader.fail("::=");
    if (rules.has(name)) reader.fail(`a rule that is not there yet, not a second "${name}"`);
    rules.set(name, reader.alternatives());
    reader.skip();
    reader.match(/;/y);
  }
  if (rules.size === 0) throw new UsageError("The grammar is empty: there is no rule in it.");
  for (const used of reader.used)
    if (!rules.has(used))
      throw new UsageError({ what: `The grammar uses a rule that it has not: "${used}".`, expected: [...rules.keys()].join(", ") });
  return { root: rules.has("root") ? "root" : rules.keys().next().value!, rules };
}

const ruleName = /[A-Za-z_][A-Za-z0-9_-]*/y;
const nextRule = /[A-Za-z_][A-Za-z0-9_-]*\s*(::=|=)/y;

class Reader {
  readonly used = new Set<string>();
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get atEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  /** Blanks, line ends and comments. */
  skip(): void {
    this.match(/(\s|#[^\n]*)+/y);
  }

  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  fail(expected: string): never {
    const before = this.#source.slice(0, this.#at).split("\n");
    throw new UsageError({
      what: "The grammar cannot be read.",
      where: `line ${before.length}, column ${before[before.length - 1].length + 1}`,
      got: this.atEnd ? "the end" : JSON.stringify(this.#source.slice(this.#at, this.#at + 20)),
      expected,
    });
  }

  alternatives(): Expression {
    const options = [this.#sequence()];
    for (this.skip(); this.match(/\|/y) !== undefined; this.skip()) options.push(this.#sequence());
    return choice(...options);
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    for (;;) {
      this.skip();
      const part = this.#part();
      if (part === undefined) return sequence(...parts);
      parts.push(this.#repeated(part));
    }
  }

  #part(): Expression | undefined {
    nextRule.lastIndex = this.#at;
    if (nextRule.test(this.#source)) return undefined;
    const name = this.match(ruleName);
    if (name !== undefined) {
      this.used.add(name);
      return rule(name);
    }
    const quote = this.match(/["']/y);
    if (quote !== undefined) return text(this.#literal(quote));
    if (this.match(/\[/y) !== undefined) return this.#class();
    if (this.match(/\./y) !== undefined) return chars([0, 0x10ffff]);
    if (this.match(/\(/y) === undefined) return undefined;
    const inner = this.alternatives();
    if (this.match(/\)/y) === undefined) this.fail(")");
    return inner;
  }

  #repeated(part: Expression): Expression {
    const sign = this.match(/[*+?]|\{\s*\d+\s*(,\s*\d*\s*)?\}/y);
    if (sign === undefined) return part;
    if (sign === "*") return repeat(part, 0, Number.POSITIVE_INFINITY);
    if (sign === "+") return repeat(part, 1, Number.POSITIVE_INFINITY);
    if (sign === "?") return repeat(part, 0, 1);
    const [least, most] = sign
      .slice(1, -1)
      .split(",")
      .map((part) => part.trim());
    const limit = most === undefined ? Number(least) : most === "" ? Number.POSITIVE_INFINITY : Number(most);
    if (limit < Number(least)) this.fail("a repetition whose second number is not below the first");
    return repeat(part, Number(least), limit);
  }

  #literal(quote: string): string {
    let value = "";
    while (this.match(quote === '"' ? /"/y : /'/y) === undefined) value += String.fromCodePoint(this.#point());
    return value;
  }

  #class(): Expression {
    const negated = this.match(/\^/y) !== undefined;
    const ranges: [number, number][] = [];
    while (this.match(/\]/y) === undefined) {
      const from = this.#point();
      const to = this.match(/-(?!\])/y) === undefined ? from : this.#point();
      if (to < from) this.fail("a range whose end is not before its begin");
      ranges.push([from, to]);
    }
    return chars(...(negated ? complement(ranges) : ranges));
  }

  /** One character, maybe escaped, as its code point. */
  #point(): number {
    const plain = this.match(/[^\\]/suy) ?? (this.match(/\\/y) === undefined ? this.fail("a closing quote or bracket") : undefined);
    if (plain !== undefined) return plain.codePointAt(0)!;
    const sign = this.match(/./y) ?? this.fail("an escaped character");
    const length = hexLengths[sign];
    if (length === undefined) return (escapes[sign] ?? this.fail(`one of \\n \\r \\t \\\\ \\" \\xHH \\uHHHH`)).codePointAt(0)!;
    const digits = this.match(new RegExp(`[0-9A-Fa-f]{${length}}`, "y")) ?? this.fail(`${length} hexadecimal digits`);
    return Number.parseInt(digits, 16);
  }
}
