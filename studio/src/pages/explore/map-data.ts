/** A map of codes in the page: from a place to a code. */
import type { CodeMap } from "../../../../src/studio/explore.ts";
import { type Bounds, boundsOf } from "../../play/plane.ts";

export interface LoadedMap {
  readonly map: CodeMap;
  /** [count, Z] */
  readonly codes: Float32Array;
  readonly bounds: Bounds;
}

/** Neighbours on the map whose codes are mixed. */
const NEIGHBOURS = 6;

export function loadedMap(map: CodeMap): LoadedMap {
  return { map, codes: bytesToFloats(map.codes), bounds: boundsOf(map.points) };
}

/** float32 numbers out of base64. */
export function bytesToFloats(base64: string): Float32Array {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

/**
 * The code of a place: the place itself where codes have two numbers, else the codes of the nearest pictures, mixed by the inverse squares of their
 * distances, so that the place of a picture has exactly its code.
 */
export function codeAt({ map: { points, count, codeSize }, codes }: LoadedMap, x: number, y: number): Float32Array {
  if (codeSize === 2) return Float32Array.of(x, y);
  const near = nearest(points, count, x, y);
  if (near[0].square < 1e-12) return codes.slice(near[0].row * codeSize, (near[0].row + 1) * codeSize);
  const total = near.reduce((sum, { square }) => sum + 1 / square, 0);
  const code = new Float32Array(codeSize);
  for (const { row, square } of near) for (let i = 0; i < codeSize; i++) code[i] += codes[row * codeSize + i] / square / total;
  return code;
}

interface Near {
  row: number;
  /** Distance on the map, squared. */
  square: number;
}

/** The pictures nearest to a place, nearest first. */
export function nearest(points: readonly number[], count: number, x: number, y: number): Near[] {
  const found: Near[] = [];
  for (let row = 0; row < count; row++) {
    const square = (points[2 * row] - x) ** 2 + (points[2 * row + 1] - y) ** 2;
    if (found.length === NEIGHBOURS && square >= found[found.length - 1].square) continue;
    let at = found.length;
    while (at > 0 && found[at - 1].square > square) at--;
    found.splice(at, 0, { row, square });
    if (found.length > NEIGHBOURS) found.pop();
  }
  return found;
}

/** Rows whose thumbnails are shown: no two in one cell of a grid, so that they do not hide each other. */
export function thumbnailRows({ map: { points, count }, bounds }: LoadedMap, cells: number): number[] {
  const taken = new Set<number>();
  const rows: number[] = [];
  const cell = (value: number, [low, high]: readonly [number, number]) => Math.floor((cells * (value - low)) / (high - low));
  for (let row = 0; row < count; row++) {
    const place = cell(points[2 * row], bounds.x) + cells * cell(points[2 * row + 1], bounds.y);
    if (taken.has(place)) continue;
    taken.add(place);
    rows.push(row);
  }
  return rows;
}
