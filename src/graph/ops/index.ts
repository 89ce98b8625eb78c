import type { OpRecord } from "../op.ts";
import { barrierOps } from "./barrier.ts";
import { borderOps } from "./border.ts";
import { clipOps } from "./clip.ts";
import { controlOps } from "./control.ts";
import { convOps } from "./conv.ts";
import { crossEntropyOps } from "./cross-entropy.ts";
import { elementwiseOps } from "./elementwise.ts";
import { gatherOps } from "./gather.ts";
import { groupNormOps } from "./group-norm.ts";
import { linalgOps } from "./linalg.ts";
import { matrixOps } from "./matrix.ts";
import { movementOps } from "./movement.ts";
import { normOps } from "./norm.ts";
import { normalCdfOps } from "./normal-cdf.ts";
import { poolOps } from "./pool.ts";
import { reduceOps } from "./reduce.ts";
import { rotaryOps } from "./rotary.ts";
import { roundingOps } from "./rounding.ts";
import { scanOps } from "./scan.ts";
import { shuffleOps } from "./shuffle.ts";
import { softmaxOps } from "./softmax.ts";
import { sortOps } from "./sort.ts";
import { sourceOps } from "./source.ts";
import { splitOps } from "./split.ts";
import { whileOps } from "./while.ts";

/** Every op of the engine: what the conformance tests, the parity table and the documentation read. */
export const ops: Readonly<Record<string, OpRecord>> = {
  ...sourceOps,
  ...elementwiseOps,
  ...clipOps,
  ...reduceOps,
  ...linalgOps,
  ...matrixOps,
  ...convOps,
  ...movementOps,
  ...gatherOps,
  ...softmaxOps,
  ...normOps,
  ...poolOps,
  ...shuffleOps,
  ...borderOps,
  ...roundingOps,
  ...sortOps,
  ...groupNormOps,
  ...rotaryOps,
  ...normalCdfOps,
  ...controlOps,
  ...splitOps,
  ...crossEntropyOps,
  ...scanOps,
  ...whileOps,
  ...barrierOps,
};
