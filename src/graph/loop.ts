import { factored } from "./factor.ts";
import type { Graph, Named } from "./graph.ts";
import { concat, expand, reshape, slice } from "./ops/movement.ts";
import { scanOp } from "./ops/scan.ts";
import { constantOp } from "./ops/source.ts";
import { type Operand, stackable, stackNode } from "./stack.ts";
import { sumOverSteps } from "./stacked-sum.ts";
import { apply, type GraphNode, type Tensor } from "./tensor.ts";

/** A value that one step hands to the next. */
export interface Carry {
  /** What stands for it in the step's graph. */
  readonly param: Tensor;
  readonly init: Tensor;
  /** Its value after the step. */
  readonly next: Tensor;
}

export interface LoopParts {
  readonly carries: readonly Carry[];
  /** Tensors of the step's graph that are known for all steps: each with its stack [steps, ...]. */
  readonly slices: ReadonlyMap<Tensor, Tensor>;
  readonly length: number;
  /** Run from the last step to the first. */
  readonly reverse: boolean;
}

/**
 * One step's graph made into a loop over all steps. Only what the carries need is inside: what does not depend on them is computed for
 * all steps at once before the loop, what they do not depend on after it, and what does not change from step to step just once.
 * Inside the loop the step's own nodes are used, not copies.
 */
export class Loop {
  readonly finals: readonly Tensor[];
  readonly length: number;
  readonly #parts: LoopParts;
  /** Nodes that differ from step to step, and those of them that run inside the loop. */
  readonly #varying: ReadonlySet<GraphNode>;
  readonly #inside: ReadonlySet<GraphNode>;
  readonly #stacks: Map<Tensor, Tensor>;

  /** @param wanted tensors of the step's graph that will be asked for */
  constructor(parts: LoopParts, wanted: readonly Tensor[]) {
    this.#parts = parts;
    this.length = parts.length;
    this.#stacks = new Map(parts.slices);
    const params = new Set(parts.carries.map((carry) => carry.param));
    const stops = new Set([...params, ...parts.slices.keys()]);
    const roots = [...parts.carries.map((carry) => carry.next), ...wanted];
    const varying = varyingNodes(roots, stops);
    this.#varying = new Set(varying);
    const carried = dependents(varying, (input) => params.has(input));
    const before = new Set<GraphNode>();
    for (const node of varying) {
      const ready = node.inputs.every((input) => !this.varies(input) || parts.slices.has(input) || before.has(input.node));
      if (!carried.has(node) && ready && stackable(node, (input) => this.varies(input))) before.add(node);
    }
    // Outside of the loop only ops are used that can be computed for all steps at once.
    const needed: GraphNode[] = parts.carries.map((carry) => carry.next.node);
    for (const node of varying) if (!before.has(node) && !stackable(node, (input) => this.varies(input))) needed.push(node);
    this.#inside = ancestors(needed, (node) => this.#varying.has(node) && !before.has(node), stops);
    this.finals = this.#build();
  }

  /** Whether a tensor of the step's graph differs from step to step. */
  varies(tensor: Tensor): boolean {
    return this.#varying.has(tensor.node) || this.#stacks.has(tensor) || this.#parts.carries.some((carry) => carry.param === tensor);
  }

