/** What an exported page says of its run: the JSON in the file. */
import type { ConditionNames } from "./about.ts";

export interface PageFacts {
  readonly run: string;
  readonly model: string;
  readonly title: string;
  readonly summary: string;
  readonly paper: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** What the `tokenizer.json` of the run holds. */
  readonly tokenizer?: unknown;
  readonly sourceTokenizer?: unknown;
  readonly conditions?: ConditionNames | undefined;
  /** Codes of held-out pictures, [count, Z] row after row. */
  readonly examples?:
    | { readonly codes: readonly number[]; readonly count: number; readonly names?: readonly string[] | undefined }
    | undefined;
  /** Directions of attributes among the codes. */
  readonly directions?: readonly { readonly name: string; readonly vector: readonly number[] }[] | undefined;
  readonly parameters: number;
  readonly precision: "float32" | "float16";
  readonly steps: number;
  /** Name of the data set. */
  readonly data?: string | undefined;
  /** Of the library. */
  readonly version: string;
}
