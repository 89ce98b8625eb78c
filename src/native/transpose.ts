import { type Assembler, at, type Gpr } from "./x64.ts";

const lanes = 16;
const half = { lower: 0x88, upper: 0xdd };

/**
 * The 16 rows of 16 numbers in vectors 0 to 15 become columns, by four rounds of interleaving: neighbours, pairs, then quarters of vectors twice.
 * Changes vectors 16 to 31.
 */
export function transposeRegisters(asm: Assembler): void {
  const [a, b] = [0, lanes];
  for (let i = 0; i < lanes; i += 2) {
    asm.interleave("low", b + i, a + i, a + i + 1);
    asm.interleave("high", b + i + 1, a + i, a + i + 1);
  }
  for (let i = 0; i < lanes; i += 4) {
    for (const j of [0, 1]) {
      asm.interleavePairs("low", a + i + 2 * j, b + i + j, b + i + j + 2);
      asm.interleavePairs("high", a + i + 2 * j + 1, b + i + j, b + i + j + 2);
    }
  }
  for (const base of [0, 8]) {
    for (let i = 0; i < 4; i++) {
      asm.shuffleQuarters(b + base + i, a + base + i, a + base + i + 4, half.lower);
      asm.shuffleQuarters(b + base + i + 4, a + base + i, a + base + i + 4, half.upper);
    }
  }
  for (let i = 0; i < 8; i++) {
    asm.shuffleQuarters(a + i, b + i, b + i + 8, half.lower);
    asm.shuffleQuarters(a + i + 8, b + i, b + i + 8, half.upper);
  }
}

/** A block of at most 16 x 16 numbers: `rows` rows of `columns` numbers at `from` become `columns` rows at `to`. Masks hold the cut-short lengths. */
export interface TransposeBlock {
  readonly from: Gpr;
  readonly fromPitch: number;
  readonly to: Gpr;
  readonly toPitch: number;
  readonly rows: number;
  readonly columns: number;
  /** Mask registers with as many lanes as there are columns, and rows; 0 for sixteen. */
  readonly columnMask: number;
  readonly rowMask: number;
}

/** Changes all vectors. Rows that are not there are written as zeros up to sixteen where `rowMask` is 0. */
export function transposeBlock(asm: Assembler, t: TransposeBlock): void {
  for (let row = 0; row < lanes; row++) {
    if (row < t.rows) asm.load(row, at(t.from, row * t.fromPitch), { mask: t.columnMask });
    else asm.zeroVector(row);
  }
  transposeRegisters(asm);
  for (let column = 0; column < t.columns; column++) asm.storeVector(at(t.to, column * t.toPitch), column, { mask: t.rowMask });
}
