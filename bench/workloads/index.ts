import type { Workload } from "../harness/workload.ts";
import { compileWorkloads } from "./compile.ts";
import { convolutionWorkloads } from "./convolutions.ts";
import { kernelWorkloads } from "./kernels.ts";
import { modelWorkloads } from "./models.ts";

/** Every workload of the bench, in the order it is run; peers implement those of the same name. */
export const workloads: readonly Workload[] = [...modelWorkloads, ...kernelWorkloads, ...convolutionWorkloads, ...compileWorkloads];
