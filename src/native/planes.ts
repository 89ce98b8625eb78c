import { type Assembler, at, type Gpr, lanes, type Mem, NoKernel, r8, r9, rax, rcx, rdx, rsp, vectorBytes } from "./x64.ts";

// How a picture's rows meet vectors of 16 lanes. A vector holds a piece of one row, or two or four narrow rows side by side ("slots").

/** How rows of `width` numbers are cut into vectors. A line is the smallest number of rows that fills whole vectors. */
export interface LineForm {
  readonly width: number;
  /** Lanes from one row to the next inside a vector: 16 (a row of its own), 8 or 4. */
  readonly slot: 16 | 8 | 4;
  /** Rows in a line. */
  readonly rows: 1 | 2 | 4;
  /** Vectors in a line. */
  readonly vectors: number;
}

/** The cut for rows of a width: as few lanes unused as possible. */
export function lineForm(width: number): LineForm {
  if (width <= 4) return { width, slot: 4, rows: 4, vectors: 1 };
  if (width <= 8) return { width, slot: 8, rows: 2, vectors: 1 };
  return { width, slot: 16, rows: 1, vectors: Math.ceil(width / lanes) };
}

/** Part of a vector that lies in one stretch of memory. */
export interface Piece {
  /** Bit i: lane i belongs to it. */
  readonly lanes: number;
  /** Bytes from the line's start to where lane 0 would be. */
  readonly offset: number;
}

/** Where the lanes of vector `vector` of a line with `rows` rows are in memory whose rows are `pitch` bytes apart. */
export function pieces({ width, slot }: Pick<LineForm, "width" | "slot">, vector: number, rows: number, pitch: number): Piece[] {
  if (slot === 16) {
    const count = Math.min(lanes, width - vector * lanes);
    return count > 0 ? [{ lanes: (1 << count) - 1, offset: vector * vectorBytes }] : [];
  }
  if (pitch === slot * 4 && width === slot && rows * slot === lanes) return [{ lanes: 0xffff, offset: 0 }];
  return Array.from({ length: rows }, (_, row) => ({ lanes: ((1 << width) - 1) << (row * slot), offset: row * (pitch - slot * 4) }));
}

/** Mask registers, by the lanes they hold; each set of lanes is put into one the first time it is asked for. */
export class Masks {
  readonly #asm: Assembler;
  readonly #known = new Map<number, number>();

  constructor(asm: Assembler) {
    this.#asm = asm;
  }

