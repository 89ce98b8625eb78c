import { isPoint } from "../data/dataset.ts";
import { isText } from "../data/token-set.ts";
import type { ModelRecord } from "../models/index.ts";

/** What a model can do besides learning, as people look for it. */
export const abilities = {
  paints: "paints pictures",
  writes: "writes text",
  completes: "fills in left-out words",
  translates: "turns one text into another",
  points: "learns points in the plane",
  asked: "paints what it is asked for",
  codes: "has codes to explore",
  reconstructs: "gives pictures back",
  fills: "fills in pictures",
  starts: "sets out from a picture",
  density: "knows how likely its data are",
  looks: "shows where it looks",
  classifies: "names pictures",
} as const;

export type Ability = keyof typeof abilities;

/** A preset as the garden shows it. */
export interface GardenPreset {
  readonly name: string;
  /** What it is for and about how long it takes. */
  readonly about: string;
  readonly data: string;
}

/** A model as the garden shows it; pictures, sizes and results come with the page. */
export interface GardenModel {
  readonly name: string;
  readonly title: string;
  readonly family: string;
  readonly year: number;
  readonly paper: string;
  readonly summary: string;
  readonly data: readonly string[];
  readonly abilities: readonly Ability[];
  readonly presets: readonly GardenPreset[];
  readonly metrics: readonly {
    readonly name: string;
    readonly unit: string;
    readonly better: "lower" | "higher";
    readonly about: string;
  }[];
}

/** What `/api/garden` answers. */
export interface Garden {
  readonly models: readonly GardenModel[];
  /** Names of finished runs by model, the newest first. */
  readonly finished: Readonly<Record<string, readonly string[]>>;
}

/** A record as the garden shows it. */
export function gardenModel(record: ModelRecord): GardenModel {
  const { name, title, family, year, paper, summary, data } = record;
  return {
    ...{ name, title, family, year, paper, summary, data: data.sets, abilities: abilitiesOf(record) },
    presets: Object.entries(record.presets).map(([preset, { about, data: set }]) => ({
      name: preset,
      about,
      data: set ?? data.sets[0] ?? "",
    })),
    metrics: Object.entries(record.metricInfo).map(([metric, { unit, better, about }]) => ({ name: metric, unit, better, about })),
  };
}

/** What a model can do, read off its record: what each preset takes, and which functions there are. */
export function abilitiesOf(record: ModelRecord): Ability[] {
  const shapes = Object.values(record.presets).map(({ config }) => record.data.shape(config));
  const text = shapes.some(isText);
  const plane = shapes.some((shape) => !isText(shape) && isPoint(shape));
  const paints = record.sample !== undefined && shapes.some((shape) => !isText(shape) && !isPoint(shape));
  const can: Record<Ability, boolean> = {
    paints,
    writes: text && record.translation === undefined && record.logits !== undefined,
    completes: text && record.translation === undefined && record.logits === undefined,
    translates: record.translation !== undefined,
    points: plane,
    asked: paints && record.data.conditions !== undefined,
    codes: record.decode !== undefined && (record.encode !== undefined || record.codes !== undefined),
    reconstructs: record.reconstruct !== undefined,
    fills: record.fills === true,
    starts: record.starts !== undefined && record.starts !== false,
    density: record.logDensity !== undefined || record.estimates !== undefined,
    looks: record.attends === true,
    classifies: record.classify !== undefined,
  };
  return (Object.keys(abilities) as Ability[]).filter((ability) => can[ability]);
}
