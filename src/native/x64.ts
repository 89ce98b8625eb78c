import { IntegerAssembler, type Label, type Mem, rax } from "./x64-integer.ts";

export * from "./x64-integer.ts";

// AVX-512 arithmetic around the integer loops (Intel SDM, volume 2; EVEX encoding in 2.7).

/** Float32 lanes of a vector, and its bytes. */
export const lanes = 16;
export const vectorBytes = 64;

/** An instruction in EVEX encoding. */
export interface EvexOptions {
  /** Opcode map: 1 is 0F, 2 is 0F38, 3 is 0F3A. */
  map: 1 | 2 | 3;
  /** Mandatory prefix: 0 none, 1 is 66, 2 is F3, 3 is F2. */
  prefix: 0 | 1 | 2 | 3;
  opcode: number;
  wide?: boolean;
  /** 512, 256 or 128 bits. Default 512. */
  bits?: 512 | 256 | 128;
  /** modrm.reg operand. */
  reg: number;
  /** The second source; 0 where there is none. */
  second?: number;
  /** The last operand: a vector register, memory, or a place in the code (only without an immediate). */
  rm: number | Mem | Label;
  /** Bytes that an 8-bit displacement counts in (the operand's memory size). */
  unit?: number;
  /** One float32 in memory is spread over all lanes. */
  broadcast?: boolean;
  mask?: number;
  /** Lanes that the mask leaves out become zero instead of keeping their value. */
  zero?: boolean;
  immediate?: number;
}

/** What an arithmetic instruction may have besides its operands; see {@link EvexOptions}. */
export interface VectorOptions {
  broadcast?: boolean;
  mask?: number;
  zero?: boolean;
  bits?: 512 | 256 | 128;
}

const arithmetic = { add: 0x58, mul: 0x59, sub: 0x5c, min: 0x5d, div: 0x5e, max: 0x5f } as const;

/** Writes machine code: integer instructions and vectors of 16 float32 lanes. */
export class Assembler extends IntegerAssembler {
  /** One instruction in EVEX encoding. */
  evex({
    map,
    prefix,
    opcode,
    wide = false,
    bits = 512,
    reg,
    second = 0,
    rm,
    unit,
    broadcast = false,
    mask = 0,
    zero = false,
    immediate,
  }: EvexOptions): void {
    const label = typeof rm !== "number" && "uses" in rm ? rm : undefined;
    const memory = typeof rm !== "number" && !("uses" in rm);
    const xBit = memory ? (rm.index ?? 0) >> 3 : typeof rm === "number" ? rm >> 4 : 0;
    const bBit = memory ? rm.base >> 3 : typeof rm === "number" ? rm >> 3 : 0;
    const not = (bit: number) => (bit & 1) ^ 1;
    const p0 = (not(reg >> 3) << 7) | (not(xBit) << 6) | (not(bBit) << 5) | (not(reg >> 4) << 4) | map;
    const p1 = (Number(wide) << 7) | ((~second & 15) << 3) | 4 | prefix;
    const p2 =
      (Number(zero) << 7) | ((bits === 512 ? 2 : bits === 256 ? 1 : 0) << 5) | (Number(broadcast) << 4) | (not(second >> 4) << 3) | mask;
    this.byte(0x62, p0, p1, p2, opcode);
    if (label !== undefined) {
      this.byte(((reg & 7) << 3) | 5);
      this.reference(label);
    } else if (memory) this.modrmMemory(reg, rm, unit ?? (broadcast ? 4 : bits / 8));
    else this.byte(0xc0 | ((reg & 7) << 3) | ((rm as number) & 7));
    if (immediate !== undefined) this.byte(immediate);
  }