  /** Fill the registers. Called once, where no loop is open. Changes rax. */
  prepare(all: Iterable<number>): void {
    for (const set of all) {
      if (set === 0xffff || this.#known.has(set)) continue;
      const register = this.#known.size + 1;
      if (register > 7) throw new NoKernel("more than seven masks");
      this.#known.set(set, register);
      this.#asm.setMask(register, set);
    }
  }

  /** The register for a set of lanes; 0, "all", for the full one. */
  of(set: number): number {
    if (set === 0xffff) return 0;
    const register = this.#known.get(set);
    if (register === undefined) throw new RangeError(`mask ${set} was not prepared`);
    return register;
  }
}

/** Load a vector of whole slots from rows `pitch` bytes apart; lanes beyond a row's end get whatever follows it in memory. */
export function loadSlots(asm: Assembler, dst: number, base: Gpr, offset: number, slot: 16 | 8 | 4, pitch: number): void {
  asm.load(dst, at(base, offset), { bits: slot === 16 ? 512 : slot === 8 ? 256 : 128 });
  if (slot === 8) asm.insertHalf(dst, dst, at(base, offset + pitch));
  if (slot === 4) for (let q = 1; q < 4; q++) asm.insertQuarter(dst, dst, at(base, offset + q * pitch), q);
}

/** Load a vector from its pieces; every other lane is zero. Nothing outside of the pieces is read. */
export function loadPieces(asm: Assembler, masks: Masks, dst: number, base: Gpr, offset: number, list: readonly Piece[]): void {
  list.forEach((piece, i) => {
    const mask = masks.of(piece.lanes);
    const from = at(base, offset + piece.offset);
    if (i === 0) asm.load(dst, from, { mask });
    else asm.loadInto(dst, from, mask);
  });
}

/** Store the lanes of each piece, nothing else. */
export function storePieces(asm: Assembler, masks: Masks, src: number, base: Gpr, offset: number, list: readonly Piece[]): void {
  for (const piece of list) asm.storeVector(at(base, offset + piece.offset), src, { mask: masks.of(piece.lanes) });
}

/** A picture's planes with a border of zeros, its columns sorted by their remainder modulo the stride so that a filter's tap meets neighbours. */
export interface Scratch {
  readonly channels: number;
  /** Size of the picture. */
  readonly height: number;
  readonly width: number;
  /** Zeros before the first row and column. */
  readonly top: number;
  readonly left: number;
  /** Rows with the border. */
  readonly rows: number;
  /** Column step: 1 or 2. */
  readonly stride: 1 | 2;
  /** Floats from one sorted run of columns to the next, a multiple of 4. */
  readonly run: number;
}

/** What decides a scratch's layout. */
export interface ScratchOptions extends Pick<Scratch, "channels" | "height" | "width" | "top" | "left" | "rows" | "stride"> {
  /** Columns with the border. */
  readonly columns: number;
}

/** Rows of columns, sorted, each run rounded up to 16 bytes. */
export function scratchOf({ columns, ...rest }: ScratchOptions): Scratch {
  return { ...rest, run: Math.ceil(Math.ceil(columns / rest.stride) / 4) * 4 };
}

/** Bytes of one row with its border, of one plane, and of a whole scratch. */
export const rowBytes = (s: Scratch): number => s.run * s.stride * 4;
/** See {@link rowBytes}. */
export const planeBytes = (s: Scratch): number => rowBytes(s) * s.rows;
/**
 * See {@link rowBytes}. There is room behind it for whole vectors that begin at its last number, and for the rows below the last one that a line of four
 * rows, two apart, may look at.
 */
export const scratchBytes = (s: Scratch): number => Math.ceil((planeBytes(s) * s.channels + rowBytes(s) * 8 + 2 * vectorBytes) / 64) * 64;

/** Bytes from a plane's start to where column `column` (counted with the border) of row `row` is; columns step by the stride from there. */
/** Rows of columns, sorted, each run rounded up to 16 bytes. */
export function scratchOffset(s: Scratch, row: number, column: number): number {
  return row * rowBytes(s) + ((column % s.stride) * s.run + Math.floor(column / s.stride)) * 4;
}

/** Zero a scratch at `base`. Changes rax and vector 0. */
export function clearScratch(asm: Assembler, base: Gpr, s: Scratch): void {
  asm.zeroVector(0);
  asm.loop(rax, scratchBytes(s) / 64, () => asm.storeVector({ base, index: rax }, 0), 64);
}

/**
 * Copy a picture [C, H, W] at `from` into the scratch at `base`. Changes rax, rcx, rdx, r8, r9 and vectors 0-5; where the stride is 2, vectors 30 and 31
 * must hold the indices of {@link indexPair}.
 */
export function fillScratch(asm: Assembler, masks: Masks, from: Gpr, base: Gpr, s: Scratch): void {
  asm.lea(r8, at(base, 0));
  asm.mov(r9, from);
  asm.loop(rcx, s.channels, () => {
    asm.lea(rax, at(r8, s.top * rowBytes(s)));
    asm.loop(rdx, s.height, () => {
      if (s.stride === 1) copyRow(asm, masks, s);
      else splitRow(asm, masks, s);
      asm.add(rax, rowBytes(s));
      asm.add(r9, s.width * 4);
    });
    asm.add(r8, planeBytes(s));
  });
}

function copyRow(asm: Assembler, masks: Masks, s: Scratch): void {
  for (let x = 0; x < s.width; x += lanes) {
    const mask = masks.of(tail(s.width - x));
    asm.load((x / lanes) & 1, at(r9, x * 4), { mask });
    asm.storeVector(at(rax, (s.left + x) * 4), (x / lanes) & 1, { mask });
  }
}

/** Columns 2i and 2i + 1 of the picture go to two runs, 32 columns at a time. */
function splitRow(asm: Assembler, masks: Masks, s: Scratch): void {
  for (let x = 0; x < s.width; x += 2 * lanes) {
    const first = tail(s.width - x);
    const second = tail(s.width - x - lanes);
    asm.load(0, at(r9, x * 4), { mask: masks.of(first) });
    if (second === 0) asm.zeroVector(1);
    else asm.load(1, at(r9, (x + lanes) * 4), { mask: masks.of(second) });
    for (const parity of [0, 1]) {
      const count = Math.min(lanes, Math.ceil((s.width - x - parity) / 2));
      if (count <= 0) continue;
      asm.moveVector(2 + parity, 0);
      asm.permute2(2 + parity, 30 + parity, 1);
      asm.storeVector(at(rax, scratchOffset(s, 0, s.left + x + parity)), 2 + parity, { mask: masks.of((1 << count) - 1) });
    }
  }
}

const tail = (count: number): number => (count <= 0 ? 0 : (1 << Math.min(lanes, count)) - 1);

/** The masks that filling a scratch needs. */
export function scratchMasks(s: Scratch): number[] {
  const all: number[] = [];
  for (let x = 0; x < s.width; x += lanes) all.push(tail(s.width - x));
  if (s.stride === 2) {
    for (let x = 0; x < s.width; x += 2 * lanes) for (const parity of [0, 1]) all.push(tail(Math.ceil((s.width - x - parity) / 2)));
  }
  return all.filter((set) => set !== 0);
}

/** Index vectors for sorting columns: 0, 2, 4 ... and 1, 3, 5 ... of 32. */
export const evenLanes: readonly number[] = Array.from({ length: lanes }, (_, i) => 2 * i);
/** See {@link evenLanes}. */
export const oddLanes: readonly number[] = evenLanes.map((i) => i + 1);
/** Index vectors for the way back: lane i of one, lane i of the other, for the first and for the last eight pairs. */
export const lowPairs: readonly number[] = Array.from({ length: lanes }, (_, i) => (i >> 1) + (i & 1) * lanes);
/** See {@link lowPairs}. */
export const highPairs: readonly number[] = lowPairs.map((i) => i + lanes / 2);

/** The index vectors that sorting columns needs, in vectors 30 and 31. Changes rax and the 64 bytes below the stack pointer. */
export function indexPair(asm: Assembler, first: readonly number[], second: readonly number[]): void {
  loadIndices(asm, 30, first, at(rsp, -vectorBytes));
  loadIndices(asm, 31, second, at(rsp, -vectorBytes));
}

/** A vector of integers, spelled out in memory first. */
function loadIndices(asm: Assembler, dst: number, indices: readonly number[], below: Mem): void {
  for (let i = 0; i < lanes; i += 2) {
    asm.movImmediate(rax, BigInt(indices[i]) | (BigInt(indices[i + 1]) << 32n));
    asm.store({ ...below, disp: (below.disp ?? 0) + i * 4 }, rax);
  }
  asm.load(dst, below);
}
