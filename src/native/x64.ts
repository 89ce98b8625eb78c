// An assembler for the part of x86-64 that our kernels are made of: integer loops around AVX-512 arithmetic (Intel SDM, volume 2; EVEX encoding in 2.7).

/** A general register by its number in the instruction set. */
export type Gpr = number;
/** Integer registers. `rsp` is the stack. */
export const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15] = Array.from({ length: 16 }, (_, i) => i);

/** An address: base + index·scale + displacement in bytes. */
export interface Mem {
  readonly base: Gpr;
  readonly index?: Gpr | undefined;
  readonly scale?: 1 | 2 | 4 | 8;
  readonly disp?: number;
}

/** Shorthand for {@link Mem} without an index. */
export const at = (base: Gpr, disp = 0): Mem => ({ base, disp });

/** A place in the code that jumps and addresses refer to. */
export interface Label {
  position: number;
  readonly uses: { at: number; kind: "rel32" }[];
}

/** Conditions of jumps, by their number in the instruction set. Signed comparisons. */
export const conditions = { equal: 4, notEqual: 5, less: 12, notLess: 13, notGreater: 14, greater: 15, carry: 2, notCarry: 3 } as const;

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

export class Assembler {
  #bytes = new Uint8Array(4096);
  #length = 0;

  get position(): number {
    return this.#length;
  }

  label(): Label {
    return { position: -1, uses: [] };
  }

  /** Put a label here, and mend the jumps that were waiting for it. */
  bind(label: Label): void {
    label.position = this.#length;
    for (const use of label.uses) this.patch32(use.at, label.position - (use.at + 4));
    label.uses.length = 0;
  }

