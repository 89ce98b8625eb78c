/**
 * A tour of the engine, from one tensor to a trained model, for a reader who knows PyTorch. Run it: `node bin/ts.js docs/engine-tour.ts`.
 *
 * PyTorch computes each operation when you call it, and remembers how, so that it can go back. Here nothing is computed while you write. Your code builds a
 * graph, once; the graph is differentiated, tidied, written as an ONNX model, and then run as often as you like by ONNX Runtime's kernels.
 */
import { compile, constant, gradients, Parameter, RandomStream, type Tensor } from "atelier";
import { crossEntropy, Linear, Module, relu, terms } from "atelier/nn";
import { openDevice } from "atelier/runtime/node";
import { Trainer } from "atelier/train";
// The layers below the front door, which a user does not need; this page opens them to look inside.
import { collect } from "../src/graph/graph.ts";
import { input } from "../src/graph/ops/source.ts";
import { simplify } from "../src/graph/passes/simplify.ts";
import { canonicalText } from "../src/graph/print.ts";
import { nodeLabels } from "../src/lower/emitter.ts";
import { lower } from "../src/lower/lower.ts";
import { interpret } from "../src/runtime/interpreter.ts";

const title = (text: string): void => console.log(`\n=== ${text} ===\n`);
const show = (text: string): void => console.log(text.replace(/^/gm, "  "));
const graphOf = (outputs: Record<string, Tensor>) => collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor })));

title("1. A tensor is a symbol");

// It has a shape and a dtype, and it knows which operation makes it of what. It holds no numbers, so it costs nothing and is never freed.
const x = input("x", [2, 3]);
const y = x.mul(2).add(1);
console.log(`y is ${y}, made by "${y.node.op.name}"`);

// Shapes are checked when a line is written, not when a batch arrives. The error shows what met what, and the line to mend.
try {
  x.matmul(constant([1, 2, 3, 4], "float32", [2, 2]));
} catch (error) {
  show((error as Error).message.replace(/where: .*(engine-tour\.ts:\d+).*/, "where:    docs/$1"));
}

title("2. A graph is the tensors that some outputs need");

// One line per operation, in an order that can be run. Two graphs that compute the same thing in the same way have the same text,
// and this text is the key under which compiled programs are found again.
show(canonicalText(graphOf({ y })));

// The slow reference interpreter runs any graph in plain loops. It is what the tests trust.
const { y: interpreted } = interpret(graphOf({ y }), { x: [0, 1, 2, 3, 4, 5] });
console.log(`\nthe interpreter says ${[...interpreted.data].join(" ")}`);

title("3. A gradient is more graph");

// gradients() walks back from y and builds, with the same operations, what the derivative is. PyTorch's autograd.grad with create_graph=True, always.
const weight = new Parameter([3, 1], Float32Array.of(0.5, -1, 2));
const loss = x.matmul(weight).tanh().sum();
const [dWeight] = gradients(loss, [weight]);
show(canonicalText(graphOf({ loss, dWeight })));

// So the gradient of a gradient is nothing special: here of the squared length of the first, as a gradient penalty needs it.
const [second] = gradients(dWeight.mul(dWeight).sum(), [weight]);
console.log(`\nd|dWeight|²/dWeight is ${second}`);

title("4. Passes make it short");

// Constants fold, what is stretched is left to broadcasting, a transpose before a matrix product becomes its flag, equal expressions are computed once.
const traced = graphOf({ loss, dWeight });
const short = simplify(traced);
show(canonicalText(short));
console.log(`\n${traced.nodes.length} nodes before, ${short.nodes.length} after`);

title("5. ONNX is what runs");

// Each operation knows how it is written in ONNX: in standard operators for files that go elsewhere, in the runtime's own faster ones on this machine.
// Nodes carry your layers' names, so that a profile speaks of them.
const portable = lower(short, { target: "portable" });
console.log(`the model has ${portable.length} bytes; its nodes are ${[...nodeLabels(short).values()].join(", ")}`);

title("6. A program is a graph tied to arrays");

