import { create } from "@bufbuild/protobuf";
import type { DType, Shape } from "../core/dtype.ts";
import { collect, type Named } from "../graph/graph.ts";
import { I, onnxType } from "../graph/onnx.ts";
import { add, minimum } from "../graph/ops/elementwise.ts";
import { constant, input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { attributeProto } from "../lower/emitter.ts";
import { lowerProto } from "../lower/lower.ts";
import { type ModelProto, type NodeProto, NodeProtoSchema, type TensorProto, TensorProtoSchema } from "../lower/onnx_pb.ts";
import { namedParameters, namedStates } from "../nn/module.ts";
import { adam } from "../optim/adam.ts";
import { coefficientFormulas, type Formula } from "../optim/coefficients.ts";
import { type FileNotes, serialize } from "../pretrained/onnx-export.ts";
import { lossAndGradients } from "./loss-gradients.ts";
import type { TrainerOptions } from "./trainer.ts";

// One whole training step as one ONNX file: gradients, clipping, the optimizer, averages and running statistics. Arrays come in and go out under the names
// that checkpoints give them, so a checkpoint's arrays are the step's state.

export interface PortableStepOptions<I extends string>
  extends FileNotes,
    Required<Pick<TrainerOptions<I>, "objective">>,
    Pick<TrainerOptions<I>, "module" | "inputs" | "optimizer" | "weightDecay" | "clipNorm" | "ema"> {}

interface Value {
  name: string;
  dtype: DType;
  shape: Shape;
}

/** What a host must know to run the step: plain JSON, written beside the file. */
export interface StepLayout {
  format: "atelier-training-step-1";
  optimizer: { name: string; settings: Readonly<Record<string, number | boolean>>; weightDecay: number; clipNorm: number; ema: number };
  inputs: {
    /** One batch. */
    batch: Value[];
    /** Fresh draws for each step. */
    random: (Value & { kind: "normal" | "uniform" })[];
    /** Numbers that may change from step to step. */
    settings: Value[];
    /** Arrays that the step renews: each goes in as `name` and comes out as `output`. */
    state: (Value & { output: string; kind: StateKind })[];
  };
  /** Scalars of this batch, before the update: the loss and its unweighted terms. */
  outputs: Value[];
}

type StateKind = "parameter" | "running" | "moment" | "average" | "counter";

interface StateValue {
  tensor: Tensor;
  next: Tensor;
  kind: StateKind;
}

/**
 * The training step of a module as a serialized ONNX model of standard operators, at a fixed batch size.
 * Inputs: the batch, `random:*`, `learningRate`, and the state by its names in checkpoints with `step` (steps done, int64). Outputs: `term:*`, and each
 * piece of state under its name with a prime. An optimizer that has no formulas gets its coefficients as further settings `coefficient:*`.
 * @throws UsageError for an operator set that is not supported; AtelierError for an operation outside of standard ONNX; ShapeError from the objective's ops
 */
export function portableStep<I extends string>(options: PortableStepOptions<I>): { model: Uint8Array; layout: StepLayout } {
  const { optimizer = adam(), weightDecay = 0, clipNorm = 0, ema = 0 } = options;
  const traced = traceStep(options);
  const formulas = coefficientFormulas(optimizer, weightDecay || undefined);
  const outputs: Named[] = [
    ...Object.entries(traced.terms).map(([name, tensor]) => ({ name, tensor })),
    ...[...traced.state].map(([name, { next }]) => ({ name: `${name}'`, tensor: next })),
  ];
  const names = new Map<Tensor, string>([...traced.state].map(([name, { tensor }]) => [tensor, name]));
  const graph = simplify(collect(outputs, names));
  const proto = lowerProto(graph, { target: "portable" });
  if (formulas !== undefined) computeCoefficients(proto, formulas);
  const used = new Set(proto.graph!.input.map(({ name }) => name));
  const value = (name: string, { shape, dtype }: Tensor): Value => ({ name, dtype, shape });
  const byName = new Map(graph.inputs.map(({ name, tensor }) => [name, tensor]));
  const layout: StepLayout = {
    format: "atelier-training-step-1",
    optimizer: { name: optimizer.name, settings: optimizer.settings, weightDecay, clipNorm, ema },
    inputs: {
      batch: Object.keys(options.inputs).flatMap((name) => (byName.has(name) ? [value(name, byName.get(name)!)] : [])),
      random: traced.draws.filter(({ name }) => byName.has(name)).map(({ name, kind, tensor }) => ({ ...value(name, tensor), kind })),
      settings: [...used]
        .filter((name) => name === "learningRate" || name.startsWith("coefficient:"))
        .map((name) => ({ name, dtype: "float32", shape: [] })),
      state: [...traced.state].map(([name, { tensor, kind }]) => ({ ...value(name, tensor), output: `${name}'`, kind })),
    },
    outputs: Object.entries(traced.terms).map(([name, tensor]) => value(name, tensor)),
  };
  return { model: serialize(proto, options), layout };
}

interface TracedStep {
  terms: Record<string, Tensor>;
  /** In the order of a checkpoint. */
  state: Map<string, StateValue>;
  draws: Trace["draws"];
}

function traceStep<I extends string>(options: PortableStepOptions<I>): TracedStep {
  const { module, objective, inputs, optimizer = adam(), weightDecay = 0, clipNorm = 0, ema = 0 } = options;
  const trace = new Trace({ training: true });
  const symbols = {} as Record<I, Tensor>;
  for (const key of Object.keys(inputs) as I[])
    symbols[key] = input(key, inputs[key].shape, inputs[key].dtype ?? "float32", inputs[key].role);
  const parameters = [...namedParameters(module)];
  const leaves = parameters.map(([, leaf]) => leaf);
  const { terms: losses, derived } = withTrace(trace, () => lossAndGradients(objective(symbols, trace), leaves));
  const terms = { ...losses, ...Object.fromEntries([...trace.notes].map(([name, value]) => [`term:${name}`, value])) };
  const scaled = clipNorm > 0 ? clipped(derived, clipNorm) : derived;
  const scalars = Object.keys(optimizer.coefficients(1, 1, weightDecay || undefined));
  const coefficients = Object.fromEntries(scalars.map((name) => [name, input(`coefficient:${name}`, [], "float32", "setting")]));
  const weights = new Map<string, StateValue>();
  const moments = new Map<string, StateValue>();
  const averages = new Map<string, StateValue>();
  parameters.forEach(([path, tensor], i) => {
    const slots = Object.fromEntries(
      optimizer.slots.map((slot) => [slot, input(`optimizer.${slot}.${path}`, tensor.shape, "float32", "state")]),
    );
    const result = optimizer.update(tensor, scaled[i], slots, coefficients);
    weights.set(`model.${path}`, { tensor, next: result.parameter, kind: "parameter" });
    for (const slot of optimizer.slots)
      moments.set(`optimizer.${slot}.${path}`, { tensor: slots[slot], next: result.slots[slot], kind: "moment" });
    if (ema === 0) return;
    const average = input(`ema.${path}`, tensor.shape, "float32", "state");
    averages.set(`ema.${path}`, { tensor: average, next: average.mul(ema).add(result.parameter.mul(1 - ema)), kind: "average" });
  });
  for (const [path, tensor] of namedStates(module)) {
    weights.set(`model.${path}`, { tensor, next: trace.updates.get(tensor) ?? tensor, kind: "running" });
  }
  const step = input("step", [], "int64", "state");
  const counter: StateValue = { tensor: step, next: add(step, constant(1, "int64")), kind: "counter" };
  return { terms, state: new Map([...weights, ...moments, ...averages, ["step", counter]]), draws: trace.draws };
}

/** The gradients scaled so that their common norm is at most `limit` (torch.nn.utils.clip_grad_norm_). */
function clipped(derived: readonly Tensor[], limit: number): Tensor[] {
  const norm = derived
    .map((g) => g.mul(g).sum())
    .reduce((a, b) => a.add(b))
    .sqrt();
  const factor = minimum(constant(limit).div(norm.add(1e-6)), 1);
  return derived.map((g) => g.mul(factor));
}

/** Replace the inputs `coefficient:*` by their formulas of `step` and `learningRate`, in double precision as on the host. */
function computeCoefficients({ graph }: ModelProto, formulas: Readonly<Record<string, Formula>>): void {
  const wanted = graph!.input.filter(({ name }) => name.startsWith("coefficient:"));
  const nodes: NodeProto[] = [];
  const constants = new Map<string, TensorProto>();
  let count = 0;
  const node = (opType: string, inputs: string[], output = `formula/${count++}`, to?: number): string => {
    const attribute = to === undefined ? [] : [attributeProto("to", I(to))];
    nodes.push(create(NodeProtoSchema, { opType, input: inputs, output: [output], attribute }));
    return output;
  };
  const double = 11;
  const sources = new Map<string, string>();
  const source = (name: "step" | "learningRate"): string => {
    if (!sources.has(name)) sources.set(name, node("Cast", [name === "step" ? "step'" : name], undefined, double));
    return sources.get(name)!;
  };
  const emit = (formula: Formula): string => {
    if (typeof formula === "string") return source(formula);
    if (typeof formula === "object") return node(formula.op, formula.of.map(emit));
    const name = `formula/constant ${formula}`;
    constants.set(name, create(TensorProtoSchema, { name, dataType: double, rawData: new Uint8Array(Float64Array.of(formula).buffer) }));
    return name;
  };
  for (const { name } of wanted) node("Cast", [emit(formulas[name.slice("coefficient:".length)])], name, onnxType.float32);
  const [rate] = wanted;
  graph!.input = graph!.input.filter((info) => !wanted.includes(info));
  if (sources.has("learningRate")) graph!.input.push({ ...rate, name: "learningRate" });
  graph!.initializer.push(...constants.values());
  // The counter's own update comes first: the formulas count steps from 1.
  const counting = graph!.node.filter(({ output }) => output.includes("step'"));
  graph!.node = [...counting, ...nodes, ...graph!.node.filter((other) => !counting.includes(other))];
}
