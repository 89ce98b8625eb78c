import { tinyModel, value } from "./tiny-model.ts";

/** y[B, 3] = x[B, 4] w[4, 3] + b[3], with B free. */
export const dense = () =>
  tinyModel({
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["xw"] },
      { op: "Add", inputs: ["xw", "b"], outputs: ["y"] },
    ],
    inputs: [value("x", [-1, 4]), value("w", [4, 3]), value("b", [3])],
    outputs: [value("y", [-1, 3])],
  });

/** total[] = sum of a[4] and twice[4] = a + a: two outputs, one of them a scalar. */
export const twoOutputs = () =>
  tinyModel({
    nodes: [
      { op: "ReduceSum", inputs: ["a"], outputs: ["total"], attributes: { keepdims: 0 } },
      { op: "Add", inputs: ["a", "a"], outputs: ["twice"] },
    ],
    inputs: [value("a", [4])],
    outputs: [value("total", []), value("twice", [4])],
  });

/** picked[2, 3] = rows of table[5, 3] at index[2]; an index outside fails while running. */
export const gather = () =>
  tinyModel({
    nodes: [{ op: "Gather", inputs: ["table", "index"], outputs: ["picked"] }],
    inputs: [value("table", [5, 3]), value("index", [2], "int64")],
    outputs: [value("picked", [2, 3])],
  });

/**
 * A step of an optimizer on n elements: m' = rate m + g, p' = p - step m' / (sqrt(m' m') + step). Elementwise, so that p and m may be
 * written in place.
 */
export const update = (n: number) =>
  tinyModel({
    nodes: [
      { op: "Mul", inputs: ["m", "rate"], outputs: ["decayed"] },
      { op: "Add", inputs: ["decayed", "g"], outputs: ["m_new"] },
      { op: "Mul", inputs: ["m_new", "m_new"], outputs: ["square"] },
      { op: "Sqrt", inputs: ["square"], outputs: ["root"] },
      { op: "Add", inputs: ["root", "step"], outputs: ["divisor"] },
      { op: "Mul", inputs: ["m_new", "step"], outputs: ["scaled"] },
      { op: "Div", inputs: ["scaled", "divisor"], outputs: ["change"] },
      { op: "Sub", inputs: ["p", "change"], outputs: ["p_new"] },
    ],
    inputs: [value("p", [n]), value("m", [n]), value("g", [n]), value("rate", []), value("step", [])],
    outputs: [value("p_new", [n]), value("m_new", [n])],
  });

/** y = ((a a) a) ... : `depth` products of n x n matrices, as heavy as wanted. */
export const heavy = (n: number, depth: number) =>
  tinyModel({
    nodes: Array.from({ length: depth }, (_, i) => ({
      op: "MatMul",
      inputs: [i === 0 ? "a" : `t${i}`, "a"],
      outputs: [i === depth - 1 ? "y" : `t${i + 1}`],
    })),
    inputs: [value("a", [n, n])],
    outputs: [value("y", [n, n])],
  });

/** Every element type through Identity, with a scalar and a value without elements. */
export const everyType = () => {
  const values = [
    value("f", [2]),
    value("i", [2], "int32"),
    value("l", [2], "int64"),
    value("b", [2], "bool"),
    value("u", [2], "uint8"),
    value("s", []),
    value("e", [0, 3]),
  ];
  return tinyModel({
    nodes: values.map(({ name }) => ({ op: "Identity", inputs: [name], outputs: [`${name}_out`] })),
    inputs: values,
    outputs: values.map((info) => ({ ...info, name: `${info.name}_out` })),
  });
};
