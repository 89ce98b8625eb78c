import { collect } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import { lower } from "../lower/lower.ts";

/** y = x + x on two numbers: a model that every device can run, to see whether it is there at all. */
export function smallestModel(): Uint8Array {
  const x = input("x", [2]);
  return lower(collect([{ name: "y", tensor: x.add(x) }]), { target: "portable" });
}
