import type { Parameter } from "../graph/leaf.ts";
import { Module, namedParameters } from "../nn/module.ts";

/** Parameters start at multiples of this many elements (64 bytes), so that views are aligned for wide loads. */
const alignment = 16;

/** A model's parameters as one flat vector with named views, and their gradients as another of the same layout. */
export class FlatParameters {
  readonly names: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly values: Float32Array;
  readonly gradients: Float32Array;
  /** Where each parameter lies in a vector of this layout. */
  readonly ranges: readonly { start: number; end: number }[];

  /** Move the parameters of a module, or some parameters by name, into one vector: each `data` becomes a view of it, with the values it had. */
  constructor(source: Module | Iterable<readonly [string, Parameter]>) {
    const named = [...(source instanceof Module ? namedParameters(source) : source)];
    this.names = named.map(([name]) => name);
    this.parameters = named.map(([, parameter]) => parameter);
    for (const [path, parameter] of named) parameter.path = path;
    let end = 0;
    this.ranges = this.parameters.map((parameter) => {
      const start = Math.ceil(end / alignment) * alignment;
      end = start + parameter.size;
      return { start, end };
    });
    const length = Math.ceil(end / alignment) * alignment;
    this.values = new Float32Array(length);
    this.gradients = new Float32Array(length);
    this.parameters.forEach((parameter, i) => {
      const view = this.view(this.values, i);
      view.set(parameter.data);
      parameter.data = view;
    });
  }

  /** The part of a vector of this layout that belongs to parameter `index`. */
  view(vector: Float32Array, index: number): Float32Array {
    const { start, end } = this.ranges[index];
    return vector.subarray(start, end);
  }

  /** Named views of a vector of this layout. */
  views(vector: Float32Array): Record<string, Float32Array> {
    return Object.fromEntries(this.names.map((name, i) => [name, this.view(vector, i)]));
  }
}
