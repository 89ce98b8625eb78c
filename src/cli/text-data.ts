import { showActivity } from "./activity.ts";
import { formatBytes, tableText } from "./format.ts";
import { type Io, printJson } from "./verb.ts";

/** Whether a name is a text set's, or begins as one with parameters does. */
export async function isTextSet(name: string): Promise<boolean> {
  const { textSetNamed } = await import("../data/text/sets/index.ts");
  return textSetNamed(name) !== undefined;
}

/** `atelier data texts` */
export async function listTexts(io: Io, json: boolean): Promise<void> {
  const { textSets } = await import("../data/text/sets/index.ts");
  const cards = textSets.map(({ card }) => card);
  if (json) return printJson(io, cards);
  const rows = cards.map((card) => [
    card.name,
    card.title,
    card.kind,
    card.licence,
    formatBytes(card.package?.bytes ?? card.download?.bytes ?? 0),
  ]);
  io.stdout.write(tableText(["name", "title", "kind", "licence", "download"], rows));
}

/** `atelier data get` of a text set. */
export async function getText(name: string, io: Io, json: boolean): Promise<void> {
  const { loadText, preparedTextPlace } = await import("../data/node/text.ts");
  const activity = showActivity(io, json);
  const { card, documents } = await loadText(name, { onProgress: activity.onProgress }).finally(activity.end);
  const place = preparedTextPlace(card);
  if (json) printJson(io, { name, place, train: documents.length });
  else io.stdout.write(`${card.title}: ${documents.length} training ${card.kind} in ${place}\n`);
}

export interface TextInfoOptions {
  field?: string;
  target?: string;
  duplicates?: boolean;
}

/** `atelier data info` of a text set, and `atelier data texts NAME`: how much text, how it is split, what leaks, an example. */
export async function textInfo(name: string, options: TextInfoOptions, io: Io, json: boolean): Promise<void> {
  const { loadText } = await import("../data/node/text.ts");
  const { countLeaks, findDuplicates } = await import("../data/text/duplicates.ts");
  const activity = showActivity(io, json);
  const load = (split: "train" | "test") =>
    loadText(name, { split, field: options.field, targetField: options.target, onProgress: activity.onProgress });
  const [train, test] = [await load("train"), await load("test")];
  activity.end();
  const { card } = train;
  const size = (documents: typeof train.documents) => ({
    [card.kind]: documents.length,
    characters: documents.reduce((sum, { text, target = "" }) => sum + text.length + target.length, 0),
  });
  const leaks = countLeaks(train.documents, test.documents);
  const duplicates = options.duplicates ? findDuplicates([...train.documents, ...test.documents]) : undefined;
  const facts = { card, train: size(train.documents), test: size(test.documents), leaks, duplicates, notes: train.notes ?? [] };
  if (json) return printJson(io, facts);
  const tell = (part: Record<string, number>) =>
    Object.entries(part)
      .map(([what, count]) => `${count} ${what}`)
      .join(", ");
  const rows = [
    ["summary", card.summary],
    ["source", card.source],
    ["licence", card.licence],
    ["training", tell(facts.train)],
    ["held out", tell(facts.test)],
    ["split", card.splitNote],
    ["leaks", `${leaks} held-out ${card.kind} are also in training`],
    ...(duplicates === undefined ? [] : [["repeated", `${duplicates.exact} exactly, ${duplicates.near.length} pairs nearly`]]),
    ...(duplicates?.near
      .slice(0, 5)
      .map(({ first, second, overlap }) => ["", `${Math.round(100 * overlap)}% alike: ${first} | ${second}`]) ?? []),
    ["known bias", card.bias],
    ["example", example(train.documents[0] ?? { text: "" })],
    ...facts.notes.map((note) => ["note", note]),
  ];
  io.stdout.write(`${card.title} (${card.name})\n${rows.map(([key, value]) => `  ${key.padEnd(11)}${value}\n`).join("")}`);
}

function example({ text, target }: { text: string; target?: string | undefined }): string {
  const short = (part: string) => JSON.stringify(part.length > 120 ? `${part.slice(0, 120)}…` : part);
  return target === undefined ? short(text) : `${short(text)} -> ${short(target)}`;
}
