import { UsageError } from "../../core/errors.ts";
import { tokenBytes } from "../../tokenizers/token-bytes.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { TokenConstraint } from "../constraint.ts";
import { Automaton, type State } from "./automaton.ts";
import { parseGrammar } from "./gbnf.ts";
import type { Grammar } from "./grammar.ts";
import { jsonSchemaGrammar } from "./json-schema.ts";

/** A place in the tree of all tokens' bytes. */
interface Branch {
  /** Tokens that end here: several may have the same bytes. */
  readonly ids: number[];
  readonly next: Map<number, Branch>;
}

/** The tokens of a vocabulary by their bytes; tokens that stand for no text are not among them. */
interface Vocabulary {
  readonly size: number;
  readonly bytes: readonly (Uint8Array | undefined)[];
  readonly root: Branch;
}

const vocabularies = new WeakMap<Tokenizer, Vocabulary>();

function vocabularyOf(tokenizer: Tokenizer): Vocabulary {
  const known = vocabularies.get(tokenizer);
  if (known !== undefined) return known;
  const special = new Set(tokenizer.specialTokens.values());
  const bytes = Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
    special.has(id) || tokenizer.tokenOf(id) === undefined ? undefined : tokenBytes(tokenizer, id),
  );
  const root: Branch = { ids: [], next: new Map() };
  bytes.forEach((token, id) => {
    if (token === undefined || token.length === 0) return;
    let at = root;
    for (const byte of token) {
      const next: Branch = at.next.get(byte) ?? { ids: [], next: new Map() };
      at.next.set(byte, next);
      at = next;
    }
    at.ids.push(id);
  });
  const vocabulary = { size: tokenizer.vocabularySize, bytes, root };
  vocabularies.set(tokenizer, vocabulary);
  return vocabulary;
}

/** Masks that are kept, each as long as the vocabulary. */
const mostMasks = 256;

/** A grammar made ready for a tokenizer: states and masks are shared by all texts that follow it. */
export class GrammarConstraints {
  readonly #automaton: Automaton;
  readonly #vocabulary: Vocabulary;
  readonly #masks = new Map<State, Uint8Array>();

  /** @throws UsageError for a grammar that cannot be satisfied, in general or with this vocabulary */
  constructor(grammar: Grammar, tokenizer: Tokenizer) {
    this.#automaton = new Automaton(grammar);
    this.#vocabulary = vocabularyOf(tokenizer);
    const { start } = this.#automaton;
    if (!start.complete && !this.mask(start).includes(1))
      throw new UsageError({
        what: "The grammar cannot be satisfied with this vocabulary: no token begins a text that follows it.",
        hint: "begin with characters that the tokenizer has, or take a model whose tokenizer knows all bytes (byte-level BPE, SentencePiece)",
      });
  }

  /** A constraint for one text. */
  begin(): TokenConstraint {
    return new Followed(this, this.#automaton.start);
  }

  /** Which tokens may come in a state, [vocabulary]. */
  mask(state: State): Uint8Array {
    const known = this.#masks.get(state);
    if (known !== undefined) return known;
    const mask = new Uint8Array(this.#vocabulary.size);
    this.#mark(this.#vocabulary.root, state, mask);
    if (this.#masks.size >= mostMasks) this.#masks.delete(this.#masks.keys().next().value!);
    this.#masks.set(state, mask);
    return mask;
  }

  /** The state after a token; undefined where it may not come. */
  after(state: State, id: number): State | undefined {
    let at: State | undefined = state;
    const bytes = this.#vocabulary.bytes[id];
    if (bytes === undefined || bytes.length === 0) return undefined;
    for (const byte of bytes) {
      at = this.#automaton.step(at, byte);
      if (at === undefined) return undefined;
    }
    return at;
  }

  #mark(branch: Branch, state: State, mask: Uint8Array): void {
    for (const id of branch.ids) mask[id] = 1;
    for (const [byte, next] of branch.next) {
      const after = this.#automaton.step(state, byte);
      if (after !== undefined) this.#mark(next, after, mask);
    }
  }
}

class Followed implements TokenConstraint {
  readonly #constraints: GrammarConstraints;
  #state: State;

  constructor(constraints: GrammarConstraints, state: State) {
    this.#constraints = constraints;
    this.#state = state;
  }

  get complete(): boolean {
    return this.#state.complete;
  }

  get finished(): boolean {
    return this.#state.complete && this.#state.ways.length === 0;
  }

  allowed(): Uint8Array {
    return this.#constraints.mask(this.#state);
  }

  advance(id: number): void {
    const next = this.#constraints.after(this.#state, id);
    if (next === undefined) throw new UsageError({ what: "A token came that the grammar does not allow.", got: String(id) });
    this.#state = next;
  }
}

/** A constraint by a grammar's text, for one text. @throws UsageError as {@link parseGrammar} and {@link GrammarConstraints} */
export function grammarConstraint(source: string, tokenizer: Tokenizer): TokenConstraint {
  return new GrammarConstraints(parseGrammar(source), tokenizer).begin();
}

/** Schemas made ready, by tokenizer: servers are sent the same ones again and again. */
const ready = new WeakMap<Tokenizer, Map<string, GrammarConstraints>>();
const mostSchemas = 64;

/**
 * A constraint to JSON that fits a schema, for one text; without a schema to any JSON object. What is the same schema to the letter shares its states.
 * @throws UsageError for what a schema asks for and cannot be had, by its path, and for one that cannot be satisfied
 */
export function jsonConstraint(schema: unknown, tokenizer: Tokenizer): TokenConstraint {
  const key = JSON.stringify(schema) ?? "";
  const known = ready.get(tokenizer) ?? new Map<string, GrammarConstraints>();
  ready.set(tokenizer, known);
  let constraints = known.get(key);
  if (constraints === undefined) {
    constraints = new GrammarConstraints(jsonSchemaGrammar(schema ?? { type: "object" }), tokenizer);
    if (known.size >= mostSchemas) known.delete(known.keys().next().value!);
    known.set(key, constraints);
  }
  return constraints.begin();
}
