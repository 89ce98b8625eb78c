/** A figure of a real run beside the one of its PyTorch twin, as docs/results.md has it; texts, with units and errors. */
export interface Result {
  readonly preset: string;
  readonly data: string;
  readonly measure: string;
  readonly ours: string;
  /** "" where there is no twin. */
  readonly twin: string;
}
