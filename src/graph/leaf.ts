import { type ArrayOf, allocate, type DType, type Shape, sizeOf } from "../core/dtype.ts";
import { AtelierError } from "../core/errors.ts";
import { inputOp } from "./ops/source.ts";
import { GraphNode, Tensor } from "./tensor.ts";

// Leaves are the only tensors with numbers behind them: a symbol in graphs, and a host array that programs bind.

function leafNode(name: string, role: "parameter" | "state", shape: Shape, dtype: DType): GraphNode {
  return new GraphNode(inputOp as GraphNode["op"], [], { name, role, shape, dtype }, [{ shape, dtype }]);
}

let unnamed = 0;

/** A leaf is the very output of its node, so that walking the graph finds the object with the numbers. */
function becomeOutput(leaf: Tensor): void {
  (leaf.node.outputs as Tensor[])[0] = leaf;
}

/**
 * A trained array of a module. In a graph it is an input whose name is its path in the model; `data` is its current value, row-major.
 * When a model is trained its parameters move into one flat vector and `data` becomes a view of it.
 */
export class Parameter extends Tensor {
  data: Float32Array;
  /** Where it is in the model that is trained or compiled (`encoder.convs.0.weight`), for profiles and errors. */
  path: string | undefined;

  /** @throws AtelierError when the data does not fill the shape */
  constructor(shape: Shape, data: Float32Array) {
    super(leafNode(`parameter${unnamed++}`, "parameter", [...shape], "float32"), 0, { shape: [...shape], dtype: "float32" });
    becomeOutput(this);
    requireLength("Parameter", shape, data.length);
    this.data = data;
  }
}

/** An array that a model carries but does not train: running statistics, buffers. A trace may record a new value for it. */
export class State<D extends DType = DType> extends Tensor {
  readonly data: ArrayOf[D];
  /** Where it is in the model, as a parameter's. */
  path: string | undefined;

  constructor(shape: Shape, dtype: D, fill = 0) {
    super(leafNode(`state${unnamed++}`, "state", [...shape], dtype), 0, { shape: [...shape], dtype });
    becomeOutput(this);
    const data = allocate(dtype, sizeOf(shape));
    if (fill !== 0) for (let i = 0; i < data.length; i++) data[i] = dtype === "int64" ? BigInt(fill) : fill;
    this.data = data;
  }
}

/** Whether a tensor has numbers behind it. */
export function isLeaf(tensor: Tensor): tensor is Parameter | State {
  return tensor instanceof Parameter || tensor instanceof State;
}

function requireLength(kind: string, shape: Shape, length: number): void {
  if (sizeOf(shape) === length) return;
  throw new AtelierError({
    what: `${kind}: the data does not fill the shape.`,
    got: `${length} values`,
    expected: `${sizeOf(shape)} for [${shape.join(",")}]`,
  });
}
