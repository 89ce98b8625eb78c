import { ensureBuilt, ensurePage } from "../bin/fresh.js";

/** The command-line tests run the compiled product, as a user does; the studio's need its page, and runs of other single files need not wait for it. */
export default function setup(): void {
  ensureBuilt();
  const asked = process.argv.slice(2).filter((word) => /[/.]|studio/.test(word) && !word.startsWith("-"));
  if (asked.length === 0 || asked.some((word) => word.includes("studio"))) ensurePage();
}
