// Prints every op's examples as JSON, for make_torch.py: the slices are made on the same inputs that the conformance tests use.
import { ops } from "../../dist/graph/ops/index.js";

const examples = Object.entries(ops).flatMap(([op, record]) => record.examples.map(({ inputs, attrs }) => ({ op, inputs, attrs })));
console.log(JSON.stringify(examples.filter(({ op }) => op !== "constant" && op !== "barrier")));
