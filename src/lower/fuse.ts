import type { Shape } from "../core/dtype.ts";
import { type Graph, isInput } from "../graph/graph.ts";
import type { KernelRequest, KernelSource } from "../graph/onnx.ts";
import { scalarValue } from "../graph/ops/source.ts";
import { sameShape } from "../graph/shape.ts";
import type { GraphNode, Tensor } from "../graph/tensor.ts";
import { type Collapsed, collapse } from "./fuse-axes.ts";

// Elementwise ops, and sums of what they make, that can share one pass over memory are gathered into clusters, each of which becomes one kernel. A cluster
// must not wait for something that waits for it; that is checked with every node that joins.

/** A piece of the graph that is emitted at once: one node as it is, or a cluster as a kernel. */
export type Unit =
  | { readonly node: GraphNode }
  | { readonly request: KernelRequest; readonly inputs: readonly Tensor[]; readonly results: readonly Tensor[] };

const mostNodes = 48;
const mostInputs = 14;
/** Tensors smaller than this are not worth a kernel. */
const smallest = 512;

interface Cluster {
  readonly nodes: GraphNode[];
  readonly space: Shape;
  /** Axes that its sums run over; undefined while it has none. */
  reduced: string | undefined;
  firstId: number;
  lastId: number;
}

/** The graph's nodes in an order they can run in, with clusters in place of what they hold. */
export function fuse(graph: Graph, kernels: KernelSource): Unit[] {
  const grouping = new Grouping(graph, kernels);
  for (const node of graph.nodes) if (!isInput(node)) grouping.add(node);
  return grouping.units();
}

class Grouping {
  readonly #graph: Graph;
  readonly #kernels: KernelSource;
  readonly #clusterOf = new Map<GraphNode, Cluster>();
  readonly #clusters = new Set<Cluster>();
  /** Clusters of a space that read a tensor they do not make. */
  readonly #readers = new Map<Tensor, Set<Cluster>>();
  readonly #users = new Map<Tensor, GraphNode[]>();
  /** Nodes that nothing needs any more. */
  readonly #unused = new Set<GraphNode>();

