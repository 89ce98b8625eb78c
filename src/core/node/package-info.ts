import { readFileSync } from "node:fs";

/** This package's version, and the range of Node.js versions it runs on (`>=20.19`). */
export function packageInfo(): { version: string; node: string } {
  // Three folders up from here, in src as in dist.
  const { version, engines } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  return { version, node: engines.node };
}
