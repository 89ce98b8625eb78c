import { type Assembler, at, type Gpr, lanes, r9, r10, r11, r12, r13, r14, rax, rbx, rcx, rsi, vectorBytes } from "./x64.ts";

/** Rows times a matrix, all sizes known: out [rows, width] = from [rows, depth] · matrix [depth, width] (+ bias [width]). */
export interface Product {
  readonly rows: number;
  readonly depth: number;
  readonly width: number;
  readonly from: { readonly stride: number; load(to: Gpr): void };
  readonly to: { readonly stride: number; load(to: Gpr): void };
  matrix(to: Gpr): void;
  readonly bias: ((to: Gpr) => void) | undefined;
}

const mask = 2;
/** Vectors of columns, and rows, whose sums are in registers together. */
const mostVectors = 4;
const mostRows = 6;

/** Write the code of a product. Changes rax, rbx, rcx, rsi, r9 - r14 and all vectors. */
export function emitProduct(asm: Assembler, p: Product): void {
  const vectors = Math.ceil(p.width / lanes);
  const tail = p.width % lanes;
  if (tail > 0) asm.setMask(mask, (1 << tail) - 1);
  p.matrix(r9);
  p.from.load(r10);
  p.to.load(r11);
  p.bias?.(r12);
  const tiles = Math.floor(vectors / mostVectors);
  const rest = vectors % mostVectors;
  // The cut-short vector is in the last block of columns, which is written out apart.
  const looped = rest === 0 && tail > 0 ? tiles - 1 : tiles;
  const block = (count: number, cut: boolean) => {
    emitRows(asm, p, count, cut);
    asm.add(r9, count * vectorBytes);
    asm.add(r11, count * vectorBytes);
    if (p.bias !== undefined) asm.add(r12, count * vectorBytes);
  };
  if (looped > 0) asm.loop(r13, looped, () => block(mostVectors, false));
  if (looped < tiles) block(mostVectors, true);
  if (rest > 0) block(rest, tail > 0);
}

/** Row tiles of nearly equal height: 16 rows are 6, 5 and 5. */
function heights(rows: number): number[] {
  const count = Math.ceil(rows / mostRows);
  return Array.from({ length: count }, (_, i) => Math.floor((rows + i) / count));
}

function emitRows(asm: Assembler, p: Product, vectors: number, cut: boolean): void {
  asm.mov(rbx, r10);
  asm.mov(r14, r11);
  for (const height of heights(p.rows)) {
    emitTile(asm, p, height, vectors, cut);
    asm.add(rbx, height * p.from.stride);
    asm.add(r14, height * p.to.stride);
  }
}

function emitTile(asm: Assembler, p: Product, rows: number, vectors: number, cut: boolean): void {
  const sum = (row: number, v: number) => 31 - (row * vectors + v);
  const masked = (v: number) => (cut && v === vectors - 1 ? mask : 0);
  for (let v = 0; v < vectors; v++) {
    if (p.bias === undefined) asm.zeroVector(sum(0, v));
    else asm.load(sum(0, v), at(r12, v * vectorBytes), { mask: masked(v) });
  }
  for (let row = 1; row < rows; row++) for (let v = 0; v < vectors; v++) asm.moveVector(sum(row, v), sum(0, v));
  asm.mov(rax, rbx);
  asm.mov(rsi, r9);
  const unroll = p.depth % 4 === 0 ? 4 : 1;
  asm.loop(rcx, p.depth / unroll, () => {
    for (let u = 0; u < unroll; u++) {
      for (let v = 0; v < vectors; v++) asm.load(v, at(rsi, u * p.width * 4 + v * vectorBytes), { mask: masked(v) });
      for (let row = 0; row < rows; row++) {
        const spread = vectors + (row % Math.min(3, 32 - vectors - rows * vectors));
        asm.broadcast(spread, at(rax, row * p.from.stride + u * 4));
        for (let v = 0; v < vectors; v++) asm.fma(sum(row, v), v, spread);
      }
    }
    asm.add(rsi, unroll * p.width * 4);
    asm.add(rax, unroll * 4);
  });
  for (let row = 0; row < rows; row++)
    for (let v = 0; v < vectors; v++) asm.storeVector(at(r14, row * p.to.stride + v * vectorBytes), sum(row, v), { mask: masked(v) });
}
