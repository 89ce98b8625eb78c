/** One prepared workload of ours: built and compiled, with its data in memory. */
export interface Prepared {
  /** One training step, inference or kernel run, finished when the promise is. */
  step(): Promise<void>;
  close(): Promise<void>;
}

/** One thing to measure. The name is the key by which peers offer the same work. */
export interface Workload {
  name: string;
  /** What one step is: shapes, batch, what is included. */
  summary: string;
  prepare(): Promise<Prepared>;
}
