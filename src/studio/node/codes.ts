/** In a worker: the codes of pictures that are there already, and pictures near and between them. */
import { UsageError } from "../../core/errors.ts";
import { RandomStreams } from "../../core/streams.ts";
import { isPoint, requireImages } from "../../data/dataset.ts";
import { loadPictureFile } from "../../data/node/picture-file.ts";
import { datasetNamed } from "../../data/sets/index.ts";
import { type ModelRecord, type Pictures, pictureShape } from "../../models/index.ts";
import { conditionList, sampleConditions } from "../../runs/conditions.ts";
import type { Codes } from "../../runs/latent/codec.ts";
import { readPictures } from "../../runs/latent/source.ts";
import { compile } from "../../runtime/program.ts";
import { interpolateCodes } from "../../sample/interpolate.ts";
import type { PictureRef, PictureRequest } from "../generate.ts";
import { drawsCodes, hasCodes, variationWay } from "./abilities.ts";
import { fileOfEntry, findEntry, galleryFile } from "./gallery.ts";
import type { Holder, Note } from "./holder.ts";

/** What a request wants shown. */
type Wanted = Pick<Extract<PictureRequest, { work: "fresh" }>, "label" | "attributes">;

/** Conditions [count, K] of fresh pictures; undefined for models that take none. @throws UsageError for names that the run does not have */
export async function conditionsFor(
  holder: Holder,
  { label, attributes }: Wanted,
  { count, seed, note }: { count: number; seed: string; note: Note },
): Promise<Float32Array | undefined> {
  const { run, model } = await holder.open(note);
  const stored = run.record.data?.conditions;
  const load = () => holder.held(note);
  const list = stored ?? (model.record.data.conditions === undefined ? undefined : conditionList(await load()));
  const given = attributes === undefined ? undefined : Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  return sampleConditions({ record: model.record, list, count, seed, wanted: { label, attributes: given?.join(",") }, load, onNote: note });
}

/** One picture that is there already, at the model's shape, and what is known of it where something is. */
export interface GivenPicture {
  pictures: Pictures;
  /** [1, K] */
  conditions: Float32Array | undefined;
}

/** @throws UsageError, FileError for a picture that is not there (any more) */
export async function pictureOf(holder: Holder, ref: PictureRef, note: Note): Promise<GivenPicture> {
  const { run, model } = await holder.open(note);
  const shape = pictureShape(model.record, model.config);
  if ("held" in ref) {
    const { pictures, conditions } = await readPictures([String(ref.held)], shape, async () =>
      requireImages(await holder.held(note), "This"),
    );
    return { pictures, conditions };
  }
  if ("seed" in ref) throw new UsageError({ what: "A seed alone is no picture: make one with it first." });
  const entry = "batch" in ref ? await findEntry(run, ref.batch) : undefined;
  const file = "batch" in ref ? fileOfEntry(run, entry!, ref.index) : galleryFile(run, ref.upload);
  const { data, note: done } = await loadPictureFile(file, shape, fitOf(run.record.data?.name));
  if (done !== undefined) note(done.replace(file, "the picture"));
  const conditions = "batch" in ref ? await conditionsOfEntry(holder, ref, note) : undefined;
  return { pictures: { data, shape: [1, ...shape] }, conditions };
}

/** How pictures of other sizes are brought to the shape of the run's data. */
export function fitOf(name: string | undefined): "pad" | "resize" {
  const card = name === undefined ? undefined : datasetNamed(name)?.card;
  return card !== undefined && !isPoint(card.shape) && "fit" in card && card.fit === "pad" ? "pad" : "resize";
}

/** What a picture of the gallery was asked to show, [1, K]. */
async function conditionsOfEntry(
  holder: Holder,
  { batch, index }: Extract<PictureRef, { batch: string }>,
  note: Note,
): Promise<Float32Array | undefined> {
  const { run, model } = await holder.open(note);
  if (model.record.data.conditions === undefined) return undefined;
  const { request } = await findEntry(run, batch);
  if (request.work === "between") return (await between(holder, request, note)).conditions?.slice(...rowOf(model, index));
  if (request.work === "reconstruct") return (await pictureOf(holder, request.of, note)).conditions;
  if (request.work === "fresh" || chosen(request)) {
    const all = await conditionsFor(holder, request, { count: request.count, seed: request.seed, note });
    return all?.slice(...rowOf(model, index));
  }
  return (await pictureOf(holder, request.of, note)).conditions;
}

/** Whether a request says itself what is to be shown. */
export function chosen({ label, attributes }: Wanted): boolean {
  return label !== undefined || attributes !== undefined;
}

function rowOf(
  { record, config }: { record: { data: { conditions?(config: unknown): number } }; config: unknown },
  index: number,
): [number, number] {
  const width = record.data.conditions?.(config) ?? 0;
  return [index * width, (index + 1) * width];
}

/** A code and what is shown with it. */
interface Code {
  code: Float32Array;
  conditions: Float32Array | undefined;
}

