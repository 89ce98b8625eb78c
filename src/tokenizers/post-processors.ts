/** Post-processors: special tokens around what was encoded. */
import type { PostProcessorSpec, TemplatePart } from "./spec.ts";

/** Ids with the segment that each belongs to. */
export interface Encoding {
  /** [T] */
  ids: Int32Array;
  /** [T], 0 for the first text, 1 for the second. */
  typeIds: Uint8Array;
}

export type PostProcess = (first: readonly number[], second: readonly number[] | undefined) => Encoding;

/** The function that a description stands for; none puts the two texts one after the other. */
export function buildPostProcessor(spec: PostProcessorSpec | null | undefined): PostProcess {
  const adding = spec === null || spec === undefined ? undefined : flatten(spec).find(({ type }) => type !== "ByteLevel");
  if (adding === undefined || adding.type === "ByteLevel" || adding.type === "Sequence")
    return fill([seq("A", 0)], [seq("A", 0), seq("B", 1)], {});
  if (adding.type === "TemplateProcessing") {
    const ids = Object.fromEntries(Object.entries(adding.special_tokens).map(([name, token]) => [name, token.ids]));
    return fill(adding.single, adding.pair, ids);
  }
  const [cls, sep] = [special("cls", 0), special("sep", 0)];
  const ids = { cls: [adding.cls[1]], sep: [adding.sep[1]] };
  const single = [cls, seq("A", 0), sep];
  if (adding.type === "BertProcessing") return fill(single, [...single, seq("B", 1), special("sep", 1)], ids);
  return fill(single, [...single, sep, seq("B", 0), sep], ids);
}

function flatten(spec: PostProcessorSpec): PostProcessorSpec[] {
  return spec.type === "Sequence" ? spec.processors.flatMap(flatten) : [spec];
}

function seq(id: "A" | "B", type_id: number): TemplatePart {
  return { Sequence: { id, type_id } };
}

function special(id: string, type_id: number): TemplatePart {
  return { SpecialToken: { id, type_id } };
}

function fill(
  single: readonly TemplatePart[],
  pair: readonly TemplatePart[],
  special: Readonly<Record<string, readonly number[]>>,
): PostProcess {
  return (first, second) => {
    const [ids, types]: [number[], number[]] = [[], []];
    for (const part of second === undefined ? single : pair) {
      const { id, type_id } = "Sequence" in part ? part.Sequence : part.SpecialToken;
      const wanted = "SpecialToken" in part ? (special[id] ?? []) : id === "A" ? first : (second ?? []);
      for (const token of wanted) {
        ids.push(token);
        types.push(type_id);
      }
    }
    return { ids: Int32Array.from(ids), typeIds: Uint8Array.from(types) };
  };
}
