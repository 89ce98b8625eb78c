/** Animated PNG: a PNG file whose further frames sit in chunks of their own, so that a viewer that does not know them shows the first. (APNG 1.0; PNG 3rd ed., 11.3.6.) */
import { AtelierError, FileError } from "../core/errors.ts";
import { chunkOf, concatenate, encodePng, type Raster, readChunks, SIGNATURE } from "./png.ts";

export interface AnimationOptions {
  /** Milliseconds that a frame is shown. Default 100. */
  delay?: number | undefined;
  /** Milliseconds that the last frame is shown before the animation begins again. Default 2000. */
  rest?: number | undefined;
  text?: Readonly<Record<string, string>> | undefined;
}

interface Animation {
  header: Uint8Array;
  text: Uint8Array[];
  /** As they lie in the file: compressed. */
  frames: Uint8Array[];
}

/**
 * Encode frames of one size as an animated PNG file that repeats for ever.
 * @throws AtelierError without frames, and for frames of different sizes
 */
export function encodeApng(frames: readonly Raster[], options: AnimationOptions = {}): Uint8Array {
  if (frames.length === 0) throw new AtelierError({ what: "An animation needs a frame." });
  const [first, ...others] = frames.map((frame, i) => parse(encodePng(frame, i === 0 ? options.text : {}), "a frame"));
  for (const other of others) first.frames.push(fitting(first, other));
  return write(first, options);
}

/**
 * An animated PNG file with one more frame.
 * @param file the animation so far; undefined for none
 * @param keep how many of its frames stay before the new one
 * @throws FileError when the file is damaged; AtelierError for a frame of another size
 */
export function appendFrame(file: Uint8Array | undefined, frame: Raster, keep: number, options: AnimationOptions = {}): Uint8Array {
  const fresh = parse(encodePng(frame, options.text), "a frame");
  if (file === undefined || keep < 1) return write(fresh, options);
  const so = parse(file, "the animation");
  return write({ ...so, frames: [...so.frames.slice(0, keep), fitting(so, fresh)] }, options);
}

/** How many frames a file has: 1 where it is a plain PNG. @throws FileError when it is damaged */
export function frameCount(file: Uint8Array): number {
  return parse(file, "the animation").frames.length;
}

function fitting({ header }: Animation, other: Animation): Uint8Array {
  if (header.every((byte, i) => byte === other.header[i])) return other.frames[0];
  throw new AtelierError({ what: "The frames of an animation must have one size." });
}

function parse(bytes: Uint8Array, file: string): Animation {
  const parts: Uint8Array[][] = [];
  const text: Uint8Array[] = [];
  let header: Uint8Array | undefined;
  for (const { type, body } of readChunks(bytes, file)) {
    if (type === "IHDR") header = body;
    else if (type === "tEXt" || type === "iTXt") text.push(chunkOf(type, [body]));
    else if (type === "IDAT") {
      if (parts.length === 0) parts.push([]);
      parts[0].push(body);
    } else if (type === "fcTL") parts.push([]);
    else if (type === "fdAT") parts.at(-1)?.push(body.subarray(4));
  }
  const frames = parts.filter((pieces) => pieces.length > 0).map(concatenate);
  if (header === undefined || frames.length === 0) throw new FileError({ what: "The PNG file has no picture in it.", where: file });
  return { header, text, frames };
}

function write({ header, text, frames }: Animation, { delay = 100, rest = 2000 }: AnimationOptions): Uint8Array {
  const view = new DataView(header.buffer, header.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  let sequence = 0;
  const chunks: Uint8Array[] = [
    Uint8Array.from(SIGNATURE),
    chunkOf("IHDR", [header]),
    chunkOf("acTL", [numbers(frames.length, 0)]),
    ...text,
  ];
  frames.forEach((data, i) => {
    const milliseconds = i === frames.length - 1 ? rest : delay;
    // Sequence, width, height, left, top, delay as a fraction, leave it standing, replace what was there.
    const shown = Uint8Array.of(milliseconds >> 8, milliseconds & 255, 1000 >> 8, 1000 & 255, 0, 0);
    chunks.push(chunkOf("fcTL", [numbers(sequence++, width, height, 0, 0), shown]));
    chunks.push(i === 0 ? chunkOf("IDAT", [data]) : chunkOf("fdAT", [numbers(sequence++), data]));
  });
  return concatenate([...chunks, chunkOf("IEND", [])]);
}

/** Big-endian 32-bit numbers. */
function numbers(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(4 * i, value);
  });
  return bytes;
}
