/** In a worker: pictures and points by what a request asks for, with what is shown on the way. */
import { UsageError } from "../../core/errors.ts";
import { type GivenPictures, type Pictures, pictureShape, type Samples } from "../../models/index.ts";
import { encodePng, type Raster } from "../../report/png.ts";
import { truthPanel } from "../../runs/points.ts";
import { drawPoints, drawSamples } from "../../runs/sampling.ts";
import { keepKnown } from "../../sample/known.ts";
import type { GalleryEntry, PictureRequest, PointsMade, PointsRequest } from "../generate.ts";
import { unpackMask } from "../generate.ts";
import { variationWay } from "./abilities.ts";
import { between, chosen, conditionsFor, near, pictureOf, repeated, requireTold } from "./codes.ts";
import { keepEntry, newId } from "./gallery.ts";
import type { Holder, OpenedModel } from "./holder.ts";
import { Cancelled, type Told } from "./worker-protocol.ts";

/** What work has beside what it was given. */
export interface Desk {
  readonly tell: (told: Told) => void;
  readonly signal: AbortSignal;
}

/** Pictures that were made, and words for each where they have some. */
interface Made {
  pictures: Pictures;
  captions?: string[];
}

/** Frames that are told one by one at first; then each second, each fourth ..., so that a long chain does not flood the page. */
const FRAMES = 64;
/** Points of the data that lie under the samples. */
const SHOWN = 2000;

/** Make pictures and keep them in the gallery. @throws UsageError for what the model cannot do; FileError; Cancelled */
export async function paintPictures(holder: Holder, request: PictureRequest, desk: Desk): Promise<GalleryEntry> {
  const notes: string[] = [];
  const note = (text: string) => desk.tell({ type: "progress", text });
  const remark = (text: string) => {
    notes.push(text);
    desk.tell({ type: "note", text });
  };
  const opened = await holder.open(note);
  const started = performance.now();
  const frames = new Frames("frame", desk);
  const { pictures, captions } = await make(holder, opened, request, { ...desk, remark, frames });
  frames.finish(pictures);
  const seconds = (performance.now() - started) / 1000;
  if (desk.signal.aborted) throw new Cancelled();
  const { run, model } = opened;
  const id = newId();
  const [count, ...shape] = pictures.shape;
  const entry: GalleryEntry = {
    ...{ id, created: new Date().toISOString(), run: run.name, model: model.record.name, step: model.step, checkpoint: model.hash },
    ...{ shape, request, files: Array.from({ length: count }, (_, i) => `${id}-${i + 1}.png`), captions, notes, seconds },
    command: commandOf(run.name, request),
  };
  await keepEntry(
    run,
    entry,
    entry.files.map((_, i) => encodePng(rasterOf(pictures, i), aboutOf(entry, i))),
  );
  return entry;
}

interface Painting extends Desk {
  readonly frames: Frames;
  remark(text: string): void;
}

async function make(holder: Holder, opened: OpenedModel, request: PictureRequest, desk: Painting): Promise<Made> {
  const note = (text: string) => desk.tell({ type: "progress", text });
  switch (request.work) {
    case "fresh":
      return { pictures: await draw(holder, opened, request, {}, desk) };
    case "from":
      return { pictures: await draw(holder, opened, request, { from: await given(holder, request, desk) }, desk) };
    case "fill":
      return { pictures: await fill(holder, opened, request, desk) };
    case "variations":
      return { pictures: await vary(holder, opened, request, desk) };
    case "between": {
      const { codes, conditions } = await between(holder, request, note);
      const pictures = await (await holder.codec(note)).decode(codes, conditions);
      const captions = Array.from({ length: request.steps }, (_, i) => `${Math.round((100 * i) / (request.steps - 1))} %`);
      return { pictures, captions };
    }
    case "reconstruct": {
      const { record } = opened.model;
      if (record.reconstruct === undefined) throw new UsageError({ what: `The model "${record.name}" gives no pictures back.` });
      const { pictures, conditions } = await pictureOf(holder, request.of, desk.remark);
      const told = chosen(request) ? await conditionsFor(holder, request, { count: 1, seed: "0", note }) : conditions;
      requireTold(record, told);
      return { pictures: await (await holder.codec(note)).reconstruct(pictures, told) };
    }
  }
}

type Drawn = Exclude<PictureRequest, { work: "between" | "reconstruct" }>;

