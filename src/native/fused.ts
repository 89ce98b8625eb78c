import type { KernelPlan } from "./kernel.ts";
import { type FusedSettings, Round } from "./round.ts";
import { ConstantPool } from "./vector-ops.ts";
import {
  type Assembler,
  at,
  type Gpr,
  lanes,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  vectorBytes,
} from "./x64.ts";

// A chain of elementwise ops, and sums of their results, in one pass over memory. Axes that all operands treat alike are joined, which leaves at most three;
// the last is the one that vectors run along.

const tailMask = 1;
const oneLane = 2;
/** Vectors side by side where sums run across rows. */
const abreast = 4;
/** Below this many numbers one thread is faster. */
const worthSharing = 1 << 13;
const offsetRegisters: readonly Gpr[] = [r8, r9, r10, r11, r12, r13, r14];
const counters: readonly Gpr[] = [rbx, rcx, rdx];

/** One loop: over an axis by ones, or over the last one by vectors. */
interface Level {
  readonly axis: number;
  /** Whole rounds, and the elements that each takes; `rest` elements are left after them. */
  readonly rounds: number;
  readonly unit: number;
  readonly rest: number;
}

/** What the innermost code handles: so many vectors side by side, the last perhaps cut short. */
interface Chunk {
  readonly vectors: number;
  readonly tail: boolean;
}

/** Undefined where the loops cannot be built: too many kinds of operands at once, sums over nothing, or a large sum of everything. */
export function fusedPlan(f: FusedSettings, threads: number): KernelPlan | undefined {
  if (f.sums.length > 0 && f.reduced === 0) return undefined;
  const kernel = new FusedKernel(f);
  if (kernel.patterns.length > offsetRegisters.length) return undefined;
  const size = f.axes.reduce((a, b) => a * b, 1);
  const first = kernel.levels[0];
  const shared = size >= worthSharing && threads > 1 && ((f.reduced >> first.axis) & 1) === 0;
  if (!shared && size > worthSharing * 8 && threads > 1) return undefined;
  const rounds = first.rounds + Math.sign(first.rest);
  const each = Math.ceil(rounds / (shared ? 2 * threads : 1));
  return {
    inputs: f.inputs.length,
    outputs: [...f.stores, ...f.sums].map(({ shape }) => shape),
    phases: [{ tasks: Math.ceil(rounds / each), emit: (asm) => kernel.emit(asm, each) }],
  };
}

class FusedKernel {
  readonly patterns: readonly number[];
  readonly levels: readonly Level[];
  readonly #f: FusedSettings;
  readonly #inner: number;
  /** Sums that keep the last axis hold a few of its vectors and run over the others. */
  readonly #across: boolean;
  /** Loops outside of the sums. */
  readonly #keptLevels: number;

