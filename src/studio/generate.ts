// What the studio's server and page tell each other about generation: what a run can do, requests, what comes of them, the gallery, named prompts.

import type { FillRequest, PictureRequest, PointsRequest } from "./generate-requests.ts";
import type { SampleFile } from "./training.ts";

export type {
  AttentionRequest,
  ChatRequest,
  ChatTurn,
  Example,
  MasksRequest,
  NamedPrompt,
  PairsRequest,
  PictureRef,
  PictureRequest,
  PointsRequest,
  TextRequest,
  WordingRequest,
} from "./generate-requests.ts";

/** What a run makes. `masks`: it guesses hidden words. `none`: nothing, `reason` says why. */
export type GenerateKind = "pictures" | "points" | "text" | "pairs" | "masks" | "none";

/** One line of the list of what can generate. */
export interface Generator {
  /** A run's name, or the name of a folder that the studio was started with. */
  readonly name: string;
  /** The model's name in the garden; of folders the folder's. */
  readonly model: string;
  readonly title: string;
  readonly kind: GenerateKind;
  /** Whether conversations can be had with it. */
  readonly chat: boolean;
  readonly folder: boolean;
  /** Of a run, the newest of what it made. */
  readonly picture?: SampleFile | undefined;
  /** Why it makes nothing: no checkpoint yet, a broken folder, a model that only tells apart. */
  readonly reason?: string | undefined;
}

/** One thing that can be chosen when a model samples, as its record describes it. */
export interface SamplingField {
  readonly name: string;
  readonly about: string;
  readonly type: "number" | "integer" | "boolean" | "choice" | "text";
  readonly standard: unknown;
  readonly least?: number | undefined;
  readonly most?: number | undefined;
  /** Whether `least` itself is allowed. */
  readonly above?: boolean | undefined;
  readonly choices?: readonly string[] | undefined;
}

/** How variations of a picture come about: near its code, by noising it a little and painting it anew, by painting its lower half anew, or not at all (fresh draws). */
export type VariationWay = "codes" | "image-to-image" | "fill" | "seeds";

/** What the frames on the way to a picture are: steps of a denoiser, rows of pixels, steps of a Markov chain, or nothing. */
export type FrameWay = "steps" | "rows" | "chain" | "once";

/** What a run can do, read off its record and its folder without loading the model. */
export interface GenerateInfo {
  readonly name: string;
  readonly model: string;
  readonly title: string;
  readonly family: string;
  readonly kind: GenerateKind;
  readonly folder: boolean;
  readonly reason?: string | undefined;
  /** Steps of the newest checkpoint. */
  readonly step?: number | undefined;
  /** Whether a process trains it now: pictures then change from checkpoint to checkpoint. */
  readonly training: boolean;
  /** [C, H, W] of pictures, [D] of points. */
  readonly shape?: readonly number[] | undefined;
  readonly conditions?: { readonly kind: "classes" | "attributes"; readonly names: readonly string[] } | undefined;
  readonly sampling: readonly SamplingField[];
  readonly pictures?: PictureAbilities | undefined;
  readonly text?: TextAbilities | undefined;
}

export interface PictureAbilities {
  /** Fresh pictures. */
  readonly fresh: boolean;
  /** In-painting. */
  readonly fills: boolean;
  /** Image to image; "needs" where it makes nothing without a picture (super-resolution). */
  readonly starts: boolean | "needs";
  readonly reconstructs: boolean;
  readonly variations: VariationWay;
  /** Whether strips between two pictures can be made. */
  readonly between: boolean;
  readonly frames: FrameWay;
  /** How much smaller the picture is that super-resolution enlarges. */
  readonly factor?: number | undefined;
}

export interface TextAbilities {
  /** Tokens that it reads; more are forgotten or refused. Undefined where it is not known before the model is loaded. */
  readonly context?: number | undefined;
  readonly vocabulary?: number | undefined;
  readonly chat: boolean;
  readonly attention: boolean;
}

/** What the page is told when something was begun that it can follow. */
export interface Started {
  readonly task: string;
}

/** What a task tells, in order; the last is `done`, `failed` or `cancelled`. Bytes come as base64. */
export type TaskEvent =
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "progress"; readonly text: string; readonly done?: number | undefined; readonly all?: number | undefined }
  | { readonly type: "frame"; readonly index: number; readonly shape: readonly number[]; readonly data: string }
  | { readonly type: "points"; readonly index: number; readonly shape: readonly number[]; readonly data: string }
  | ({ readonly type: "token" } & TokenTold)
  | { readonly type: "piece"; readonly text: string }
  | { readonly type: "done"; readonly result: TaskResult }
  | { readonly type: "cancelled" }
  | { readonly type: "failed"; readonly message: string; readonly hint?: string | undefined };

