import { RandomStreams } from "../core/streams.ts";
import type { EstimateContext, Estimates } from "../models/index.ts";
import { compile } from "../runtime/program.ts";
import type { ViewContext } from "./sampling.ts";

/**
 * A model's estimates, such as of the constant of a machine's energies; undefined where it has none.
 * @param metrics its metrics on held-out data
 * @param options `seed` of the estimates' own draws; the same seed gives the same figures
 */
export async function estimateFigures(
  { record, network, backend }: Omit<ViewContext, "config"> & Partial<ViewContext>,
  metrics: Readonly<Record<string, number>>,
  { seed, onProgress }: { seed: number | string; onProgress?: ((message: string) => void) | undefined },
): Promise<Estimates | undefined> {
  if (record.estimates === undefined) return undefined;
  const streams = new RandomStreams(`${seed}/estimates`);
  const compileEstimate = ((build, options) =>
    compile(backend, build, { name: `${record.name} estimate`, ...options, streams })) as EstimateContext["compile"];
  return record.estimates(network, { metrics, compile: compileEstimate, onProgress });
}