  /** The code so far. @throws Error when a byte would be lost, which a label that is never bound means. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  byte(...values: number[]): void {
    if (this.#length + values.length > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2 + values.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    for (const value of values) this.#bytes[this.#length++] = value;
  }

  int32(value: number): void {
    this.byte(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);
  }

  int64(value: bigint): void {
    for (let i = 0n; i < 8n; i++) this.byte(Number((value >> (8n * i)) & 255n));
  }

  patch32(position: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[position + i] = (value >> (8 * i)) & 255;
  }

  /** Zeros up to a multiple of `bytes`. */
  align(bytes: number): void {
    while (this.#length % bytes !== 0) this.byte(0);
  }

  #reference(label: Label): void {
    if (label.position < 0) {
      label.uses.push({ at: this.#length, kind: "rel32" });
      this.int32(0);
    } else this.int32(label.position - (this.#length + 4));
  }

  // Integer instructions, all of 64 bits.

  #rex(reg: number, rm: number, index = 0): void {
    this.byte(0x48 | ((reg >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3));
  }

  #modrmMemory(reg: number, { base, index, scale = 1, disp = 0 }: Mem, unit = 1): void {
    const short = disp % unit === 0 && Math.abs(disp / unit + 0.5) < 128;
    // A base of rbp or r13 has no form without a displacement.
    const mode = disp === 0 && (base & 7) !== 5 ? 0 : short ? 1 : 2;
    const needsSib = index !== undefined || (base & 7) === 4;
    this.byte((mode << 6) | ((reg & 7) << 3) | (needsSib ? 4 : base & 7));
    if (needsSib) this.byte((Math.log2(scale) << 6) | ((index === undefined ? 4 : index & 7) << 3) | (base & 7));
    if (mode === 1) this.byte((disp / unit) & 255);
    else if (mode === 2) this.int32(disp);
  }

  #op(opcode: number, reg: number, rm: Gpr | Mem): void {
    if (typeof rm === "number") {
      this.#rex(reg, rm);
      this.byte(opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
    } else {
      this.#rex(reg, rm.base, rm.index ?? 0);
      this.byte(opcode);
      this.#modrmMemory(reg, rm);
    }
  }

  /** dst = src. */
  mov(dst: Gpr, src: Gpr | Mem): void {
    this.#op(0x8b, dst, src);
  }

  /** [mem] = src. */
  store(mem: Mem, src: Gpr): void {
    this.#op(0x89, src, mem);
  }

  /** dst = value, up to 32 bits and positive in the short form. */
  movImmediate(dst: Gpr, value: number | bigint): void {
    const wide = BigInt(value);
    if (wide >= 0n && wide < 1n << 31n) {
      if (dst >= 8) this.byte(0x41);
      this.byte(0xb8 | (dst & 7));
      this.int32(Number(wide));
      return;
    }
    this.byte(0x48 | (dst >> 3), 0xb8 | (dst & 7));
    this.int64(wide);
  }

  /** dst = the address that `mem` stands for. */
  lea(dst: Gpr, mem: Mem): void {
    this.#op(0x8d, dst, mem);
  }

  /** dst = the address of a label. */
  leaLabel(dst: Gpr, label: Label): void {
    this.#rex(dst, 0);
    this.byte(0x8d, ((dst & 7) << 3) | 5);
    this.#reference(label);
  }

  /** dst = the 8 bytes at a label. */
  movFromLabel(dst: Gpr, label: Label): void {
    this.#rex(dst, 0);
    this.byte(0x8b, ((dst & 7) << 3) | 5);
    this.#reference(label);
  }

  #immediate(extension: number, dst: Gpr, value: number): void {
    this.#rex(0, dst);
    const short = value >= -128 && value < 128;
    this.byte(short ? 0x83 : 0x81, 0xc0 | (extension << 3) | (dst & 7));
    if (short) this.byte(value & 255);
    else this.int32(value);
  }

  /** dst += src, a register or a number. */
  add(dst: Gpr, value: number): void {
    if (value !== 0) this.#immediate(0, dst, value);
  }

  addRegister(dst: Gpr, src: Gpr): void {
    this.#op(0x03, dst, src);
  }

  sub(dst: Gpr, value: number): void {
    this.#immediate(5, dst, value);
  }

  compare(a: Gpr, value: number): void {
    this.#immediate(7, a, value);
  }

  compareRegister(a: Gpr, b: Gpr): void {
    this.#op(0x3b, a, b);
  }

  /** dst = src · value. */
  multiply(dst: Gpr, src: Gpr, value: number): void {
    this.#rex(dst, src);
    this.byte(0x69, 0xc0 | ((dst & 7) << 3) | (src & 7));
    this.int32(value);
  }

  /** rax, rdx = rax / src, rax % src (unsigned; rdx is cleared first). */
  divide(src: Gpr): void {
    this.xor(rdx);
    this.#rex(0, src);
    this.byte(0xf7, 0xc0 | (6 << 3) | (src & 7));
  }

  /** dst = 0. */
  xor(dst: Gpr): void {
    this.#op(0x33, dst, dst);
  }

  test(a: Gpr): void {
    this.#op(0x85, a, a);
  }

  push(reg: Gpr): void {
    if (reg >= 8) this.byte(0x41);
    this.byte(0x50 | (reg & 7));
  }

  pop(reg: Gpr): void {
    if (reg >= 8) this.byte(0x41);
    this.byte(0x58 | (reg & 7));
  }

  ret(): void {
    this.byte(0xc3);
  }

  jump(label: Label): void {
    this.byte(0xe9);
    this.#reference(label);
  }

  jumpIf(condition: keyof typeof conditions, label: Label): void {
    this.byte(0x0f, 0x80 | conditions[condition]);
    this.#reference(label);
  }

  call(label: Label): void {
    this.byte(0xe8);
    this.#reference(label);
  }

  callRegister(reg: Gpr): void {
    if (reg >= 8) this.byte(0x41);
    this.byte(0xff, 0xc0 | (2 << 3) | (reg & 7));
  }

  /** Run `body` `count` times, counting `counter` from 0 by `step`; straight code for a single round. */
  loop(counter: Gpr, count: number, body: () => void, step = 1): void {
    this.xor(counter);
    const top = this.label();
    this.bind(top);
    body();
    if (count === 1) return;
    this.add(counter, step);
    this.compare(counter, count * step);
    this.jumpIf("less", top);
  }

  // Vector instructions.

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
      this.#reference(label);
    } else if (memory) this.#modrmMemory(reg, rm, unit ?? (broadcast ? 4 : bits / 8));
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

  /** Bit operations on whole registers. */
  bits(operation: keyof typeof bitwise, dst: number, a: number, b: number | Mem, options: VectorOptions = {}): void {
    this.evex({ map: 1, prefix: 1, opcode: bitwise[operation], reg: dst, second: a, rm: b, ...options });
  }

  sqrt(dst: number, from: number | Mem): void {
    this.evex({ map: 1, prefix: 0, opcode: 0x51, reg: dst, rm: from });
  }

  /** Round to whole numbers: mode 0 to the nearest even, 1 down, 2 up. */
  round(dst: number, from: number, mode: 0 | 1 | 2): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x08, reg: dst, rm: from, immediate: mode | 8 });
  }

  /** The exponent of each lane as a number, and (see below) the rest of it. */
  exponent(dst: number, from: number): void {
    this.evex({ map: 2, prefix: 1, opcode: 0x42, reg: dst, rm: from });
  }

  /** The significand of each lane, in [3/4, 3/2); `exponent` of the same number divided by it is a power of two. */
  significand(dst: number, from: number): void {
    this.evex({ map: 3, prefix: 1, opcode: 0x26, reg: dst, rm: from, immediate: 3 });
  }

  /** dst = a · 2^floor(b). */
  scale(dst: number, a: number, b: number): void {
    this.evex({ map: 2, prefix: 1, opcode: 0x2c, reg: dst, second: a, rm: b });
  }

  /** mask = lanes where a (predicate) b; predicates 0 equal, 1 less, 2 less or equal, 4 not equal, 13 not less, 14 greater; NaN compares false but for 4. */
  compareLanes(mask: number, predicate: number, a: number, b: number | Mem): void {
    this.evex({ map: 1, prefix: 0, opcode: 0xc2, reg: mask, second: a, rm: b, immediate: predicate });
  }

  /** dst = lanes of b where the mask is set, of a elsewhere. */
  blend(dst: number, mask: number, a: number, b: number): void {
    this.evex({ map: 2, prefix: 1, opcode: 0x65, reg: dst, second: a, rm: b, mask });
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

export interface VectorOptions {
  broadcast?: boolean;
  mask?: number;
  zero?: boolean;
  bits?: 512 | 256 | 128;
}

const arithmetic = { add: 0x58, mul: 0x59, sub: 0x5c, min: 0x5d, div: 0x5e, max: 0x5f } as const;
const bitwise = { and: 0xdb, andNot: 0xdf, or: 0xeb, xor: 0xef } as const;
