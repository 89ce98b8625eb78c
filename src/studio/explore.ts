/** What the page Explore is told. */
import type { ConditionNames } from "../play/about.ts";
import type { SampleFile } from "./training.ts";

/** A run that can be explored, in the list. */
export interface ExplorableRun {
  readonly run: string;
  readonly model: string;
  readonly title: string;
  readonly family: string;
  readonly data: string | null;
  /** The newest of what it made. */
  readonly picture?: SampleFile | undefined;
}

/** A run, opened: all but its weights and the runtime. */
export interface ExploredRun {
  readonly run: string;
  readonly model: string;
  readonly title: string;
  readonly summary: string;
  readonly family: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer?: unknown;
  readonly sourceTokenizer?: unknown;
  readonly conditions?: ConditionNames | undefined;
  readonly data: string | null;
  readonly steps: number;
  /** Whether training goes on. */
  readonly training: boolean;
  /** Why there can be no map of codes; absent where there can. */
  readonly noMap?: string | undefined;
  /** The ways of laying codes into the plane that are computed already. */
  readonly maps: readonly MapMethod[];
  /** Whether the runtime for graphics cards is installed. */
  readonly webgpu: boolean;
}

/** How codes of more than two numbers are laid into the plane; codes of two lie there by themselves. */
export const mapMethods = ["umap", "pca"] as const;
export type MapMethod = (typeof mapMethods)[number];

/** The codes of held-out pictures in the plane. */
export interface CodeMap {
  readonly format: 1;
  readonly method: MapMethod;
  /** Of the checkpoint. */
  readonly step: number;
  readonly count: number;
  readonly codeSize: number;
  /** x and y of each, [count · 2]. */
  readonly points: readonly number[];
  /** The class of each, or whether it has the first attribute. */
  readonly labels?: readonly number[] | undefined;
  readonly names?: readonly string[] | undefined;
  /** float32 [count, Z] as base64. */
  readonly codes: string;
  /** [count, K] as base64 of bytes, for models that take conditions. */
  readonly conditions?: string | undefined;
  /** Thumbnails: one row after the other, `columns` in each. */
  readonly thumbnails: { readonly columns: number; readonly width: number; readonly height: number };
  /** Directions of attributes among the codes. */
  readonly directions: readonly { readonly name: string; readonly vector: readonly number[] }[];
}