  /** Make the scan node; every value that the loop computes is an output of it, and what nobody uses is dropped by `simplify`. */
  #build(): readonly Tensor[] {
    const { carries, length, reverse } = this.#parts;
    const nodes = [...this.#inside].sort((a, b) => a.id - b.id);
    const made = nodes.flatMap((node) => node.outputs);
    const sliced = new Set<Tensor>();
    const captured = new Set<Tensor>();
    const constants = new Set<GraphNode>();
    const isParam = new Set(carries.map((carry) => carry.param));
    for (const tensor of [...nodes.flatMap((node) => node.inputs), ...carries.map((carry) => carry.next)]) {
      if (isParam.has(tensor) || this.#inside.has(tensor.node)) continue;
      if (this.varies(tensor)) sliced.add(tensor);
      else if (tensor.node.op.name === constantOp.name) constants.add(tensor.node);
      else captured.add(tensor);
    }
    const outputs = [...made, ...carries.flatMap(({ next, param }) => (this.#inside.has(next.node) ? [] : [param]))];
    const named =
      (letter: string) =>
      (tensor: Tensor, i: number): Named => ({ name: `${letter}${i}`, tensor });
    const body: Graph = {
      inputs: [...carries.map((carry) => carry.param).map(named("c")), ...[...sliced].map(named("x")), ...[...captured].map(named("k"))],
      outputs: [...carries.map((carry) => carry.next).map(named("c'")), ...outputs.map(named("y"))],
      nodes: [...constants, ...nodes],
    };
    const inputs = [...carries.map((carry) => carry.init), ...[...sliced].map((tensor) => this.stacked(tensor)), ...captured];
    if (carries.length === 0 && nodes.length === 0) return [];
    const results = apply(scanOp, inputs, { body, carries: carries.length, slices: sliced.size, length, reverse });
    outputs.forEach((tensor, i) => {
      this.#stacks.set(tensor, results[carries.length + i]);
    });
    return results.slice(0, carries.length);
  }

  /** A tensor of the step's graph for all steps: [steps, ...]. */
  stacked(tensor: Tensor): Tensor {
    const known = this.#stacks.get(tensor);
    if (known !== undefined) return known;
    const carry = this.#parts.carries.find(({ param }) => param === tensor);
    if (carry !== undefined) {
      const stack = carriedIn(carry.init, this.stacked(carry.next), this.#parts.reverse);
      this.#stacks.set(tensor, stack);
      return stack;
    }
    if (!this.varies(tensor)) return expand(tensor, [this.length, ...tensor.shape]);
    const results = stackNode(
      tensor.node,
      tensor.node.inputs.map((input) => this.operand(input)),
      this.length,
    );
    tensor.node.outputs.forEach((output, i) => {
      this.#stacks.set(output, results[i]);
    });
    return results[tensor.index];
  }

  /** Σ over the steps of a tensor of the step's graph; a product is summed as one product over all steps. */
  summed(tensor: Tensor): Tensor {
    return sumOverSteps(tensor, this);
  }

  /** Whether a tensor's node runs outside of the loop, for all steps at once. */
  free(tensor: Tensor): boolean {
    return this.#varying.has(tensor.node) && !this.#inside.has(tensor.node);
  }

  /** How the ops see a tensor for all steps. */
  operand(tensor: Tensor): Operand {
    const stacked = this.varies(tensor);
    return { tensor: stacked ? this.stacked(tensor) : tensor, stacked };
  }
}

/** A carry as each step finds it: `init`, then what each step but the last has left. @param after [steps, ...], what each step leaves */
export function carriedIn(init: Tensor, after: Tensor, reverse: boolean): Tensor {
  const first = reshape(init, [1, ...init.shape]);
  const steps = after.shape[0];
  if (steps === 1) return first;
  return reverse ? concat([slice(after, 0, 1, steps), first]) : concat([first, slice(after, 0, 0, steps - 1)]);
}

/**
 * The tensors of a step's graph with chains of factors gathered; see {@link factored}.
 * @param params stand for the carries
 * @param known tensors whose values are known for all steps
 */
export function gathered(roots: readonly Tensor[], params: readonly Tensor[], known: Iterable<Tensor>): readonly Tensor[] {
  const seeds = new Set(params);
  if (seeds.size === 0) return roots;
  const nodes = varyingNodes(roots, new Set([...params, ...known]));
  const carried = dependents(nodes, (operand) => seeds.has(operand));
  return factored(roots, nodes, (tensor) => seeds.has(tensor) || carried.has(tensor.node));
}

/** The nodes behind `roots` that depend on a tensor of `stops`, in an order they can run in. */
export function varyingNodes(roots: readonly Tensor[], stops: ReadonlySet<Tensor>): GraphNode[] {
  // Nodes depend on older ones only, so nothing older than the oldest stop can depend on one.
  const oldest = Math.min(...[...stops].map((tensor) => tensor.node.id));
  const seen = new Set<GraphNode>();
  const pending = roots.filter((root) => !stops.has(root)).map((root) => root.node);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node) || node.id < oldest) continue;
    seen.add(node);
    for (const input of node.inputs) if (!stops.has(input)) pending.push(input.node);
  }
  const ordered = [...seen].sort((a, b) => a.id - b.id);
  const varying = dependents(ordered, (input) => stops.has(input));
  return ordered.filter((node) => varying.has(node));
}

/** The nodes of an ordered list with an input that passes, or that comes from such a node. */
function dependents(nodes: readonly GraphNode[], passes: (input: Tensor) => boolean): Set<GraphNode> {
  const found = new Set<GraphNode>();
  for (const node of nodes) if (node.inputs.some((input) => passes(input) || found.has(input.node))) found.add(node);
  return found;
}

/** The nodes among `allowed` that `roots` need, themselves included. */
function ancestors(roots: readonly GraphNode[], allowed: (node: GraphNode) => boolean, stops: ReadonlySet<Tensor>): Set<GraphNode> {
  const found = new Set<GraphNode>();
  const pending = [...roots];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (found.has(node) || !allowed(node)) continue;
    found.add(node);
    for (const input of node.inputs) if (!stops.has(input)) pending.push(input.node);
  }
  return found;
}
