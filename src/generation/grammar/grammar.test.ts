import { describe, expect, it } from "vitest";
import { trainByteBpe } from "../../tokenizers/byte-bpe.ts";
import { trainChar } from "../../tokenizers/char.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { TokenConstraint } from "../constraint.ts";
import { Sampler } from "../sampler.ts";
import { Automaton } from "./automaton.ts";
import { GrammarConstraints, grammarConstraint, jsonConstraint } from "./constraint.ts";
import { parseGrammar } from "./gbnf.ts";
import { utf8Ranges } from "./grammar.ts";
import { jsonSchemaGrammar } from "./json-schema.ts";

const samples = ['{"name": "Ünïcødé 😀", "age": 31, "list": [1, 2.5e-3, true, null, false]}', "the cat sat on the mat 0123456789"];
const tokenizer = trainByteBpe(samples, { size: 300 });

/** Whether a grammar takes a text, whole; cut into tokens or into bytes does not matter. */
function takes(source: string | object, text: string): boolean {
  const automaton = new Automaton(typeof source === "string" ? parseGrammar(source) : jsonSchemaGrammar(source));
  let state: ReturnType<Automaton["step"]> = automaton.start;
  for (const byte of new TextEncoder().encode(text)) {
    state = state && automaton.step(state, byte);
  }
  return state?.complete === true;
}

/** A text drawn at random among those that a constraint allows; ends as soon as it may with probability a half. */
function drawn(constraint: TokenConstraint, of: Tokenizer, seed: number, most = 2000): string {
  const end = of.vocabularySize;
  const logits = Float32Array.from({ length: end + 1 }, (_, id) => (id === end ? 3 : 0));
  const sampler = new Sampler({ temperature: 1, seed }, Int32Array.of(0), constraint, [end]);
  const ids: number[] = [];
  while (ids.length < most && !constraint.finished) {
    const id = sampler.choose(logits);
    if (id === end) break;
    constraint.advance(id);
    ids.push(id);
  }
  expect(constraint.complete).toBe(true);
  return of.decode(ids);
}

describe("parseGrammar", () => {
  it.each([
    ['root ::= "a" "b"', ["ab"], ["a", "abc", ""]],
    ["root ::= [a-c]+ [^x-z]?", ["a", "abcq", "cä"], ["", "ax", "qa"]],
    ['root ::= item ("," item){1,2}  # a list\nitem ::= "x" | "y"', ["x,y", "x,x,y"], ["x", "x,x,x,x"]],
    ["S = 'a' S 'b' | '' ;", ["", "ab", "aaabbb"], ["aab", "ba"]],
    ['root ::= "\\n\\x41\\u00e4" .', ["\nAä😀"], ["\nAä"]],
    ["root ::= [0-9]{3}\n", ["123"], ["12", "1234"]],
    ['root ::= ("a"\n | "b")\n "c"', ["ac", "bc"], ["a"]],
  ] as const)("reads %s", (source, good, bad) => {
    for (const text of good) expect(takes(source, text), text).toBe(true);
    for (const text of bad) expect(takes(source, text), text).toBe(false);
  });

  it("names what it cannot read, and where", () => {
    expect(() => parseGrammar('root ::= "a\n')).toThrow(/closing quote/);
    expect(() => parseGrammar('root ::= "a"\nroot ::= "b"')).toThrow(/line 2.*second/s);
    expect(() => parseGrammar("root ::= other")).toThrow(/"other"/);
    expect(() => parseGrammar("root ::= [z-a]")).toThrow(/range/);
    expect(() => parseGrammar("  # nothing")).toThrow(/empty/);
    expect(() => parseGrammar("root ::= (a")).toThrow();
  });

  it("refuses grammars that cannot be satisfied", () => {
    expect(() => new Automaton(parseGrammar('root ::= "a" root'))).toThrow(/never comes to an end/);
    expect(() => new Automaton(parseGrammar('root ::= root "a" | "b"'))).toThrow(/left-recursive.*try:/s);
    const digits = trainChar(["0123456789"]);
    expect(() => grammarConstraint('root ::= "yes" | "no"', digits)).toThrow(/vocabulary.*try:/s);
    expect(() => new Automaton(parseGrammar('root ::= (("a"{1,1000}){1,1000})'))).toThrow(/too large/);
  });
});

describe("utf8Ranges", () => {
  it("cover every code point once", () => {
    for (const [from, to] of [
      [0, 0x10ffff],
      [0x41, 0x3b1],
      [0x7ff, 0xd800],
      [0xffff, 0x1f601],
    ]) {
      const count = utf8Ranges(from, to).reduce((sum, form) => sum + form.reduce((product, [a, b]) => product * (b - a + 1), 1), 0);
      const surrogates = Math.max(0, Math.min(to, 0xdfff) - Math.max(from, 0xd800) + 1);
      expect(count).toBe(to - from + 1 - surrogates);
    }
  });
});

