/** Code that a page quotes, and the lines of the sources where it stands (from 1, `to` is the last). */
export interface Quote {
  readonly text: string;
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** A model's page as it is built into the studio. */
export interface LearnPage {
  readonly name: string;
  readonly markdown: string;
  /** The model's own file, whole; undefined where the page names none. */
  readonly main: { readonly path: string; readonly text: string } | undefined;
  readonly quotes: readonly Quote[];
  /** For each quote the lines around it, beginning with line `first`. */
  readonly excerpts: readonly { readonly first: number; readonly text: string }[];
}
