import { type ExampleSet, isPoint } from "../data/dataset.ts";
import type { Loader } from "../data/loader.ts";
import { Prefetcher } from "../data/prefetch.ts";
import { isText, isWindow } from "../data/token-set.ts";
import type { BatchPart, ModelRecord } from "../models/model.ts";
import type { InputSpec } from "../runtime/program.ts";

/** The inputs of a model's objective and metrics, `size` examples each: a {@link Batch} by name. What a model does not ask for is there and stays zero. */
export function batchInputs(record: ModelRecord, config: unknown, size: number): Record<BatchPart, InputSpec> {
  const shape = record.data.shape(config);
  const pictures = isText(shape) || isPoint(shape) ? [1, 1, 1] : shape;
  const pairs = isText(shape) && !isWindow(shape) ? shape : undefined;
  return {
    images: { shape: [size, ...pictures] },
    points: { shape: [size, ...(isPoint(shape) ? shape : [1])] },
    labels: { shape: [size], dtype: "int32" },
    conditions: { shape: [size, record.data.conditions?.(config) ?? 1] },
    tokens: { shape: [size, isWindow(shape) ? shape.tokens + 1 : 1], dtype: "int32" },
    source: { shape: [size, pairs?.source ?? 1], dtype: "int32" },
    target: { shape: [size, pairs?.target ?? 1], dtype: "int32" },
  };
}

/** The parts of a batch that a model asks for. */
export function wantedParts({ data }: ModelRecord, kind: ExampleSet["kind"]): Record<BatchPart, boolean> {
  const pairs = kind === "pairs";
  return {
    ...{ images: kind === "images", points: kind === "points", tokens: kind === "tokens", source: pairs, target: pairs },
    ...{ labels: data.labels, conditions: data.conditions !== undefined },
  };
}

/** Batches of the parts that a model asks for, prepared ahead. @throws AtelierError when the data lack one */
export function prefetcherFor(record: ModelRecord, loader: Loader): Prefetcher {
  return new Prefetcher(loader, wantedParts(record, loader.set.kind));
}
