import { learnPages } from "virtual:learn";

/** Names of the models that have a page. */
export const learnNames: readonly string[] = Object.keys(learnPages);

/** Whether a model has a page. */
export function hasLearnPage(name: string): boolean {
  return name in learnPages;
}
