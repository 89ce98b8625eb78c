export * from "./checkpoint.ts";
export { type ComparedRow, type Comparison, compareRuns, finalMetrics } from "./compare.ts";
export { type LockHolder, lockHolder, lockRun, type RunLock } from "./lock.ts";
export { MetricsLog, type MetricsRow, readMetrics, truncateAfter } from "./metrics-log.ts";
export { type RunRecord, type RunStatus, runStatuses } from "./record.ts";
export { createRun, findRun, type ListedRun, listRuns, type NewRun, openRun, Run, removeRun, runState, runsFolder } from "./registry.ts";
