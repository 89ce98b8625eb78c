import { ensureBuilt } from "../bin/fresh.js";

/** The command-line tests run the compiled product, as a user does. */
export default function setup(): void {
  ensureBuilt();
}