/** One token of a text, and what else could have stood there. Probabilities are the model's, before temperature and filters, in [0, 1]. */
export interface TokenTold {
  readonly id: number;
  /** What it adds to the text; "" while a character is open. */
  readonly text: string;
  readonly probability: number;
  readonly top: readonly { readonly id: number; readonly text: string; readonly probability: number }[];
}

export type TaskResult = PicturesMade | PointsMade | TextMade | ChatMade;

export interface PicturesMade {
  readonly kind: "pictures";
  readonly entry: GalleryEntry;
}

export interface PointsMade {
  readonly kind: "points";
  readonly request: PointsRequest;
  readonly seconds: number;
  /** Of the data: [N, 2] in base64 of float32, to lie under the samples; undefined where the data cannot be had. */
  readonly data?: { readonly points: string; readonly bounds: Bounds } | undefined;
}

export interface Bounds {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

export interface TextMade {
  readonly kind: "text";
  /** The prompt's ids, then those that were given beyond it. */
  readonly promptTokens: number;
  readonly tokens: number;
  readonly reason: "stop" | "length" | "cancelled";
  readonly seconds: number;
  readonly seed: string;
}

export interface ChatMade {
  readonly kind: "chat";
  readonly text: string;
  readonly reason: "stop" | "length" | "cancelled";
  /** Messages that the model no longer saw, oldest first. */
  readonly forgotten: number;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly seconds: number;
  /** What the model read. */
  readonly prompt: string;
}

/** One batch of pictures in a run's gallery: how it was made, and its files. */
export interface GalleryEntry {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly run: string;
  readonly model: string;
  /** Of the checkpoint that made it. */
  readonly step: number;
  readonly checkpoint: string;
  /** [C, H, W] */
  readonly shape: readonly [number, number, number];
  /** All that is needed to make it again. */
  readonly request: PictureRequest;
  /** File names in the gallery, one a picture. */
  readonly files: readonly string[];
  readonly captions?: readonly string[] | undefined;
  readonly notes: readonly string[];
  readonly seconds: number;
  /** The command line that makes the same pictures, where one does. */
  readonly command?: string | undefined;
}

export interface Gallery {
  /** Newest first. */
  readonly entries: readonly GalleryEntry[];
  readonly total: number;
}

/** A picture that was sent: decoded, brought to the model's shape and kept beside the gallery. */
export interface Uploaded {
  readonly file: string;
  /** What was done to it. */
  readonly note?: string | undefined;
}

/** Attention of one text. */
export interface AttentionTold {
  readonly tokens: readonly string[];
  /** By layer and head: [T, T] in base64 of uint16 (little endian), 65535 for 1; row t says how much token t looks at each. */
  readonly layers: readonly (readonly string[])[];
}

export interface MasksTold {
  readonly masks: readonly (readonly { readonly token: string; readonly probability: number }[])[];
}

export interface PairsTold {
  readonly texts: readonly { readonly text: string; readonly logProbability: number; readonly finished: boolean }[];
  readonly notes: readonly string[];
  /** Where it looked while it wrote the best: [target, source] in base64 of uint16 as in {@link AttentionTold}. */
  readonly alignment?: { readonly source: readonly string[]; readonly target: readonly string[]; readonly weights: string } | undefined;
  readonly seconds: number;
}

/** Which pixels are known, [H · W], one bit a pixel, first pixel in the highest bit of the first byte, in base64. */
export function packMask(known: ArrayLike<number | boolean>): FillRequest["known"] {
  const bytes = new Uint8Array(Math.ceil(known.length / 8));
  for (let i = 0; i < known.length; i++) if (known[i]) bytes[i >> 3] |= 128 >> (i & 7);
  return bytesToBase64(bytes);
}

/** The other way: [size] of 0 and 1. @throws RangeError where the text is not of that many bits */
export function unpackMask(text: string, size: number): Uint8Array {
  const bytes = base64ToBytes(text);
  if (bytes.length !== Math.ceil(size / 8)) throw new RangeError(`${bytes.length} bytes do not hold ${size} bits`);
  return Uint8Array.from({ length: size }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
}

/** Base64 of bytes, in pages and in Node. */
export function bytesToBase64(bytes: Uint8Array): string {
  let text = "";
  // Not all at once: a call takes a limited number of arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** The bytes of a base64 text, in an array buffer of their own. @throws DOMException for what is no base64 */
export function base64ToBytes(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}