/** The code of a picture: the one that it was made from where the gallery says so, else what the encoder makes of it. */
async function codeOf(holder: Holder, ref: PictureRef, wanted: Wanted, note: Note): Promise<Code> {
  const { run, model } = await holder.open(note);
  const { record } = model;
  if ("seed" in ref) {
    if (!drawsCodes(record)) throw noCodes(record.name);
    const conditions = await conditionsFor(holder, wanted, { count: 1, seed: ref.seed, note });
    return { code: (await drawCodes(holder, { seed: ref.seed, count: 1 }, note)).data, conditions };
  }
  if ("batch" in ref) {
    const { request } = await findEntry(run, ref.batch);
    const made = await codesMade(holder, request, note);
    if (made !== undefined) {
      const { data, size } = made;
      return { code: data.slice(ref.index * size, (ref.index + 1) * size), conditions: await conditionsOfEntry(holder, ref, note) };
    }
  }
  const { pictures, conditions } = await pictureOf(holder, ref, note);
  if (record.encode === undefined) throw noCodes(record.name);
  const told = chosen(wanted) ? await conditionsFor(holder, wanted, { count: 1, seed: "0", note }) : conditions;
  requireTold(record, told);
  const codec = await holder.codec(note);
  return { code: (await codec.encode(pictures, told)).data, conditions: told };
}

/** @throws UsageError where a model takes conditions and nobody said what a picture shows */
export function requireTold({ name, data }: Pick<ModelRecord, "name" | "data">, told: Float32Array | undefined): void {
  if (data.conditions === undefined || told !== undefined) return;
  throw new UsageError({ what: `The model "${name}" must be told what the picture shows.`, hint: "choose its class or attributes" });
}

function noCodes(model: string): UsageError {
  return new UsageError({ what: `The model "${model}" has no code for this picture.`, hint: "choose a picture that this run painted" });
}

/** The codes that a batch was decoded from; undefined where it was made in another way. */
async function codesMade(holder: Holder, request: PictureRequest, note: Note): Promise<Codes | undefined> {
  const { record } = (await holder.open(note)).model;
  if (request.work === "fresh" && drawsCodes(record)) return drawCodes(holder, request, note);
  if (request.work === "variations" && variationWay(record) === "codes") return (await near(holder, request, note)).codes;
  if (request.work === "between") return (await between(holder, request, note)).codes;
  return undefined;
}

/** The codes that fresh pictures of a seed are decoded from: models draw them all under the name `prior`, and the same seed gives the same numbers. */
export async function drawCodes(
  holder: Holder,
  { seed, count, sampling }: { seed: string; count: number; sampling?: Readonly<Record<string, unknown>> | undefined },
  note: Note,
): Promise<Codes> {
  const { view } = await holder.open(note);
  const size = await (await holder.codec(note)).codeSize();
  const program = await compile(view.backend, (_inputs, rng) => ({ codes: rng.normal("prior", [count, size]).add(0) }), {
    streams: new RandomStreams(seed),
    name: "codes of a seed",
  });
  try {
    const { codes } = await program.run();
    const { temperature = 1 } = sampling ?? {};
    return { data: Float32Array.from(codes as Float32Array, (value) => value * Number(temperature)), count, size };
  } finally {
    await program.dispose();
  }
}

/** Codes with their conditions, ready to be decoded. */
export interface ConditionedCodes {
  codes: Codes;
  conditions: Float32Array | undefined;
}

/**
 * Codes near a picture's. Where codes are drawn from N(0, I) they stay so: √(1 - a²) z + a ε; else noise of the code's own size is added.
 */
export async function near(
  holder: Holder,
  request: Extract<PictureRequest, { work: "variations" }>,
  note: Note,
): Promise<ConditionedCodes> {
  const { record } = (await holder.open(note)).model;
  const { of, amount, count, seed } = request;
  const { code, conditions } = await codeOf(holder, of, request, note);
  const noise = await drawCodes(holder, { seed, count }, note);
  const normal = drawsCodes(record);
  const scale = normal ? 1 : Math.sqrt(code.reduce((sum, value) => sum + value ** 2, 0) / code.length);
  const kept = normal ? Math.sqrt(1 - amount ** 2) : 1;
  const data = noise.data.map((value, i) => kept * code[i % code.length] + amount * scale * value);
  return { codes: { ...noise, data }, conditions: repeated(conditions, count) };
}

/** Codes on the way from one picture to another, both ends among them; what they show is blended straight. */
export async function between(
  holder: Holder,
  request: Extract<PictureRequest, { work: "between" }>,
  note: Note,
): Promise<ConditionedCodes> {
  const { record } = (await holder.open(note)).model;
  if (!hasCodes(record)) throw new UsageError({ what: `The model "${record.name}" has no codes between which pictures lie.` });
  const { from, to, steps, method } = request;
  const [start, end] = [await codeOf(holder, from, request, note), await codeOf(holder, to, request, note)];
  const data = interpolateCodes(start.code, end.code, steps, method);
  const conditions =
    start.conditions === undefined || end.conditions === undefined ? undefined : interpolateCodes(start.conditions, end.conditions, steps);
  return { codes: { data, count: steps, size: start.code.length }, conditions };
}

/** A row as often as asked. */
export function repeated(row: Float32Array | undefined, count: number): Float32Array | undefined {
  return row && Float32Array.from({ length: row.length * count }, (_, i) => row[i % row.length]);
}
