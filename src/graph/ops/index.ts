import type { OpRecord } from "../op.ts";
import { clipOps } from "./clip.ts";
import { controlOps } from "./control.ts";
import { convOps } from "./conv.ts";
import { crossEntropyOps } from "./cross-entropy.ts";
import { elementwiseOps } from "./elementwise.ts";
import { gatherOps } from "./gather.ts";
import { linalgOps } from "./linalg.ts";
import { movementOps } from "./movement.ts";
import { normOps } from "./norm.ts";
import { reduceOps } from "./reduce.ts";
import { scanOps } from "./scan.ts";
import { softmaxOps } from "./softmax.ts";
import { sourceOps } from "./source.ts";
import { splitOps } from "./split.ts";

/** Every op of the engine: what the conformance tests, the parity table and the documentation read. */
export const ops: Readonly<Record<string, OpRecord>> = {
  ...sourceOps,
  ...elementwiseOps,
  ...clipOps,
  ...reduceOps,
  ...linalgOps,
  ...convOps,
  ...movementOps,
  ...gatherOps,
  ...softmaxOps,
  ...normOps,
  ...controlOps,
  ...splitOps,
  ...crossEntropyOps,
  ...scanOps,
};
