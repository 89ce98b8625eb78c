import type { Tensor } from "../graph/tensor.ts";
import type { Module } from "./module.ts";

/** A Transformer of one sequence whose attention can be looked at: GPT-2, BERT, the Llama family. */
export interface AttendingNetwork extends Module {
  /** How much each token of [B, T] (int32) looks at each other, per layer [B, heads, T, T]; rows sum to 1. */
  attention(tokens: Tensor): readonly Tensor[];
}

/** Whether a network's attention can be looked at. */
export function isAttending(network: Module): network is AttendingNetwork {
  return "attention" in network && typeof network.attention === "function";
}
