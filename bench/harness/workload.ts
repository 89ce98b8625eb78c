/** One prepared workload of ours: built and compiled, with its data in memory. */
export interface Prepared {
  /** One training step, inference or kernel run, finished when the promise is. */
  step(): Promise<void>;
  close(): Promise<void>;
  /** Floating point operations of one step, where they are known. */
  flops?: number;
}

/** The first losses of a network of ours from the start values and data that all peers share. */
export interface Check {
  losses: number[];
  parameters: number;
}

/** One thing to measure. The name is the key by which peers offer the same work. */
export interface Workload {
  name: string;
  /** What one step is: shapes, batch, what is included. */
  summary: string;
  /** Whether a step trains a whole network: these count in the geometric mean. */
  training?: boolean;
  /** Fresh pictures that a step draws, for workloads that sample. */
  pictures?: number;
  prepare(): Promise<Prepared>;
  /** Losses of the first steps, without dropout and with fixed draws. */
  check?(steps: number): Promise<Check>;
}
