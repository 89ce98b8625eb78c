import { UsageError } from "../../core/errors.ts";
import { type Expression, type Grammar, utf8Ranges } from "./grammar.ts";

/** One step of a rule's way through bytes. */
type Node =
  | { readonly kind: "byte"; readonly from: number; readonly to: number; readonly next: number }
  | { readonly kind: "split"; readonly to: readonly number[] }
  | { readonly kind: "call"; readonly rule: string; readonly next: number }
  | { readonly kind: "return" };

/** Where rules return to: the place after the call, and the frame around it. Equal frames are one object with one id. */
interface Frame {
  readonly id: number;
  readonly next: number;
  readonly outer: Frame | undefined;
}

/** A place between two bytes: all ways that lead here, as nodes that read a byte, each with its frames. */
export interface State {
  readonly id: number;
  /** Whether the text may end here. */
  readonly complete: boolean;
  readonly ways: readonly { readonly node: number; readonly frame: Frame | undefined }[];
  /** The state after each byte, as far as it was asked for; null where the byte may not come. */
  readonly after: (State | null | undefined)[];
}

/** Copies that repetitions are written out as, in all. */
const mostNodes = 200_000;
/** Places within one state; grammars that need more call themselves without reading anything. */
const mostWays = 20_000;
/** States that are kept: beyond them all are forgotten and found anew. */
const mostStates = 20_000;

/** A grammar as an automaton over bytes with a stack of rules under way: states are made when they are first met. */
export class Automaton {
  readonly start: State;
  readonly #nodes: Node[] = [];
  readonly #entries = new Map<string, number>();
  #frames = new Map<string, Frame>();
  #states = new Map<string, State>();
  #count = 0;

  /** @throws UsageError for a grammar that no text satisfies, or that is too large or left-recursive */
  constructor(grammar: Grammar) {
    requireText(grammar);
    const end = this.#add({ kind: "return" });
    for (const name of grammar.rules.keys()) this.#entries.set(name, this.#add({ kind: "split", to: [] }));
    for (const [name, expression] of grammar.rules) {
      const first = this.#compile(expression, end);
      this.#nodes[this.#entries.get(name)!] = { kind: "split", to: [first] };
    }
    this.start = this.#state([{ node: this.#entries.get(grammar.root)!, frame: undefined }]);
  }

  /** The state after one more byte; undefined where it may not come. */
  step(state: State, byte: number): State | undefined {
    const known = state.after[byte];
    if (known !== undefined) return known ?? undefined;
    const next: { node: number; frame: Frame | undefined }[] = [];
    for (const { node, frame } of state.ways) {
      const way = this.#nodes[node];
      if (way.kind === "byte" && byte >= way.from && byte <= way.to) next.push({ node: way.next, frame });
    }
    const found = next.length === 0 ? null : this.#state(next);
    state.after[byte] = found;
    return found ?? undefined;
  }

  #add(node: Node): number {
    if (this.#nodes.length >= mostNodes)
      throw new UsageError({ what: "The grammar is too large.", hint: "use smaller limits of repetitions (maxItems, maxLength, {m,n})" });
    return this.#nodes.push(node) - 1;
  }

  /** Nodes of an expression that go on at `next`; the first of them. */
  #compile(expression: Expression, next: number): number {
    switch (expression.kind) {
      case "text":
        return [...new TextEncoder().encode(expression.text)].reduceRight(
          (to, byte) => this.#add({ kind: "byte", from: byte, to: byte, next: to }),
          next,
        );
      case "chars": {
        const forms = expression.ranges.flatMap(([from, to]) => utf8Ranges(from, to));
        const to = forms.map((form) =>
          form.reduceRight((after, [low, high]) => this.#add({ kind: "byte", from: low, to: high, next: after }), next),
        );
        return this.#add({ kind: "split", to });
      }
      case "sequence":
        return expression.parts.reduceRight((to, part) => this.#compile(part, to), next);
      case "choice":
        return this.#add({ kind: "split", to: expression.options.map((option) => this.#compile(option, next)) });
      case "rule":
        return this.#add({ kind: "call", rule: expression.name, next });
      case "repeat":
        return this.#compileRepeat(expression, next);
    }
  }

  #compileRepeat({ part, least, most }: Extract<Expression, { kind: "repeat" }>, next: number): number {
    let to = next;
    if (most === Number.POSITIVE_INFINITY) {
      const loop = this.#add({ kind: "split", to: [] });
      this.#nodes[loop] = { kind: "split", to: [this.#compile(part, loop), next] };
      to = loop;
    } else for (let i = least; i < most; i++) to = this.#add({ kind: "split", to: [this.#compile(part, to), next] });
    for (let i = 0; i < least; i++) to = this.#compile(part, to);
    return to;
  }

  #frame(next: number, outer: Frame | undefined): Frame {
    const key = `${next} ${outer?.id ?? ""}`;
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    const frame = { id: this.#count++, next, outer };
    this.#frames.set(key, frame);
    return frame;
  }

  /** The state of some ways: calls, returns and splits are followed up to nodes that read a byte. */
  #state(from: readonly { node: number; frame: Frame | undefined }[]): State {
    const seen = new Set<string>();
    const ways: { node: number; frame: Frame | undefined }[] = [];
    let complete = false;
    const pending = [...from];
    for (let way = pending.pop(); way !== undefined; way = pending.pop()) {
      const key = `${way.node} ${way.frame?.id ?? ""}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > mostWays) throw leftRecursive();
      const { frame } = way;
      const node = this.#nodes[way.node];
      if (node.kind === "byte") ways.push(way);
      else if (node.kind === "split") for (const to of node.to) pending.push({ node: to, frame });
      else if (node.kind === "call") pending.push({ node: this.#entries.get(node.rule)!, frame: this.#callFrame(node.next, frame) });
      else if (frame === undefined) complete = true;
      else pending.push({ node: frame.next, frame: frame.outer });
    }
    const key = `${complete} ${ways
      .map(({ node, frame }) => `${node}/${frame?.id ?? ""}`)
      .sort()
      .join(" ")}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= mostStates) this.#states = new Map();
    const state: State = { id: this.#count++, complete, ways, after: [] };
    this.#states.set(key, state);
    return state;
  }

  /** The frame of a call; a call in last place returns to where its own rule returns, so that lists do not pile up frames. */
  #callFrame(next: number, outer: Frame | undefined): Frame | undefined {
    return this.#nodes[next].kind === "return" ? outer : this.#frame(next, outer);
  }
}

/** Refuse grammars whose root describes no text at all. */
function requireText({ rules, root }: Grammar): void {
  const possible = new Set<string>();
  const makesText = (expression: Expression): boolean => {
    switch (expression.kind) {
      case "text":
        return true;
      case "chars":
        return expression.ranges.length > 0;
      case "sequence":
        return expression.parts.every(makesText);
      case "choice":
        return expression.options.some(makesText);
      case "repeat":
        return expression.least === 0 || makesText(expression.part);
      case "rule":
        return possible.has(expression.name);
    }
  };
  for (let before = -1; before < possible.size; ) {
    before = possible.size;
    for (const [name, expression] of rules) if (makesText(expression)) possible.add(name);
  }
  if (!possible.has(root))
    throw new UsageError({
      what: `No text satisfies the grammar: the rule "${root}" never comes to an end.`,
      hint: "give a recursive rule an alternative without itself",
    });
}

function leftRecursive(): UsageError {
  return new UsageError({
    what: "The grammar is left-recursive: a rule calls itself before it reads anything.",
    hint: 'turn it round or repeat: list ::= list "a" | "a" becomes list ::= "a"+',
  });
}
