import type { TypedArray } from "../core/dtype.ts";
import { AtelierError } from "../core/errors.ts";
import { collect } from "../graph/graph.ts";
import { isLeaf } from "../graph/leaf.ts";
import { input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import { type Tensor, withLines } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { firstNonFinite, type NonFinite } from "../runtime/non-finite.ts";
import { type Build, nameLeaves } from "../runtime/program.ts";
import type { TrainerOptions } from "./trainer.ts";

/** A loss, a gradient, a weight or a moment that is no longer a number. The weights of the step before may still be good. */
export class NotFiniteError extends AtelierError {}

/**
 * Trace a training step once more, this time with the lines of the objective's code, run it on the arrays that the step read, and name the first tensor
 * that is not finite.
 * @param build what the step computes
 * @param bound the step's batch, settings and draws by their names in its graph; parameters and state are taken as they stand
 */
export async function traceNonFinite<I extends string>(
  { backend, inputs }: Pick<TrainerOptions<I>, "backend" | "inputs">,
  build: Build<I, string>,
  bound: Readonly<Record<string, TypedArray>>,
): Promise<NonFinite | undefined> {
  const trace = new Trace({ training: true });
  const symbols = {} as Record<I, Tensor>;
  for (const key of Object.keys(inputs) as I[])
    symbols[key] = input(key, inputs[key].shape, inputs[key].dtype ?? "float32", inputs[key].role ?? "batch");
  const results = withTrace(trace, () => withLines(() => build(symbols, trace)));
  const outputs = Object.entries(results).map(([name, tensor]) => ({ name, tensor }));
  const graph = simplify(nameLeaves(collect(outputs)));
  const feeds = graph.inputs.map(({ name, tensor }) => [name, isLeaf(tensor) ? tensor.data : bound[name]] as const);
  return firstNonFinite(backend, graph, Object.fromEntries(feeds));
}

/** The error that ends a training whose loss or gradient is no number. */
export function nonFiniteError(kind: "loss" | "gradient", step: number, got: string, found: NonFinite | undefined): NotFiniteError {
  const what = `The ${kind} is not finite at step ${step}.`;
  if (found === undefined) return new NotFiniteError({ what, got, hint: "lower the learning rate, or set clipNorm" });
  const where = `first in ${found.what}${found.line === undefined ? "" : `, at ${found.line}`}`;
  return new NotFiniteError({ what, where, got: `${got}; there ${found.values}`, hint: hintFor(found, step) });
}

function hintFor({ op, what }: NonFinite, step: number): string {
  if (what.startsWith("state")) return "lower the learning rate, or set clipNorm";
  if (what.startsWith("parameter"))
    return `the gradient of step ${step - 1} was not finite: lower the learning rate or set clipNorm; ATELIER_DEBUG=1 stops before the update and names the operation`;
  if (op === "input") return "the batch itself is not finite: look at the data";
  const remedies: Readonly<Record<string, string>> = {
    log: "keep its input above 0, for example with maximum(x, 1e-6)",
    sqrt: "keep its input above 0: its gradient at 0 is infinite",
    div: "keep the divisor away from 0",
    reciprocal: "keep its input away from 0",
    exp: "its input is too large: limit it with clip, or work with logarithms",
    pow: "keep its base above 0",
  };
  return Object.hasOwn(remedies, op) ? `${remedies[op]}; or lower the learning rate` : "lower the learning rate, or set clipNorm";
}
