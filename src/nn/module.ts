import { AtelierError } from "../core/errors.ts";
import { Parameter, State } from "../graph/leaf.ts";

/**
 * A layer or a model: a class whose fields hold parameters, state, other modules, and lists of them. Nothing is registered: the fields are walked,
 * and a field's path (`encoder.convs.0.weight`) is its name in checkpoints and graphs.
 */
export abstract class Module {
  /** Trained numbers in this module and those inside it. */
  get parameterCount(): number {
    return [...namedParameters(this).values()].reduce((total, parameter) => total + parameter.size, 0);
  }
}

/** Every parameter by its path, in field order. A parameter that two fields share is listed under the first path. */
export function namedParameters(module: Module): Map<string, Parameter> {
  return collectLeaves(module, (value) => value instanceof Parameter);
}

/** Every state array (running statistics and the like) by its path. */
export function namedStates(module: Module): Map<string, State> {
  return collectLeaves(module, (value) => value instanceof State);
}

/** Every module of a class inside another by its path, in field order: `namedModules(network, Linear)`. */
export function namedModules<M extends Module>(module: Module, kind: abstract new (...args: never[]) => M): Map<string, M> {
  return collectLeaves(module, (value): value is M => value instanceof kind);
}

function collectLeaves<T>(module: Module, wanted: (value: unknown) => value is T): Map<string, T> {
  const found = new Map<string, T>();
  const seen = new Set<unknown>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    const walkable = wanted(value) || value instanceof Module || Array.isArray(value);
    if (!walkable) return;
    seen.add(value);
    if (wanted(value)) found.set(path, value);
    else for (const [key, inner] of Object.entries(value)) visit(inner, path === "" ? key : `${path}.${key}`);
  };
  visit(module, "");
  return found;
}

/** What a model holds: one row a parameter or state array, and the totals. */
export interface Summary {
  rows: { name: string; shape: readonly number[]; size: number; trainable: boolean }[];
  /** All numbers, running statistics included. */
  total: number;
  trainable: number;
}

/** Names, shapes and counts of a model's arrays. */
export function summary(module: Module): Summary {
  const row =
    (trainable: boolean) =>
    ([name, leaf]: [string, Parameter | State]) => ({ name, shape: leaf.shape, size: leaf.size, trainable });
  const rows = [...[...namedParameters(module)].map(row(true)), ...[...namedStates(module)].map(row(false))];
  const add = (total: number, { size }: { size: number }) => total + size;
  return { rows, total: rows.reduce(add, 0), trainable: rows.filter((r) => r.trainable).reduce(add, 0) };
}

/** A parameter with the sizes it must have, or an error that names it. */
export function requireSize(layer: string, name: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new AtelierError({ what: `${layer}: ${name} must be a whole number above 0.`, got: String(value) });
}
