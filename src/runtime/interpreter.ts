import { sizeOf, type TypedArray } from "../core/dtype.ts";
import { AtelierError } from "../core/errors.ts";
import { type Graph, isInput } from "../graph/graph.ts";
import type { NdArray } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Values for a graph's inputs, by name, flat in row-major order. */
export type Feeds = Readonly<Record<string, TypedArray | Float64Array | readonly number[]>>;

/**
 * Evaluate a graph in plain float64 loops: slow, obvious, and the oracle that the runtime's results are compared with.
 * @throws AtelierError for a missing input or one of the wrong length
 */
export function interpret(graph: Graph, feeds: Feeds): Record<string, NdArray> {
  const values = new Map<Tensor, NdArray>();
  for (const { name, tensor } of graph.inputs) {
    const data = Float64Array.from(feeds[name] ?? missing(name), Number);
    if (data.length !== sizeOf(tensor.shape)) {
      throw new AtelierError({
        what: `The value of input "${name}" has the wrong length.`,
        got: `${data.length}`,
        expected: `${sizeOf(tensor.shape)} for [${tensor.shape.join(",")}]`,
      });
    }
    values.set(tensor, { shape: tensor.shape, dtype: tensor.dtype, data });
  }
  for (const node of graph.nodes) {
    if (isInput(node)) continue;
    const results = node.op.evaluate(
      node.inputs.map((input) => values.get(input)!),
      node.attrs,
      node.outputs,
    );
    node.outputs.forEach((output, i) => {
      values.set(output, results[i]);
    });
  }
  return Object.fromEntries(graph.outputs.map(({ name, tensor }) => [name, values.get(tensor)!]));
}

function missing(name: string): never {
  throw new AtelierError({ what: `The interpreter was given no value for the input "${name}".`, expected: "an entry in the feeds" });
}