  constructor(f: FusedSettings) {
    this.#f = f;
    this.#inner = f.axes.length - 1;
    this.#across = f.reduced !== 0 && !this.#isReduced(this.#inner);
    const used = new Set([...f.inputs, ...(f.stores.length > 0 ? [this.#all] : []), ...(f.sums.length > 0 ? [this.#sumPattern] : [])]);
    used.delete(0);
    this.patterns = [...used];
    const outer = f.axes.map((_, axis) => axis).slice(0, -1);
    const kept = outer.filter((axis) => !this.#isReduced(axis));
    const reduced = outer.filter((axis) => this.#isReduced(axis));
    const order = this.#across ? [...kept, this.#inner, ...reduced] : [...kept, ...reduced, this.#inner];
    this.levels = order.map((axis) => this.#level(axis));
    this.#keptLevels = order.filter((axis) => !this.#isReduced(axis)).length;
  }

  get #all(): number {
    return (1 << this.#f.axes.length) - 1;
  }

  get #sumPattern(): number {
    return this.#all & ~this.#f.reduced;
  }

  #isReduced(axis: number): boolean {
    return ((this.#f.reduced >> axis) & 1) === 1;
  }

  #level(axis: number): Level {
    const size = this.#f.axes[axis];
    if (axis !== this.#inner) return { axis, rounds: size, unit: 1, rest: 0 };
    const unit = this.#across ? abreast * lanes : lanes;
    return { axis, rounds: Math.floor(size / unit), unit, rest: size % unit };
  }

  /** Bytes from one element to the next along an axis, for inputs of a pattern. */
  #stride(pattern: number, axis: number): number {
    if (((pattern >> axis) & 1) === 0) return 0;
    let stride = 4;
    for (let i = axis + 1; i < this.#f.axes.length; i++) if ((pattern >> i) & 1) stride *= this.#f.axes[i];
    return stride;
  }

  /** How far the loops from `level` on move the offset of a pattern in all. */
  #moved(pattern: number, level: number): number {
    if (level >= this.levels.length) return 0;
    const { axis } = this.levels[level];
    return this.#stride(pattern, axis) * this.#f.axes[axis];
  }

  emit(asm: Assembler, each: number): void {
    const pool = new ConstantPool(asm);
    const end = asm.label();
    const first = this.levels[0];
    asm.multiply(rbx, rsi, each);
    asm.lea(rbp, at(rbx, each));
    asm.atMost(rbp, first.rounds + Math.sign(first.rest));
    this.patterns.forEach((pattern, i) => {
      asm.multiply(offsetRegisters[i], rbx, this.#stride(pattern, first.axis) * first.unit);
    });
    const tail = this.#f.axes[this.#inner] % lanes;
    if (tail > 0) asm.setMask(tailMask, (1 << tail) - 1);
    if (this.#f.sums.length > 0) asm.setMask(oneLane, 1);
    this.#sumsAround(asm, pool, 0, { vectors: 1, tail: false });
    asm.jump(end);
    pool.emit();
    asm.bind(end);
  }

  /** The loops from `level` on; the first ones inside of which sums are complete begin and end them. */
  #sumsAround(asm: Assembler, pool: ConstantPool, level: number, chunk: Chunk): void {
    const here = level === this.#keptLevels && this.#f.sums.length > 0;
    const vectors = this.#across ? chunk.vectors : 1;
    if (here) this.#clearSums(asm, vectors);
    this.#loops(asm, pool, level, chunk);
    if (here) this.#keepSums(asm, chunk, vectors);
  }

  #clearSums(asm: Assembler, vectors: number): void {
    for (let s = 0; s < this.#f.sums.length; s++) for (let v = 0; v < vectors; v++) asm.zeroVector(this.#sum(s, v));
  }

  #keepSums(asm: Assembler, chunk: Chunk, vectors: number): void {
    this.#f.sums.forEach((_, s) => {
      asm.mov(rax, at(rdi, (this.#f.inputs.length + this.#f.stores.length + s) * 8));
      for (let v = 0; v < vectors; v++) {
        const to = { base: rax, index: this.#offset(this.#sumPattern), disp: v * vectorBytes };
        if (this.#across) asm.storeVector(to, this.#sum(s, v), { mask: chunk.tail && v === vectors - 1 ? tailMask : 0 });
        else this.#storeTotal(asm, this.#sum(s, v), to);
      }
    });
  }

  #storeTotal(asm: Assembler, sum: number, to: { base: Gpr; index: Gpr | undefined; disp: number }): void {
    asm.extractHalf(0, sum);
    asm.arithmetic("add", sum, sum, 0, { bits: 256 });
    asm.extractQuarter(0, sum, 1);
    asm.arithmetic("add", sum, sum, 0, { bits: 128 });
    for (const order of [0b01001110, 0b10110001]) {
      asm.permuteLanes(0, sum, order);
      asm.arithmetic("add", sum, sum, 0, { bits: 128 });
    }
    asm.storeVector(to, sum, { mask: oneLane, bits: 128 });
  }

  #loops(asm: Assembler, pool: ConstantPool, level: number, chunk: Chunk): void {
    if (level === this.levels.length) {
      this.#body(asm, pool, chunk);
      return;
    }
    const { axis, rounds, unit, rest } = this.levels[level];
    const inner = axis === this.#inner;
    const round = (elements: number) => {
      const part = inner ? { vectors: Math.ceil(elements / lanes), tail: elements % lanes !== 0 } : chunk;
      this.#sumsAround(asm, pool, level + 1, part);
      this.patterns.forEach((pattern, i) => {
        asm.add(offsetRegisters[i], this.#stride(pattern, axis) * elements - this.#moved(pattern, level + 1));
      });
    };
    if (level === 0) {
      this.#sharedLoop(asm, rounds, rest, unit, round);
      return;
    }
    if (rounds > 0) asm.loop(counters[level], rounds, () => round(unit));
    if (rest > 0) round(rest);
  }

  /** The outermost loop, from rbx to rbp; the cut-short round at its end is the last task's. */
  #sharedLoop(asm: Assembler, rounds: number, rest: number, unit: number, round: (elements: number) => void): void {
    const top = asm.label();
    const last = asm.label();
    const end = asm.label();
    asm.bind(top);
    asm.compareRegister(rbx, rbp);
    asm.jumpIf("notLess", end);
    if (rest > 0) {
      asm.compare(rbx, rounds);
      asm.jumpIf("equal", last);
    }
    if (rounds > 0) {
      round(unit);
      asm.add(rbx, 1);
      asm.jump(top);
    }
    asm.bind(last);
    if (rest > 0) round(rest);
    asm.bind(end);
  }

  #offset(pattern: number): Gpr | undefined {
    return pattern === 0 ? undefined : offsetRegisters[this.patterns.indexOf(pattern)];
  }

  #sum(s: number, v: number): number {
    return 31 - (s * (this.#across ? abreast : 1) + v);
  }

  /** The ops on one place of the tensors, vector by vector. */
  #body(asm: Assembler, pool: ConstantPool, chunk: Chunk): void {
    for (let v = 0; v < chunk.vectors; v++) {
      new Round(this.#f, asm, pool, {
        mask: chunk.tail && v === chunk.vectors - 1 ? tailMask : 0,
        free: 32 - this.#f.sums.length * (this.#across ? abreast : 1),
        place: (index, pattern) => {
          asm.mov(rax, at(rdi, index * 8));
          return { base: rax, index: this.#offset(pattern), disp: ((pattern >> this.#inner) & 1) === 1 ? v * vectorBytes : 0 };
        },
        varies: (pattern) => ((pattern >> this.#inner) & 1) === 1,
        full: this.#all,
        sum: (s) => this.#sum(s, this.#across ? v : 0),
      }).emit();
    }
  }
}
