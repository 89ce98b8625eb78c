// An assembler for the part of x86-64 that our kernels are made of (Intel SDM, volume 2): here the integer instructions, of 64 bits; x64.ts adds the vectors.

/** Thrown where code cannot be made for some sizes: too few registers, a distance beyond 32 bits. Whoever asked uses another form. */
export class NoKernel extends Error {}

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
  /** Where distances to it wait to be filled in. */
  readonly uses: number[];
}

/** Conditions of jumps, by their number in the instruction set. Signed comparisons. */
export const conditions = { equal: 4, notEqual: 5, less: 12, notLess: 13, notGreater: 14, greater: 15, carry: 2, notCarry: 3 } as const;

/** Bytes, labels and the integer instructions. */
export class IntegerAssembler {
  #bytes = new Uint8Array(4096);
  #length = 0;
  /** Distances that wait for their label. */
  #unbound = 0;

  get position(): number {
    return this.#length;
  }

  label(): Label {
    return { position: -1, uses: [] };
  }

  /** Put a label here, and mend the jumps that were waiting for it. */
  bind(label: Label): void {
    label.position = this.#length;
    for (const use of label.uses) this.#patch32(use, label.position - (use + 4));
    this.#unbound -= label.uses.length;
    label.uses.length = 0;
  }

  /** The code so far. @throws Error when something refers to a label that was never bound */
  finish(): Uint8Array {
    if (this.#unbound > 0) throw new Error("machine code refers to a label that was never bound");
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

  /** @throws NoKernel for a number that does not fit, which would be another one in the code */
  int32(value: number): void {
    if (value < -0x8000_0000 || value > 0x7fff_ffff) throw new NoKernel("a number of more than 32 bits");
    this.byte(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);
  }

  int64(value: bigint): void {
    for (let i = 0n; i < 8n; i++) this.byte(Number((value >> (8n * i)) & 255n));
  }

  #patch32(position: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[position + i] = (value >> (8 * i)) & 255;
  }

  /** Zeros up to a multiple of `bytes`. */
  align(bytes: number): void {
    while (this.#length % bytes !== 0) this.byte(0);
  }

  /** The distance to a label, now or once it is bound. */
  protected reference(label: Label): void {
    if (label.position < 0) {
      label.uses.push(this.#length);
      this.#unbound++;
      this.int32(0);
    } else this.int32(label.position - (this.#length + 4));
  }

  // Integer instructions, all of 64 bits.

  #rex(reg: number, rm: number, index = 0): void {
    this.byte(0x48 | ((reg >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3));
  }

  /** The bytes that name a register and a place in memory; short displacements count in `unit` bytes. */
  protected modrmMemory(reg: number, { base, index, scale = 1, disp = 0 }: Mem, unit = 1): void {
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
      this.modrmMemory(reg, rm);
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
    this.reference(label);
  }

  /** dst = the 8 bytes at a label. */
  movFromLabel(dst: Gpr, label: Label): void {
    this.#rex(dst, 0);
    this.byte(0x8b, ((dst & 7) << 3) | 5);
    this.reference(label);
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

  /** reg = the smaller of itself and a number. */
  atMost(reg: Gpr, most: number): void {
    const fine = this.label();
    this.compare(reg, most);
    this.jumpIf("notGreater", fine);
    this.movImmediate(reg, most);
    this.bind(fine);
  }

  /** rax, rdx = rax / src, rax % src (unsigned). */
  divide(src: Gpr): void {
    this.xor(rdx);
    this.#rex(0, src);
    this.byte(0xf7, 0xc0 | (6 << 3) | (src & 7));
  }

  /** dst = src · value. */
  multiply(dst: Gpr, src: Gpr, value: number): void {
    this.#rex(dst, src);
    this.byte(0x69, 0xc0 | ((dst & 7) << 3) | (src & 7));
    this.int32(value);
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
    this.reference(label);
  }

  jumpIf(condition: keyof typeof conditions, label: Label): void {
    this.byte(0x0f, 0x80 | conditions[condition]);
    this.reference(label);
  }

  call(label: Label): void {
    this.byte(0xe8);
    this.reference(label);
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
}