// compile() does all of the above: it calls the function once with symbols, and binds inputs and outputs to arrays. Parameters are bound in place.
const backend = await openDevice("cpu");
const program = await compile(
  backend,
  ({ x: rows }) => {
    const score = rows.matmul(weight).tanh().sum();
    return { score, slope: gradients(score, [weight])[0] };
  },
  { inputs: { x: { shape: [2, 3] } }, name: "score" },
);
const first = await program.run({ x: [0, 1, 2, 3, 4, 5] });
const [score, slope] = [first.score, first.slope] as Float32Array[];
console.log(`score ${score[0].toFixed(5)}, slope ${Array.from(slope, (v) => v.toFixed(5)).join(" ")}`);

// The program reads the parameter where it lies: change the numbers, and the next run sees them. Nothing is compiled again.
weight.data.set([0, 0, 0]);
console.log(`with a weight of zeros the score is ${(await program.run()).score[0]}`);
await program.dispose();

title("7. An optimizer is a small program of its own");

// A layer is a class whose fields hold parameters; the path of a field is the parameter's name. Weights start as PyTorch's do.
const rng = new RandomStream(7, "tour");
class Classifier extends Module {
  readonly hidden = new Linear({ in: 2, out: 32, rng });
  readonly more = new Linear({ in: 32, out: 32, rng });
  readonly head = new Linear({ in: 32, out: 2, rng });

  call(points: Tensor): Tensor {
    return this.head.call(relu(this.more.call(relu(this.hidden.call(points)))));
  }
}

// The trainer moves all parameters into one flat vector. One program writes all gradients into a second one, and the optimizer (Adam unless told otherwise)
// goes over both in place, in chunks that fit the processor's cache. The learning rate is an input: changing it compiles nothing.
const model = new Classifier();
const trainer = await Trainer.create({
  backend,
  module: model,
  objective: ({ points, labels }) => terms({ crossEntropy: crossEntropy(model.call(points), labels) }),
  inputs: { points: { shape: [128, 2] }, labels: { shape: [128], dtype: "int32" } },
  learningRate: 1e-2,
});
console.log(`${trainer.parameters.names.join(", ")}: ${model.parameterCount} numbers in one vector`);
const operations = trainer.program.graph.nodes.filter((node) => node.op.name !== "input");
console.log(`the step's graph has ${operations.length} nodes; the first and the last lines of its text:`);
const lines = canonicalText(trainer.program.graph).split("\n");
show([...lines.slice(1, 4), "...", ...lines.slice(-3, -1)].join("\n"));

title("8. Training is a loop");

const { points, labels } = twoMoons(128);
for (let step = 1; step <= 300; step++) {
  twoMoons(128, points, labels);
  const report = await trainer.advance({ points, labels });
  if (step === 1 || step % 100 === 0) console.log(`step ${String(step).padStart(3)}   loss ${report.terms.loss.toFixed(4)}`);
}
await trainer.dispose();

// For answers the weights are baked into the model, so that the runtime can lay them out as it likes best.
const classify = await compile(backend, ({ points: p }) => ({ label: model.call(p).argmax(-1) }), {
  inputs: { points: { shape: [1000, 2] } },
  frozen: true,
});
const held = twoMoons(1000);
const { label } = await classify.run({ points: held.points });
const right = held.labels.filter((wanted, i) => wanted === Number(label[i])).length;
console.log(`${right} of 1000 fresh points are classified right (target: 980)`);
await classify.dispose();
if (right < 980) process.exitCode = 1;

/** Points [count, 2] near two interleaved half circles of radius 1, and which circle each belongs to, [count] in {0, 1}. */
function twoMoons(count: number, points = new Float32Array(2 * count), labels = new Int32Array(count)) {
  for (let i = 0; i < count; i++) {
    const side = rng.uniform() < 0.5 ? 1 : -1;
    const angle = Math.PI * rng.uniform();
    const [dx, dy] = [0.1 * rng.normal(), 0.1 * rng.normal()];
    points.set([side * (Math.cos(angle) - 0.5) + dx, side * (Math.sin(angle) - 0.25) + dy], 2 * i);
    labels[i] = side === 1 ? 1 : 0;
  }
  return { points, labels };
}
