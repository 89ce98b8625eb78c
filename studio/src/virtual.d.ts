declare module "virtual:learn" {
  import type { LearnPage } from "./pages/learn/page.ts";

  /** The models' pages by name. */
  export const learnPages: Readonly<Record<string, () => Promise<{ page: LearnPage }>>>;
}

declare module "virtual:results" {
  import type { Result } from "./pages/garden/result.ts";

  /** Results by model. */
  export const results: Readonly<Record<string, readonly Result[]>>;
}
