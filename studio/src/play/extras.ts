/** What is known of a run besides its network: for an interface that names things and begins at good places. */
import type { ConditionNames } from "../../../src/play/about.ts";
import type { PlayClient } from "../../../src/play/client.ts";
import type { Opened } from "../../../src/play/protocol.ts";

/** Codes of held-out pictures, row after row. */
export interface ExampleCodes {
  /** [count, Z] */
  readonly codes: Float32Array;
  readonly count: number;
  /** Class names, where the pictures have classes. */
  readonly names?: readonly string[] | undefined;
}

/** A direction in the space of codes that stands for an attribute: the mean code with it minus the mean code without. */
export interface Direction {
  readonly name: string;
  readonly vector: Float32Array;
}

export interface PlayExtras {
  readonly conditions?: ConditionNames | undefined;
  readonly examples?: ExampleCodes | undefined;
  readonly directions?: readonly Direction[] | undefined;
}

/** An opened model with all that its interface needs. */
export interface Play {
  readonly client: PlayClient;
  readonly opened: Opened;
  readonly extras: PlayExtras;
}