/** One picture as often as the request asks. */
async function given(holder: Holder, { of, count }: Exclude<Drawn, { work: "fresh" }>, { remark }: Painting): Promise<Pictures> {
  const { pictures } = await pictureOf(holder, of, remark);
  const [, ...shape] = pictures.shape;
  return { data: repeated(pictures.data, count)!, shape: [count, ...shape] };
}

/** What the model's sampler makes, frame by frame. */
async function draw(
  holder: Holder,
  { model, view }: OpenedModel,
  request: Drawn,
  { from, known, sampling = request.sampling }: { from?: Pictures; known?: GivenPictures; sampling?: Drawn["sampling"] },
  desk: Painting,
): Promise<Pictures> {
  const { count, seed } = request;
  const { record } = model;
  if (record.sample === undefined)
    throw new UsageError({ what: `The model "${record.name}" makes no fresh pictures.`, hint: "give it one to give back" });
  const inherited =
    record.data.conditions !== undefined && request.work !== "fresh" && !chosen(request)
      ? (await pictureOf(holder, request.of, () => undefined)).conditions
      : undefined;
  const conditions = repeated(inherited, count) ?? (await conditionsFor(holder, request, { count, seed, note: desk.remark }));
  const onFrame = (frame: Samples) => desk.frames.add(frame);
  return drawSamples(view, count, seed, { conditions, from, given: known, sampling: fitting(model, sampling, from), onFrame });
}

/** Where nobody said how many steps, no more than the schedule has from the strength on. */
function fitting({ record, config }: OpenedModel["model"], sampling: Drawn["sampling"], from: Pictures | undefined): Drawn["sampling"] {
  const { timesteps } = config;
  if (typeof timesteps !== "number" || record.sampling === undefined || sampling?.steps !== undefined) return sampling;
  const { steps, strength = 1 } = record.sampling.parse(sampling ?? {}) as { steps?: number; strength?: number };
  const most = Math.max(1, Math.round((from === undefined || record.starts === "needs" ? 1 : strength) * timesteps));
  return steps === undefined || steps <= most ? sampling : { ...sampling, steps: most };
}

async function fill(holder: Holder, opened: OpenedModel, request: Extract<Drawn, { work: "fill" }>, desk: Painting): Promise<Pictures> {
  const pictures = await given(holder, request, desk);
  const [, , height, width] = pictures.shape;
  return draw(holder, opened, request, { known: withMask(pictures, maskOf(request.known, height * width)) }, desk);
}

/** @throws UsageError for a mask of another size, or one that knows everything or nothing */
function maskOf(text: string, size: number): Uint8Array {
  let known: Uint8Array;
  try {
    known = unpackMask(text, size);
  } catch (cause) {
    throw new UsageError({ what: "The mask is not of the picture's size.", cause });
  }
  const count = known.reduce((sum, value) => sum + value, 0);
  if (count > 0 && count < size) return known;
  throw new UsageError({
    what: count === 0 ? "No pixel is kept: nothing is given." : "Every pixel is kept: nothing is left to paint.",
    hint: "mark with the brush what the model shall paint",
  });
}

function withMask(pictures: Pictures, mask: Uint8Array): GivenPictures {
  const known = new Uint8Array(pictures.shape[0] * mask.length);
  for (let i = 0; i < pictures.shape[0]; i++) known.set(mask, i * mask.length);
  return { ...pictures, known };
}

async function vary(
  holder: Holder,
  opened: OpenedModel,
  request: Extract<PictureRequest, { work: "variations" }>,
  desk: Painting,
): Promise<Pictures> {
  const note = (text: string) => desk.tell({ type: "progress", text });
  const { record, config } = opened.model;
  const way = variationWay(record);
  const { amount } = request;
  if (way === "codes") {
    const { codes, conditions } = await near(holder, request, note);
    return (await holder.codec(note)).decode(codes, conditions);
  }
  if (way === "image-to-image") {
    const fields = record.sampling?.shape ?? {};
    const { steps = 1 } = (record.sampling?.parse({}) ?? {}) as { steps?: number };
    // A model that knows no strength walks on from the picture: the further, the longer the walk.
    const how: Record<string, number> = "strength" in fields ? { strength: amount } : { steps: Math.max(1, Math.round(amount * steps)) };
    return draw(holder, opened, request, { from: await given(holder, request, desk), sampling: { ...request.sampling, ...how } }, desk);
  }
  if (way === "fill") {
    const [, height, width] = pictureShape(record, config);
    const kept = Math.min(height - 1, Math.max(1, Math.round((1 - amount) * height)));
    const mask = Uint8Array.from({ length: height * width }, (_, i) => (i < kept * width ? 1 : 0));
    const pictures = await given(holder, request, desk);
    const painted = await draw(holder, opened, request, { known: withMask(pictures, mask) }, desk);
    keepKnown(painted.data, pictures.data, withMask(pictures, mask).known, painted.shape);
    return painted;
  }
  desk.remark("the model has no way to vary a picture: these are other draws");
  return draw(holder, opened, request, {}, desk);
}

