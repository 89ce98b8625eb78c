import type { Shape } from "../core/dtype.ts";
import { bitsOf, type ConstantPool, type VectorContext, vectorOps } from "./vector-ops.ts";
import { type Assembler, type Gpr, NoKernel } from "./x64.ts";

// The innermost code of fused kernels and recurrences: a few elementwise ops on one vector of each operand.

/** One elementwise op, or a constant; operands count the inputs first, then the steps. */
export interface Step {
  readonly op: string;
  readonly operands: readonly number[];
  readonly attrs: Readonly<Record<string, number>>;
}

/** A value that is kept: as it is, or summed over the reduced axes. */
export interface Kept {
  readonly value: number;
  readonly shape: Shape;
}

/** A chain of ops over joined axes: what it reads, does and keeps. */
export interface FusedSettings {
  /** Sizes of the joined axes, one to three. */
  readonly axes: readonly number[];
  /** For each input, a number whose bit i says that it varies along joined axis i. */
  readonly inputs: readonly number[];
  readonly steps: readonly Step[];
  readonly stores: readonly Kept[];
  readonly sums: readonly Kept[];
  /** Bit i: joined axis i is summed over. */
  readonly reduced: number;
}

/** Where a round finds and leaves things. */
export interface RoundPlace {
  readonly mask: number;
  /** Registers below this number may be used. */
  readonly free: number;
  /** The address of tensor `index`; changes rax. */
  place(index: number, pattern: number): { base: Gpr; index: Gpr | undefined; disp: number };
  varies(pattern: number): boolean;
  readonly full: number;
  sum(s: number): number;
}

/** The code for one vector: values get registers as they appear and give them back after their last use. */
export class Round {
  readonly #f: FusedSettings;
  readonly #asm: Assembler;
  readonly #pool: ConstantPool;
  readonly #lastUse: readonly number[];
  readonly #at: RoundPlace;
  readonly #registers = new Map<number, number>();
  readonly #free: number[];

  constructor(f: FusedSettings, asm: Assembler, pool: ConstantPool, place: RoundPlace) {
    this.#f = f;
    this.#asm = asm;
    this.#pool = pool;
    this.#lastUse = lifetimes(f);
    this.#at = place;
    this.#free = Array.from({ length: place.free }, (_, i) => place.free - 1 - i);
  }

  emit(): void {
    const { inputs, steps } = this.#f;
    steps.forEach((step, i) => {
      const value = inputs.length + i;
      const operands = step.operands.map((operand) => this.#operand(operand));
      const dst = this.#take();
      const lent: number[] = [];
      const lend = () => {
        const register = this.#take();
        lent.push(register);
        return register;
      };
      vectorOps[step.op](this.#context(lend), dst, operands, step.attrs);
      this.#free.push(...lent);
      this.#registers.set(value, dst);
      this.#keep(value, dst);
      for (const [known, register] of this.#registers) {
        if (this.#lastUse[known] > i) continue;
        this.#registers.delete(known);
        this.#free.push(register);
      }
    });
  }

  #context(lend: () => number): VectorContext {
    const constants = new Map<number, number>();
    const asm = this.#asm;
    const memory = (value: number) => this.#pool.label(value);
    const constant = (value: number) => {
      const bits = bitsOf(value);
      let register = constants.get(bits);
      if (register === undefined) {
        register = lend();
        constants.set(bits, register);
        asm.broadcast(register, memory(value));
      }
      return register;
    };
    return { asm, temporary: lend, memory, constant };
  }

  #take(): number {
    const register = this.#free.pop();
    if (register === undefined) throw new NoKernel("more values at once than registers");
    return register;
  }

  #operand(value: number): number {
    const known = this.#registers.get(value);
    if (known !== undefined) return known;
    const register = this.#take();
    const pattern = this.#f.inputs[value];
    const from = this.#at.place(value, pattern);
    if (this.#at.varies(pattern)) this.#asm.load(register, from, { mask: this.#at.mask });
    else this.#asm.broadcast(register, from);
    this.#registers.set(value, register);
    return register;
  }

  /** Store a value, or add it to its sum. */
  #keep(value: number, register: number): void {
    const { inputs, stores, sums } = this.#f;
    stores.forEach((store, s) => {
      if (store.value === value) this.#asm.storeVector(this.#at.place(inputs.length + s, this.#at.full), register, { mask: this.#at.mask });
    });
    sums.forEach((sum, s) => {
      if (sum.value === value) this.#asm.arithmetic("add", this.#at.sum(s), this.#at.sum(s), register, { mask: this.#at.mask });
    });
  }
}

/** The step after which each value is not needed any more. */
function lifetimes({ inputs, steps, stores, sums }: FusedSettings): number[] {
  const last = new Array<number>(inputs.length + steps.length).fill(-1);
  steps.forEach(({ operands }, i) => {
    last[inputs.length + i] = i;
    for (const operand of operands) last[operand] = i;
  });
  for (const { value } of [...stores, ...sums]) last[value] = Math.max(last[value], value - inputs.length);
  return last;
}
