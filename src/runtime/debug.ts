import { type Graph, isInput } from "../graph/graph.ts";
import { canonicalText, graphDigest } from "../graph/print.ts";

/** What a debug level needs of Node; absent in a page. */
interface NodeProcess {
  env?: Record<string, string | undefined>;
  pid?: number;
  getBuiltinModule?(name: string): unknown;
}

const nodeProcess = (globalThis as { process?: NodeProcess }).process;

/**
 * `ATELIER_DEBUG` opens one more layer at each level.
 *
 *   1   verifies each compiled graph and prints its text; gradients are checked at every step
 *   2   also the graph as it was traced, before the passes
 *   3   also the ONNX model, as a file whose name is printed
 *   4   also a profile of each training program when it is disposed of: time, share and GFLOP/s by op and by layer
 */
export function debugLevel(): number {
  const value = nodeProcess?.env?.ATELIER_DEBUG;
  return value === undefined || value === "" ? 0 : Number(value) || (value === "0" ? 0 : 1);
}

/** Print a line of debugging on stderr. */
export function say(text: string): void {
  (globalThis as { console: { error(text: string): void } }).console.error(text);
}

/** What a compiled function's graph looks like before and after the passes. */
export function debugGraph(name: string, traced: Graph, simplified: Graph): void {
  const level = debugLevel();
  if (level < 1) return;
  const count = (graph: Graph) => graph.nodes.filter((node) => !isInput(node)).length;
  if (level >= 2) say(`[${name}] traced, ${count(traced)} nodes:\n${canonicalText(traced)}`);
  say(
    `[${name}] after passes, ${count(simplified)} of ${count(traced)} nodes, digest ${graphDigest(simplified)}:\n${canonicalText(simplified)}`,
  );
}

/** Keep the ONNX model as a file in the folder for temporary ones, where there is one. */
export function debugModel(name: string, model: Uint8Array): void {
  if (debugLevel() < 3) return;
  const fs = nodeProcess?.getBuiltinModule?.("node:fs") as { writeFileSync(path: string, data: Uint8Array): void } | undefined;
  const os = nodeProcess?.getBuiltinModule?.("node:os") as { tmpdir(): string } | undefined;
  if (fs === undefined || os === undefined) {
    say(`[${name}] ONNX model of ${model.length} bytes`);
    return;
  }
  const file = `${os.tmpdir()}/atelier-${nodeProcess?.pid}-${models++}-${name.replace(/[^\w.-]+/g, "-")}.onnx`;
  fs.writeFileSync(file, model);
  say(`[${name}] ONNX model of ${model.length} bytes: ${file}`);
}

let models = 0;
