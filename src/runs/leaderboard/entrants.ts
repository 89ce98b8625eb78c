/** Who takes part in a leaderboard, and with which settings: read off the list of models. */
import { UsageError, unknownName } from "../../core/errors.ts";
import { type DataShape, type ImageShape, isPoint } from "../../data/dataset.ts";
import { isText } from "../../data/token-set.ts";
import { defaultTraining, type ModelRecord, models } from "../../models/index.ts";

/** A model with the settings that it enters with. */
export interface Entrant {
  record: ModelRecord;
  preset: string;
  config: Record<string, unknown>;
  training: typeof defaultTraining;
}

/** A model that paints, and why it does not take part. */
export interface Absent {
  model: string;
  because: string;
}

function takesPictures(shape: DataShape): boolean {
  return !isText(shape) && !isPoint(shape);
}

/** Whether a record's pictures can stand in a leaderboard: it samples from nothing, and a preset of it takes pictures. */
function paints(record: ModelRecord): boolean {
  return (
    record.sample !== undefined &&
    record.starts !== "needs" &&
    Object.values(record.presets).some(({ config }) => takesPictures(record.data.shape(config)))
  );
}

/**
 * Models that paint, in the garden's order, each by its own entry or its preset `small`, for pictures of one shape.
 * @param wanted names of models or of families (`gans`); all where absent
 * @param preset instead of the entries' own
 * @throws UsageError for a name that is neither
 */
export function entrants(image: ImageShape, wanted?: readonly string[], preset?: string): { entrants: Entrant[]; absent: Absent[] } {
  const all = models.filter(paints);
  const known = [...new Set([...all.map(({ name }) => name), ...all.map(({ family }) => family)])];
  for (const name of wanted ?? []) if (!known.includes(name)) throw unknownName("family or model that paints", name, known);
  const chosen = all.filter(({ name, family }) => wanted === undefined || wanted.includes(name) || wanted.includes(family));
  const found: { entrants: Entrant[]; absent: Absent[] } = { entrants: [], absent: [] };
  for (const record of chosen) {
    const entered = enter(record, image, preset);
    if (typeof entered === "string") found.absent.push({ model: record.name, because: entered });
    else found.entrants.push(entered);
  }
  if (found.entrants.length > 0 || chosen.length === 0) return found;
  throw new UsageError({
    what: "None of these models can take such pictures.",
    got: found.absent.map(({ model, because }) => `${model}: ${because}`).join("; "),
    expected: `pictures of ${image.join(" x ")}`,
  });
}

/** A record's settings for pictures of a shape, or why it cannot take them. @throws UsageError for a preset that it lacks */
function enter(record: ModelRecord, image: ImageShape, asked: string | undefined): Entrant | string {
  const { leaderboard = {}, presets } = record;
  const preset = asked ?? leaderboard.preset ?? picturePreset(record);
  if (!Object.hasOwn(presets, preset)) throw unknownName(`preset of ${record.name}`, preset, Object.keys(presets));
  const { config: base, training } = presets[preset];
  const own = leaderboard.settings?.(image) ?? {};
  if (typeof own === "string") return own;
  const parsed = record.config.safeParse({ ...(base as object), image, ...(own as object) });
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    return `its setting ${path.join(".")} does not fit: ${message}`;
  }
  const config = parsed.data as Record<string, unknown>;
  const shape = record.data.shape(config);
  if (isText(shape)) return `its preset ${preset} is for text`;
  if (shape.join() !== image.join()) return `its preset ${preset} takes pictures of ${shape.join(" x ")}`;
  return { record, preset, config, training: { ...defaultTraining, ...training } };
}

/** `small`, or the first other preset that takes pictures where that one takes points. */
function picturePreset({ presets, data }: ModelRecord): string {
  const takes = (name: string) => takesPictures(data.shape(presets[name].config));
  const others = Object.keys(presets).filter((name) => name !== "smoke" && name !== "paper" && takes(name));
  return takes("small") ? "small" : (others[0] ?? "paper");
}
