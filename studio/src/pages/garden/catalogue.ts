import type { Ability, GardenModel } from "../../../../src/studio/garden.ts";
import sizes from "./sizes.json";

/** What the garden is narrowed to; "" and undefined leave all in. */
export interface Wish {
  readonly text: string;
  readonly family: string;
  readonly ability: Ability | "";
}

/** The models that fit, in the order of their history: every word of the text stands somewhere in what is told of the model. */
export function chosen(models: readonly GardenModel[], { text, family, ability }: Wish): GardenModel[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = models.filter((model) => {
    const told = [model.name, model.title, model.family, model.paper, model.summary, String(model.year), ...model.data]
      .join(" ")
      .toLowerCase();
    return (
      (family === "" || model.family === family) &&
      (ability === "" || model.abilities.includes(ability)) &&
      words.every((word) => told.includes(word))
    );
  });
  // What makes something comes before what only names it.
  const naming = ({ abilities }: GardenModel) => Number(abilities.includes("classifies"));
  return fitting.sort((a, b) => naming(a) - naming(b));
}

/** How many numbers a preset's network holds; undefined for a preset that is newer than the list. */
export function sizeOf(model: string, preset: string): number | undefined {
  return (sizes as Record<string, Record<string, number>>)[model]?.[preset];
}

/** 385809 as "386 k", 124439808 as "124 M". */
export function shortCount(count: number): string {
  for (const [unit, word] of [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ] as const) {
    if (count >= unit * 0.9995) return `${Number((count / unit).toPrecision(3))}${word}`;
  }
  return String(count);
}

/** Which page shows what a finished run of a model does. */
export function tryAddress(model: GardenModel, run: string): string {
  const named = encodeURIComponent(run);
  return model.abilities.includes("classifies") ? `#/runs/${named}` : `#/generate/${named}`;
}
