/** Pictures of codes: a map of the plane, and histograms against the prior. */
import type { ImageSet } from "../../data/dataset.ts";
import { membership } from "../../data/select.ts";
import { type CodeStatistics, USED_VARIANCE } from "../../metrics/codes.ts";
import { principalComponents } from "../../metrics/principal-components.ts";
import { umap } from "../../metrics/umap.ts";
import { histograms } from "../../report/histograms.ts";
import { scatterPlot } from "../../report/plot.ts";
import type { Raster } from "../../report/png.ts";
import type { Codes } from "./codec.ts";

/** Panels that one picture holds; beyond, the dimensions of largest variance are shown. */
const MOST_PANELS = 64;

/**
 * Each dimension's values as a histogram, with the standard normal curve; dimensions that the model does not use are grey.
 * @param prior whether that curve is the model's prior; else the values are standardised, so that only their shape is compared with it
 */
export function codeHistograms({ data, count, size }: Codes, { mean, variance }: CodeStatistics, title: string, prior = true): Raster {
  const all = Array.from({ length: size }, (_, z) => z);
  const shown = size <= MOST_PANELS ? all : all.sort((a, b) => variance[b] - variance[a]).slice(0, MOST_PANELS);
  const panels = shown.map((z) => ({
    title: `${z}: mean ${mean[z].toFixed(2)} var ${variance[z].toFixed(2)}`,
    values: Float32Array.from({ length: count }, (_, n) =>
      prior ? data[n * size + z] : (data[n * size + z] - mean[z]) / Math.sqrt(variance[z] || 1),
    ),
    faded: variance[z] < USED_VARIANCE,
  }));
  const part = size <= MOST_PANELS ? "" : `, ${MOST_PANELS} of ${size}`;
  return histograms({ title: `${title}${part}${prior ? "" : ", standardised"}`, panels });
}

export interface MapOptions {
  method: "umap" | "pca";
  /** An attribute; default the class, else the first attribute. */
  colour?: string | undefined;
  seed: number | string;
  title: string;
}

/**
 * The codes of a set as points of a plane; two-number codes as they are.
 * @throws UsageError for an attribute that does not exist
 */
export async function codeMap(codes: Codes, set: ImageSet, { method, colour, seed, title }: MapOptions): Promise<Raster> {
  const colours = colouring(set, colour);
  const what = `${title}, ${codes.count} held-out pictures`;
  const { data, count, size } = codes;
  if (size === 2) return scatterPlot({ points: data, ...colours, title: what, xLabel: "code 1", yLabel: "code 2" });
  if (method === "umap") return scatterPlot({ points: await umap(data, count, { seed }), ...colours, title: what });
  const { points, shares } = principalComponents(data, count);
  const axis = (k: number) => `component ${k + 1}: ${Math.round(100 * shares[k])}% of the variance`;
  if (size === 1) return scatterPlot({ points, ...colours, title: what, xLabel: "code" });
  return scatterPlot({ points, ...colours, title: what, xLabel: axis(0), yLabel: axis(1) });
}

function colouring(set: ImageSet, name: string | undefined): { classes?: ArrayLike<number>; names?: readonly string[] } {
  if (name === undefined && set.labels !== undefined) return { classes: set.labels, names: set.classes ?? [] };
  const chosen = name ?? set.attributes?.names[0];
  return chosen === undefined ? {} : { classes: membership(set, chosen), names: [`not ${chosen}`, chosen] };
}