  /** Load float32 lanes, all or those of a mask (the others become zero). */
  load(dst: number, mem: Mem, { mask = 0, bits = 512 as 512 | 256 | 128 } = {}): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x10, bits, reg: dst, rm: mem, mask, zero: mask !== 0 });
  }

  /** Load the lanes of a mask, keep the others. */
  loadInto(dst: number, mem: Mem, mask: number): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x10, reg: dst, rm: mem, mask });
  }

  /** Store float32 lanes, all or those of a mask. */
  storeVector(mem: Mem, src: number, { mask = 0, bits = 512 as 512 | 256 | 128 } = {}): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x11, bits, reg: src, rm: mem, mask });
  }

  moveVector(dst: number, src: number): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x28, reg: dst, rm: src });
  }

  /** The lanes of a mask; the others become zero. */
  moveMasked(dst: number, src: number, mask: number): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x28, reg: dst, rm: src, mask, zero: true });
  }

  /** The lanes of a mask; the others keep their value. */
  moveInto(dst: number, src: number, mask: number): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x28, reg: dst, rm: src, mask });
  }

  /** Every lane = the float32 in memory, or lane 0 of a register. */
  broadcast(dst: number, from: Mem | number | Label): void {
    this.evex({ map: 2, prefix: 1, opcode: 0x18, reg: dst, rm: from, unit: 4 });
  }

  zeroVector(dst: number): void {
    this.evex({ map: 1, prefix: 1, opcode: 0xef, reg: dst, second: dst, rm: dst });
  }

  /** dst += a · b. */
  fma(dst: number, a: number, b: number | Mem, options: VectorOptions = {}): void {
    this.evex({ map: 2, prefix: 1, opcode: 0xb8, reg: dst, second: a, rm: b, ...options });
  }

  /** dst = dst · a + b. */
  multiplyAdd(dst: number, a: number, b: number | Mem | Label, options: VectorOptions = {}): void {
    this.evex({ map: 2, prefix: 1, opcode: 0xa8, reg: dst, second: a, rm: b, ...options });
  }

  /** dst -= a · b. */
  fnma(dst: number, a: number, b: number | Mem, options: VectorOptions = {}): void {
    this.evex({ map: 2, prefix: 1, opcode: 0xbc, reg: dst, second: a, rm: b, ...options });
  }

  /** dst = a (operation) b, lane by lane. */
  arithmetic(operation: keyof typeof arithmetic, dst: number, a: number, b: number | Mem | Label, options: VectorOptions = {}): void {
    this.evex({ map: 1, prefix: 0, opcode: arithmetic[operation], reg: dst, second: a, rm: b, ...options });
  }

  sqrt(dst: number, from: number | Mem): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x51, reg: dst, rm: from });
  }

  /** Round to whole numbers: mode 0 to the nearest even, 1 down, 2 up. */
  round(dst: number, from: number, mode: 0 | 1 | 2): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x08, reg: dst, rm: from, immediate: mode | 8 });
  }

  /** The exponent of each lane, floor(log2 |x|), as a number. */
  exponent(dst: number, from: number): void {
    this.evex({ map: 2, prefix: 1, opcode: 0x42, reg: dst, rm: from });
  }

  /** The significand of each lane, in [3/4, 3/2); the number divided by it is a power of two. NaN for numbers below zero. */
  significand(dst: number, from: number): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x26, reg: dst, rm: from, immediate: 0b1011 });
  }

  /** dst = a · 2^floor(b). */
  scale(dst: number, a: number, b: number): void {
    this.evex({ map: 2, prefix: 1, opcode: 0x2c, reg: dst, second: a, rm: b });
  }

  /** mask = lanes where a (predicate) b; predicates 0 equal, 1 less, 2 less or equal, 3 unordered (one is NaN), 4 not equal, 13 not less, 14 greater; NaN is true for 3 and 4 only. */
  compareLanes(mask: number, predicate: number, a: number, b: number | Mem): void {
    this.evex({ map: 1, prefix: 0, opcode: 0xc2, reg: mask, second: a, rm: b, immediate: predicate });
  }

  /** Replace the upper half (8 lanes) of a vector: dst = low half of a, `from`. */
  insertHalf(dst: number, a: number, from: number | Mem): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x1a, wide: true, reg: dst, second: a, rm: from, unit: 32, immediate: 1 });
  }

  /** Replace a quarter (4 lanes) of a vector. */
  insertQuarter(dst: number, a: number, from: number | Mem, quarter: number): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x18, reg: dst, second: a, rm: from, unit: 16, immediate: quarter });
  }

  /** The upper half to a register or to memory. */
  extractHalf(to: number | Mem, src: number, mask = 0): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x1b, wide: true, reg: src, rm: to, unit: 32, mask, immediate: 1 });
  }

  extractQuarter(to: number | Mem, src: number, quarter: number): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x19, reg: src, rm: to, unit: 16, immediate: quarter });
  }

  /** dst = lanes picked from the pair (dst, b) by the indices in `indices` (bit 4 chooses b). */
  permute2(dst: number, indices: number, b: number | Mem): void {
    // vpermi2ps has the indices in dst, vpermt2ps the table.
    this.evex({ map: 2, prefix: 1, opcode: 0x7f, reg: dst, second: indices, rm: b });
  }

  /** Numbers of a and b in turn, from the lower or upper half of each quarter. */
  interleave(half: "low" | "high", dst: number, a: number, b: number): void {
    this.evex({ map: 1, prefix: 0, opcode: half === "low" ? 0x14 : 0x15, reg: dst, second: a, rm: b });
  }

  /** The same with pairs of numbers. */
  interleavePairs(half: "low" | "high", dst: number, a: number, b: number): void {
    this.evex({ map: 1, prefix: 1, opcode: half === "low" ? 0x14 : 0x15, wide: true, reg: dst, second: a, rm: b });
  }

  /** Two quarters of a, then two of b, two bits for each choice. */
  shuffleQuarters(dst: number, a: number, b: number, choice: number): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x23, reg: dst, second: a, rm: b, immediate: choice });
  }

  /** Four lanes in another order, two bits each. 128 bits. */
  permuteLanes(dst: number, src: number, order: number): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x04, bits: 128, reg: dst, rm: src, immediate: order });
  }

  /** mask register = a number of up to 16 bits. Uses rax. */
  setMask(mask: number, lanes: number): void {
    this.movImmediate(rax, lanes);
    this.byte(0xc5, 0xf8, 0x92, 0xc0 | (mask << 3));
  }

  /** Give the upper halves of the registers back before code compiled for older vectors runs. */
  zeroUpper(): void {
    this.byte(0xc5, 0xf8, 0x77);
  }
}