const person = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 8 },
    age: { type: "integer", description: "in years" },
    kind: { enum: ["cat", "dog", 3, null] },
    parents: { type: "array", items: { $ref: "#" }, maxItems: 2 },
    extra: { anyOf: [{ type: "boolean" }, { $ref: "#/$defs/point" }] },
  },
  required: ["name", "kind"],
  additionalProperties: false,
  $defs: { point: { type: "array", items: { type: "number" }, minItems: 2, maxItems: 2 } },
};

describe("jsonSchemaGrammar", () => {
  it("takes what fits, in the schema's order", () => {
    expect(takes(person, '{"name": "Ada", "kind": "cat"}')).toBe(true);
    expect(takes(person, '{"name":"a\\u00e4\\n","age":-3,"kind":3,"parents":[],"extra":[1,2.5e3]}')).toBe(true);
    expect(takes(person, '{\n  "name": "A",\n  "kind": null,\n  "parents": [{"name": "B", "kind": "dog"}]\n}')).toBe(true);
    expect(takes({}, '[{"a": [1, "😀", {}]}, null]')).toBe(true);
    expect(takes({ type: ["string", "null"] }, "null")).toBe(true);
    expect(takes({ const: { a: [1] } }, '{"a":[1]}')).toBe(true);
    expect(takes({ type: "object", additionalProperties: { type: "integer" } }, '{"x": 1, "y": 2}')).toBe(true);
  });

  it("takes nothing else", () => {
    for (const text of [
      '{"kind": "cat"}',
      '{"name": "", "kind": "cat"}',
      '{"name": "Ada", "kind": "cow"}',
      '{"name": "Ada", "kind": "cat", "more": 1}',
      '{"name": "Ada", "kind": "cat", "extra": [1]}',
      '{"name": "Ada", "age": 1.5, "kind": "cat"}',
      '{"name": "Ada", "age": 01, "kind": "cat"}',
      '{"name": "Ada" "kind": "cat"}',
      '{"name": "Ada", "kind": "cat"} ',
    ])
      expect(takes(person, text), text).toBe(false);
  });

  it("takes only values of the type that stands beside them, and no halves of characters", () => {
    const mixed = { enum: ["3", 3, 3.5, null], type: ["integer", "null"] };
    expect(["3", "null", "3.5", '"3"'].map((text) => takes(mixed, text))).toEqual([true, true, false, false]);
    expect(() => jsonSchemaGrammar({ enum: ["a"], type: "integer" })).toThrow(/of the schema's type/);
    expect(() => jsonSchemaGrammar({ const: 1, type: "string" })).toThrow(/#\/const/);
    const two = { type: "string", minLength: 2, maxLength: 2 };
    expect(['"\\u00e4x"', '"\\uD7ff\\ue000"', '"\\ud83d\\ude00"'].map((text) => takes(two, text))).toEqual([true, true, false]);
  });

  it("says where something is not supported", () => {
    expect(() => jsonSchemaGrammar({ type: "object", properties: { a: { type: "string", pattern: "x" } } })).toThrow(
      /#\/properties\/a\/pattern/,
    );
    expect(() => jsonSchemaGrammar({ type: "number", minimum: 0 })).toThrow(/minimum/);
    expect(() => jsonSchemaGrammar({ type: "thing" })).toThrow(/object, array/);
    expect(() => jsonSchemaGrammar({ $ref: "#/$defs/none" })).toThrow(/reference to nothing/);
    expect(() => jsonSchemaGrammar({ type: "object", properties: {}, required: ["x"] })).toThrow(/required/);
    expect(() => jsonSchemaGrammar({ enum: [] })).toThrow(/at least one/);
    expect(() => jsonSchemaGrammar({ type: "array", minItems: 3, maxItems: 2 })).toThrow(/maxItems/);
  });
});

describe("constraints", () => {
  it("leave a random writer no choice but to fit the schema, also with tokens of several and of parts of characters", () => {
    for (let seed = 0; seed < 20; seed++) {
      const value = JSON.parse(
        drawn(jsonConstraint({ ...person, properties: { ...person.properties, parents: { type: "null" } } }, tokenizer), tokenizer, seed),
      );
      expect(value.name.length).toBeGreaterThan(0);
      expect([3, null, "cat", "dog"]).toContain(value.kind);
      for (const key of Object.keys(value)) expect(Object.keys(person.properties)).toContain(key);
    }
  });

  it("end where nothing can follow, and may end where the text is complete", () => {
    const constraint = grammarConstraint('root ::= "yes" | "no" "t"?', trainChar(["yesnot"]));
    const letters = trainChar(["yesnot"]);
    for (const letter of "no") constraint.advance(letters.idOf(letter)!);
    expect(constraint.complete).toBe(true);
    expect(constraint.finished).toBe(false);
    constraint.advance(letters.idOf("t")!);
    expect(constraint.finished).toBe(true);
    expect(() => constraint.advance(0)).toThrow(/not allow/);
  });

  it("share masks between texts in the same state", () => {
    const constraints = new GrammarConstraints(parseGrammar('root ::= "t"*'), tokenizer);
    expect(constraints.begin().allowed()).toBe(constraints.begin().allowed());
  });
});
