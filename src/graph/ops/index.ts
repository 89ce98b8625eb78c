import type { OpRecord } from "../op.ts";
import { clipOps } from "./clip.ts";
import { controlOps } from "./control.ts";
import { convOps } from "./conv.ts";
import { elementwiseOps } from "./elementwise.ts";
import { gatherOps } from "./gather.ts";
import { groupNormOps } from "./group-norm.ts";
import { linalgOps } from "./linalg.ts";
import { movementOps } from "./movement.ts";
import { normOps } from "./norm.ts";
import { normalCdfOps } from "./normal-cdf.ts";
import { reduceOps } from "./reduce.ts";
import { rotaryOps } from "./rotary.ts";
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
  ...groupNormOps,
  ...splitOps,
  ...rotaryOps,
  ...normalCdfOps,
  ...controlOps,
};
