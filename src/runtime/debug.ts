import { type Graph, isInput } from "../graph/graph.ts";
import { canonicalText, graphDigest } from "../graph/print.ts";

/** ATELIER_DEBUG opens one more layer at each level: 1 verifies and counts, 2 prints graph text, 3 also the traced graph and the model's size. */
export function debugLevel(): number {
  const value = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.ATELIER_DEBUG;
  return value === undefined ? 0 : Number(value) || 1;
}

function say(text: string): void {
  (globalThis as { console: { error(text: string): void } }).console.error(text);
}

/** What a compiled function's graph looks like before and after the passes. */
export function debugGraph(name: string, traced: Graph, simplified: Graph): void {
  const level = debugLevel();
  if (level < 1) return;
  const count = (graph: Graph) => graph.nodes.filter((node) => !isInput(node)).length;
  say(`[${name}] ${count(traced)} nodes traced, ${count(simplified)} after passes, digest ${graphDigest(simplified)}`);
  if (level >= 3) say(canonicalText(traced));
  if (level >= 2) say(canonicalText(simplified));
}

export function debugModel(name: string, model: Uint8Array): void {
  if (debugLevel() >= 3) say(`[${name}] ONNX model of ${model.length} bytes`);
}
