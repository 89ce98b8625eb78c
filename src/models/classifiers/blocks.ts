import { z } from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { crossEntropy } from "../../nn/losses.ts";

/** Channels, height and width of the pictures a model takes. */
export const imageShape = z
  .tuple([z.literal([1, 3]), z.int().min(4).max(1024), z.int().min(4).max(1024)])
  .describe("channels (1 grey, 3 colour), height and width of a picture");

/** Per-example accuracy (0 or 1) and cross entropy of logits [B, K]. */
export function classifierMetrics(logits: Tensor, labels: Tensor): Record<string, Tensor> {
  return { accuracy: logits.argmax(1).cast("int32").equal(labels).cast("float32"), nats: crossEntropy(logits, labels) };
}

export const classifierMetricInfo = {
  accuracy: { unit: "fraction", better: "higher", about: "share of held-out pictures whose most likely class is theirs" },
  nats: { unit: "nats per picture", better: "lower", about: "cross entropy of the held-out labels" },
} as const;
