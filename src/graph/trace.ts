import type { Shape } from "../core/dtype.ts";
import { AtelierError, type Problem } from "../core/errors.ts";
import type { State } from "./leaf.ts";
import { add, less } from "./ops/elementwise.ts";
import { input } from "./ops/source.ts";
import { sameShape, shapeError } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** A random input of a program: the host fills it before each run from the stream of its name. */
export interface Draw {
  readonly name: string;
  readonly kind: "normal" | "uniform";
  readonly tensor: Tensor;
}

/** What must hold of a run's values: where it does not, the program throws an error instead of giving its outputs. */
export interface Demand {
  /** A bool scalar. */
  readonly holds: Tensor;
  readonly problem: Problem;
}

/** What model code may draw from. Each use has a name, and each name a random stream of its own that is saved with the run. */
export interface Rng {
  /** Standard normal numbers. */
  normal(name: string, shape: Shape): Tensor;
  /** Uniform numbers in [0, 1). */
  uniform(name: string, shape: Shape): Tensor;
  /** 1 with the given probability, else 0. */
  bernoulli(name: string, shape: Shape, probability: number): Tensor;
}

/**
 * The recording of one function's graph: whether it is traced for training or for evaluation, what it draws, and which state it renews.
 * Layers find it with {@link currentTrace}; model functions get it as their `rng`.
 */
export class Trace implements Rng {
  training: boolean;
  readonly draws: Draw[] = [];
  readonly updates = new Map<State, Tensor>();
  readonly demands: Demand[] = [];
  /** Numbers that a training logs beside its losses: scalars by name. */
  readonly notes = new Map<string, Tensor>();
  readonly #names = new Map<string, number>();

  constructor({ training }: { training: boolean }) {
    this.training = training;
  }

  normal(name: string, shape: Shape): Tensor {
    return this.#draw(name, "normal", shape);
  }

  uniform(name: string, shape: Shape): Tensor {
    return this.#draw(name, "uniform", shape);
  }

  bernoulli(name: string, shape: Shape, probability: number): Tensor {
    return less(this.uniform(name, shape), probability).cast("float32");
  }

  /** The value that `state` has at this point of the function: what {@link update} last recorded, else what it had before the program ran. */
  current(state: State): Tensor {
    return this.updates.get(state) ?? state;
  }

  /** Record the value that `state` has after the program has run. @throws ShapeError */
  update(state: State, value: Tensor): void {
    if (!sameShape(state.shape, value.shape) || state.dtype !== value.dtype)
      throw shapeError("update", [state, value], "the new value must be like the old one");
    this.updates.set(state, value);
  }

  /** Have every run of the program end in an error where `holds`, a bool scalar, is false. */
  demand(holds: Tensor, problem: Problem): void {
    this.demands.push({ holds, problem });
  }

  /** Have a training log a scalar; scalars of one name are added up. */
  note(name: string, value: Tensor): void {
    const known = this.notes.get(name);
    this.notes.set(name, known === undefined ? value : add(known, value));
  }

  /** A second use of a name gets a number, in the order of tracing, which is the order of the model's code. */
  #draw(name: string, kind: Draw["kind"], shape: Shape): Tensor {
    const uses = this.#names.get(name) ?? 0;
    this.#names.set(name, uses + 1);
    const unique = `random:${uses === 0 ? name : `${name}.${uses}`}`;
    const tensor = input(unique, shape, "float32", "random");
    this.draws.push({ name: unique, kind, tensor });
    return tensor;
  }
}

let current: Trace | undefined;

/**
 * Trace one step of a loop, whose `params` differ from step to step. Demands and notes of what differs are dropped: a program has one value of each.
 * @throws ShapeError where the trace would renew a state by them: a program has one new value for it, not one a step
 */
export function traceStep<T>(params: readonly Tensor[], build: () => T): T {
  const before = new Map(current?.updates);
  const [demands, notes] = [current?.demands.length ?? 0, new Map(current?.notes)];
  const result = build();
  if (current !== undefined) {
    const added = current.demands.splice(demands);
    current.demands.push(...added.filter(({ holds }) => !dependsOn(holds, params)));
    for (const [name, value] of current.notes) {
      const known = notes.get(name);
      if (known === value || !dependsOn(value, params)) continue;
      if (known === undefined) current.notes.delete(name);
      else current.notes.set(name, known);
    }
  }
  for (const [state, value] of current?.updates ?? []) {
    if (before.get(state) !== value && dependsOn(value, params))
      throw shapeError(
        "scan",
        [state],
        "a layer in the step renews this state from what differs from step to step",
        "call layers with running statistics, such as BatchNorm, before or after the loop, or use a norm that has none",
      );
  }
  return result;
}

/** Whether any of `sources`, which are nodes' first outputs, is needed for `tensor`. */
function dependsOn(tensor: Tensor, sources: readonly Tensor[]): boolean {
  const wanted = new Set(sources);
  const seen = new Set([tensor]);
  for (const next of seen) {
    if (wanted.has(next)) return true;
    for (const input of next.node.inputs) seen.add(input);
  }
  return false;
}

/** Run `build` with `trace` as the one that layers see. */
export function withTrace<T>(trace: Trace, build: () => T): T {
  const outer = current;
  current = trace;
  try {
    return build();
  } finally {
    current = outer;
  }
}

/**
 * Trace a part of the function as in evaluation: batch norm with running statistics, which it leaves alone, and no dropout. For parts of a network that stay
 * as they are while others are trained.
 */
export function evaluating<T>(build: () => T): T {
  const trace = currentTrace("evaluating()");
  const outer = trace.training;
  trace.training = false;
  try {
    return build();
  } finally {
    trace.training = outer;
  }
}

/** The trace being recorded, where there is one. */
export function presentTrace(): Trace | undefined {
  return current;
}

/** The trace being recorded. @throws AtelierError outside of one: layers with a training mode, state or draws only mean something inside. */
export function currentTrace(what: string): Trace {
  if (current === undefined) {
    throw new AtelierError({
      what: `${what} was called outside of a traced function.`,
      hint: "call the model inside the function that you pass to compile(), or inside withTrace(new Trace({ training: false }), ...)",
    });
  }
  return current;
}
