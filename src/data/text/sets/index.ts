import type { TextDataset } from "../text-set.ts";
import { brown } from "./brown.ts";
import { g2p } from "./g2p.ts";
import { mobyDick } from "./moby-dick.ts";
import { sotu } from "./sotu.ts";
import { tinyShakespeare } from "./tinyshakespeare.ts";
import { tsDiagnostics } from "./ts-diagnostics.ts";
import { wordnet } from "./wordnet.ts";

/** Every named text set. */
export const textSets: readonly TextDataset[] = [tinyShakespeare, mobyDick, sotu, brown, wordnet, g2p, tsDiagnostics()];

/** The text set of that name; `ts-diagnostics:de` for another language. @returns undefined when there is none. @throws UsageError for an unknown language. */
export function textSetNamed(name: string): TextDataset | undefined {
  const language = /^ts-diagnostics:(.+)$/.exec(name);
  return language !== null ? tsDiagnostics(language[1]) : textSets.find(({ card }) => card.name === name);
}