  constructor(graph: Graph, kernels: KernelSource) {
    this.#graph = graph;
    this.#kernels = kernels;
    for (const node of graph.nodes) for (const input of new Set(node.inputs)) push(this.#users, input, node);
  }

  /** Put a node into a cluster it fits, or into one of its own. Nodes come in creation order. */
  add(node: GraphNode): void {
    const space = this.#spaceOf(node);
    if (space === undefined) return;
    let home: Cluster | undefined;
    for (const candidate of this.#neighbours(node, space)) {
      if (home === undefined) {
        if (this.#mayJoin(node, candidate)) home = candidate;
      } else if (candidate !== home && this.#mayMerge(home, candidate, node)) this.#merge(home, candidate);
    }
    home ??= { nodes: [], space, reduced: undefined, firstId: node.id, lastId: node.id };
    this.#clusters.add(home);
    this.#join(node, home);
  }

  /** The shape that a node's loop runs over; undefined for nodes that no kernel takes. */
  #spaceOf(node: GraphNode): Shape | undefined {
    const [output] = node.outputs;
    if (node.outputs.length !== 1 || output.dtype !== "float32" || node.inputs.some((input) => input.dtype !== "float32")) return undefined;
    // A sum over axes of one number is a copy, which the loops of a sum cannot make.
    if (isSum(node)) return node.inputs[0].size >= smallest && output.size < node.inputs[0].size ? node.inputs[0].shape : undefined;
    // A tensor of constants is read like any other: the kernels' own constants are single numbers.
    if (node.inputs.length === 0) return undefined;
    return this.#kernels.elementwise.has(node.op.name) && output.size >= smallest ? output.shape : undefined;
  }

  #neighbours(node: GraphNode, space: Shape): Set<Cluster> {
    const near = new Set<Cluster>();
    for (const input of node.inputs) {
      const producer = this.#clusterOf.get(input.node);
      if (producer !== undefined && sameShape(producer.space, space)) near.add(producer);
    }
    for (const input of node.inputs) {
      if (input.size < smallest) continue;
      for (const reader of this.#readers.get(input) ?? []) if (sameShape(reader.space, space)) near.add(reader);
    }
    return near;
  }

  #mayJoin(node: GraphNode, cluster: Cluster): boolean {
    if (cluster.nodes.length >= mostNodes) return false;
    if (isSum(node) && cluster.reduced !== undefined && cluster.reduced !== axesOf(node)) return false;
    if (!this.#fits([...cluster.nodes, node], cluster.space)) return false;
    return !node.inputs.some((input) => this.#waitsFor(input, cluster, cluster));
  }

  #mayMerge(a: Cluster, b: Cluster, node: GraphNode): boolean {
    if (a.nodes.length + b.nodes.length >= mostNodes || (a.reduced !== undefined && b.reduced !== undefined && a.reduced !== b.reduced))
      return false;
    if (!this.#fits([...a.nodes, ...b.nodes, node], a.space)) return false;
    const waits = (of: Cluster, on: Cluster) => of.nodes.some((n) => n.inputs.some((input) => this.#waitsFor(input, on, of)));
    return !waits(a, b) && !waits(b, a) && !node.inputs.some((input) => this.#waitsFor(input, b, b));
  }

  #fits(nodes: readonly GraphNode[], space: Shape): boolean {
    const { inputs } = signature(nodes);
    return inputs.length <= mostInputs && collapsed(nodes, inputs, space) !== undefined;
  }

  /**
   * Whether a tensor can only be had after all of `cluster` has run: it is one of its sums, or something outside of it, and of `from`, needs one of its values.
   * A value made inside of the cluster by an elementwise op may be used inside.
   */
  #waitsFor(tensor: Tensor, cluster: Cluster, from: Cluster): boolean {
    const producer = tensor.node;
    const home = this.#clusterOf.get(producer);
    if (home === cluster) return isSum(producer);
    if (home === from && home !== undefined) return false;
    const first = this.#earliest(cluster);
    const seen = new Set<GraphNode>();
    const pending = [...(home?.nodes ?? [producer])];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      for (const input of node.inputs) {
        const at = this.#clusterOf.get(input.node);
        if (at === cluster) return true;
        if ((at?.lastId ?? input.node.id) > first) pending.push(...(at?.nodes ?? [input.node]));
      }
    }
    return false;
  }

  /**
   * No node made before this one can need the cluster: its first node, or the first node of a cluster that has grown past it, since such a cluster may need it and
   * be needed by what came before; or of one that has grown past that one, and so on.
   */
  #earliest(cluster: Cluster): number {
    let first = cluster.firstId;
    for (let before = Number.POSITIVE_INFINITY; first < before; ) {
      before = first;
      for (const grown of this.#clusters) if (grown.lastId > first) first = Math.min(first, grown.firstId);
    }
    return first;
  }

  #join(node: GraphNode, cluster: Cluster): void {
    cluster.nodes.push(node);
    cluster.lastId = Math.max(cluster.lastId, node.id);
    cluster.firstId = Math.min(cluster.firstId, node.id);
    if (isSum(node)) cluster.reduced = axesOf(node);
    this.#clusterOf.set(node, cluster);
    for (const input of node.inputs) {
      if (this.#clusterOf.get(input.node) === cluster) continue;
      const readers = this.#readers.get(input) ?? new Set();
      readers.add(cluster);
      this.#readers.set(input, readers);
    }
  }

  #merge(into: Cluster, other: Cluster): void {
    for (const node of other.nodes) this.#join(node, into);
    this.#clusters.delete(other);
    for (const readers of this.#readers.values()) if (readers.delete(other)) readers.add(into);
  }

  /** Make the requests, from the last cluster to the first since those decide what the earlier ones keep, and put everything in order. */
  units(): Unit[] {
    const clusters = [...new Set(this.#clusterOf.values())].sort((a, b) => b.lastId - a.lastId);
    const needed = new Set(this.#graph.outputs.map(({ tensor }) => tensor));
    for (const node of this.#graph.nodes) if (!this.#clusterOf.has(node)) for (const input of node.inputs) needed.add(input);
    const units = new Map<Cluster, Unit>();
    for (const cluster of this.#inReverse(clusters)) {
      const nodes = [...cluster.nodes].sort((a, b) => a.id - b.id);
      const unit =
        nodes.length > 1 || isSum(nodes[0]) ? this.#request(this.#withRecomputed(nodes, cluster, needed), cluster, needed) : undefined;
      if (unit === undefined) this.#dissolve(nodes, needed);
      else {
        units.set(cluster, unit);
        for (const input of unit.inputs) needed.add(input);
      }
    }
    return this.#ordered(units);
  }

  /** The nodes one by one after all, but for those whose values are made again wherever they are used. */
  #dissolve(nodes: readonly GraphNode[], needed: Set<Tensor>): void {
    for (const node of [...nodes].reverse()) {
      this.#clusterOf.delete(node);
      if (!needed.has(node.outputs[0])) this.#unused.add(node);
      else for (const input of node.inputs) needed.add(input);
    }
  }

  /** Users before what they use. */
  #inReverse(clusters: readonly Cluster[]): Cluster[] {
    const done = new Set<Cluster>();
    const order: Cluster[] = [];
    const visit = (cluster: Cluster) => {
      if (done.has(cluster)) return;
      done.add(cluster);
      for (const user of this.#clustersAfter(cluster)) visit(user);
      order.push(cluster);
    };
    for (const cluster of clusters) visit(cluster);
    return order;
  }

  #clustersAfter(cluster: Cluster): Set<Cluster> {
    const after = new Set<Cluster>();
    const users = cluster.nodes.flatMap((node) => this.#users.get(node.outputs[0]) ?? []);
    for (const user of users) {
      const home = this.#clusterOf.get(user);
      if (home !== undefined && home !== cluster) after.add(home);
    }
    return after;
  }

  /** Cheap values of a large tensor that is in memory anyway are made again rather than read: that saves writing them where they were made first. */
  #withRecomputed(nodes: readonly GraphNode[], cluster: Cluster, needed: ReadonlySet<Tensor>): GraphNode[] {
    const own = new Set(nodes);
    const read = new Set(nodes.flatMap((node) => node.inputs).filter((input) => !own.has(input.node)));
    const again = new Set<GraphNode>();
    for (const input of read) {
      const home = this.#clusterOf.get(input.node);
      if (home === undefined || home === cluster || needed.has(input)) continue;
      const chain = this.#recipe(input, home, needed);
      const sources = new Set(chain?.flatMap((node) => node.inputs).filter((operand) => isLarge(operand) && !chain.includes(operand.node)));
      if (chain !== undefined && [...sources].filter((source) => !read.has(source)).length <= 1) for (const node of chain) again.add(node);
    }
    const all = [...again, ...nodes].sort((a, b) => a.id - b.id);
    return again.size > 0 && this.#fits(all, cluster.space) ? all : [...nodes];
  }

  /** The few cheap nodes of a cluster that make a value from tensors that are in memory. */
  #recipe(value: Tensor, home: Cluster, needed: ReadonlySet<Tensor>): GraphNode[] | undefined {
    const chain: GraphNode[] = [];
    const visit = (tensor: Tensor): boolean => {
      const { node } = tensor;
      if (this.#clusterOf.get(node) !== home || (tensor !== value && needed.has(tensor)) || chain.includes(node)) return true;
      chain.push(node);
      return chain.length <= 4 && cheap.has(node.op.name) && node.inputs.every(visit);
    };
    return visit(value) ? chain : undefined;
  }

  #request(nodes: readonly GraphNode[], cluster: Cluster, needed: ReadonlySet<Tensor>): (Unit & { inputs: readonly Tensor[] }) | undefined {
    const { inputs, steps, numberOf } = signature(nodes);
    const view = collapsed(nodes, inputs, cluster.space);
    if (view === undefined) return undefined;
    const own = nodes.filter((node) => this.#clusterOf.get(node) === cluster);
    const keeps = own.filter((node) => needed.has(node.outputs[0]));
    const kept = (node: GraphNode, of: Tensor) => ({ value: numberOf(of), shape: node.outputs[0].shape });
    const stores = keeps.filter((node) => !isSum(node));
    const sums = keeps.filter(isSum);
    if (keeps.length === 0) return undefined;
    const request: KernelRequest = {
      kernel: "fused",
      settings: {
        axes: view.axes,
        inputs: view.patterns,
        steps,
        stores: stores.map((node) => kept(node, node.outputs[0])),
        sums: sums.map((node) => kept(node, node.inputs[0])),
        reduced: sums.length > 0 ? view.reduced : 0,
      },
    };
    if (this.#kernels.find(request) === undefined) return undefined;
    return { request, inputs, results: [...stores, ...sums].map((node) => node.outputs[0]) };
  }

  /** In the graph's own order as far as that goes: every unit after those it needs. */
  #ordered(units: ReadonlyMap<Cluster, Unit>): Unit[] {
    const order: Unit[] = [];
    const done = new Set<GraphNode | Cluster>();
    const visit = (node: GraphNode): void => {
      const cluster = this.#clusterOf.get(node);
      const key = cluster ?? node;
      if (done.has(key)) return;
      done.add(key);
      const unit = cluster === undefined ? { node } : units.get(cluster)!;
      const inputs = "node" in unit ? unit.node.inputs : unit.inputs;
      for (const input of [...inputs].sort((a, b) => a.node.id - b.node.id)) visit(input.node);
      if (!isInput(node)) order.push(unit);
    };
    // Clusters and constants come with what needs them.
    const outputs = new Set(this.#graph.outputs.map(({ tensor }) => tensor.node));
    const stands = (node: GraphNode) => node.inputs.length > 0 && !this.#clusterOf.has(node) && !this.#unused.has(node);
    for (const node of this.#graph.nodes) if (outputs.has(node) || stands(node)) visit(node);
    return order;
  }
}

const cheap = new Set(["add", "sub", "mul", "relu", "leakyRelu", "step", "neg", "maximum", "minimum"]);

const isLarge = (tensor: Tensor): boolean => tensor.size >= smallest && scalarValue(tensor) === undefined;
const isSum = (node: GraphNode): boolean => node.op.name === "sum";
const axesOf = (node: GraphNode): string => String(node.attrs.axes);

interface StepText {
  op: string;
  operands: number[];
  attrs: Record<string, unknown>;
}

/** The cluster as a list of steps on numbered values: tensors from outside first, then constants, copies and ops in order. */
function signature(nodes: readonly GraphNode[]): { inputs: Tensor[]; steps: StepText[]; numberOf: (tensor: Tensor) => number } {
  const inside = new Set(nodes.map((node) => node.outputs[0]));
  const outside = new Set(nodes.flatMap((node) => node.inputs).filter((input) => !inside.has(input)));
  const inputs = [...outside].filter((tensor) => scalarValue(tensor) === undefined);
  const values = new Map<Tensor, number>(inputs.map((tensor, i) => [tensor, i]));
  const steps: StepText[] = [];
  const define = (tensor: Tensor, step: StepText) => {
    values.set(tensor, inputs.length + steps.length);
    steps.push(step);
  };
  for (const tensor of outside) {
    const value = scalarValue(tensor);
    if (value !== undefined) define(tensor, { op: "constant", operands: [], attrs: { value } });
  }
  const summedInputs = new Set(
    nodes
      .filter(isSum)
      .map((node) => node.inputs[0])
      .filter((tensor) => outside.has(tensor)),
  );
  const copies = new Map<Tensor, number>();
  for (const tensor of summedInputs) {
    copies.set(tensor, inputs.length + steps.length);
    steps.push({ op: "copy", operands: [values.get(tensor)!], attrs: {} });
  }
  for (const node of nodes) {
    if (isSum(node)) continue;
    define(node.outputs[0], { op: node.op.name, operands: node.inputs.map((input) => values.get(input)!), attrs: { ...node.attrs } });
  }
  return { inputs, steps, numberOf: (tensor) => copies.get(tensor) ?? values.get(tensor)! };
}

/** The joined axes of the space that the loop runs over. Nodes that are made again may be smaller than it; they broadcast like any operand. */
function collapsed(nodes: readonly GraphNode[], inputs: readonly Tensor[], space: Shape): Collapsed | undefined {
  const sum = nodes.find(isSum);
  return collapse(
    space,
    inputs.map((input) => input.shape),
    sum === undefined ? [] : (sum.attrs.axes as readonly number[]),
  );
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