/** Points, with the data's for comparison. @throws UsageError, Cancelled */
export async function paintPoints(holder: Holder, request: PointsRequest, desk: Desk): Promise<PointsMade> {
  const { count, seed, sampling } = request;
  const note = (text: string) => desk.tell({ type: "progress", text });
  const { view } = await holder.open(note);
  const conditions = await conditionsFor(holder, request, { count, seed, note });
  const started = performance.now();
  const frames = new Frames("points", desk);
  frames.finish(await drawPoints(view, count, seed, { conditions, sampling, onFrame: (frame) => frames.add(frame) }));
  const seconds = (performance.now() - started) / 1000;
  // Samples without data to compare them with are better than none.
  const held = await holder.held(note).catch(() => undefined);
  if (held?.kind !== "points") return { kind: "points", request, seconds };
  const points = Buffer.from(held.points.slice(0, SHOWN * held.shape[0]).buffer).toString("base64");
  return { kind: "points", request, seconds, data: { points, bounds: truthPanel(held).bounds } };
}

/** Tells frames as they come, fewer and fewer of a long way, but always what came of it. */
class Frames {
  readonly #type: "frame" | "points";
  readonly #desk: Desk;
  #index = 0;
  #told = "";

  constructor(type: "frame" | "points", desk: Desk) {
    this.#type = type;
    this.#desk = desk;
  }

  /** @throws Cancelled */
  add(samples: Samples): void {
    if (this.#desk.signal.aborted) throw new Cancelled();
    const stride = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, this.#index / FRAMES))));
    if (this.#index % stride === 0) this.#tell(samples);
    this.#index++;
  }

  /** What came of it, where the last frame was another, or there was none. */
  finish(samples: Samples): void {
    this.#tell(samples, true);
  }

  #tell({ data: values, shape }: Samples, last = false): void {
    const bytes = this.#type === "frame" ? bytesOf(values) : new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const data = Buffer.from(bytes).toString("base64");
    // A row may be as black as what was there before it: it counts; the end that was told already does not count twice.
    if (last && data === this.#told) return;
    this.#told = data;
    this.#desk.tell({ type: this.#type, index: this.#index, shape, data });
  }
}

function bytesOf(data: Float32Array): Uint8Array {
  return Uint8Array.from(data, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
}

/** One picture of several, for a PNG file: a pixel a pixel. */
export function rasterOf({ data, shape: [, channels, height, width] }: Pictures, index: number): Raster {
  const area = height * width;
  const planes = bytesOf(data.subarray(index * channels * area, (index + 1) * channels * area));
  const pixels = new Uint8Array(area * channels);
  for (let i = 0; i < area; i++) for (let c = 0; c < channels; c++) pixels[i * channels + c] = planes[c * area + i];
  return { width, height, channels: channels as 1 | 3, data: pixels };
}

/** What a picture says of itself. */
function aboutOf({ run, model, checkpoint, step, request, command, id }: GalleryEntry, index: number): Record<string, string> {
  return {
    ...{ Software: "atelier", run, model, checkpoint, step: String(step), batch: id, number: String(index + 1) },
    ...("seed" in request ? { seed: request.seed } : {}),
    request: JSON.stringify(request),
    ...(command === undefined ? {} : { command }),
  };
}

/** The command line that makes the same pictures, for fresh ones. */
function commandOf(run: string, request: PictureRequest): string | undefined {
  if (request.work !== "fresh") return undefined;
  const { count, seed, label, attributes, sampling } = request;
  const listed = (values: object) =>
    Object.entries(values)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
  const words = ["atelier", "generate", run, "--seed", seed, "--count", String(count)];
  if (label !== undefined) words.push("--label", label);
  if (attributes !== undefined && Object.keys(attributes).length > 0) words.push("--attributes", listed(attributes));
  if (sampling !== undefined && Object.keys(sampling).length > 0) words.push("--sampling", listed(sampling));
  return words.map((word) => (/^[\w.,=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
