import { type FusedSettings, NoRegister, Round, type Step } from "./fused.ts";
import type { KernelPlan } from "./kernel.ts";
import { emitProduct } from "./product.ts";
import { ConstantPool, vectorOps } from "./vector-ops.ts";
import { Assembler, at, type Gpr, r8, r9, r10, r11, r12, r14, r15, rax, rbx, rcx, rdi, rdx, rsi } from "./x64.ts";

// A whole recurrence as one kernel. Rows of the batch do not meet, so each thread takes some of them through all steps on its own: its carries stay in its
// core's cache, and nobody waits for anybody.

/** One op of a step. Values are numbered: carries, slices, vectors, then what the ops make, in order. */
export type BodyOp =
  /** x [B, K] times matrix [K, N], plus a vector. */
  | { readonly op: "product"; readonly x: number; readonly matrix: number; readonly bias: number | undefined }
  /** Columns apart; makes one value for each size. */
  | { readonly op: "split"; readonly x: number; readonly sizes: readonly number[] }
  | { readonly op: "concat"; readonly parts: readonly number[] }
  | { readonly op: "elementwise"; readonly step: Step; readonly width: number };

export interface RecurrenceSettings {
  readonly rows: number;
  readonly steps: number;
  readonly reverse: boolean;
  /** Widths. A slice is [T, B, width], or [B, width], the same at every step. */
  readonly carries: readonly number[];
  readonly slices: readonly { readonly width: number; readonly fixed: boolean }[];
  readonly vectors: readonly number[];
  readonly matrices: readonly (readonly [number, number])[];
  readonly body: readonly BodyOp[];
  /** The values that become the carries, and those that are stacked over the steps. */
  readonly next: readonly number[];
  readonly stacks: readonly number[];
}

const lanes = 16;
const vectorBytes = 64;
const tailMask = 1;
/** Rows that a thread takes along; more would leave the cache. */
const mostRows = 32;
const rowRegisters: readonly Gpr[] = [r8, r9, r10, r11, r12];

/** Where a value is: `column` bytes into rows of `stride` bytes, which begin at an address in the table, or in the scratch, or are all the same vector. */
type Place =
  | { readonly kind: "stream"; readonly slot: number; readonly stride: number; readonly column: number }
  | { readonly kind: "scratch"; readonly offset: number; readonly stride: number; readonly column: number }
  | { readonly kind: "vector"; readonly input: number; readonly stride: 0; readonly column: 0 };

/** A pointer that moves from step to step. */
interface Stream {
  /** Which of the kernel's tensors. */
  readonly tensor: number;
  readonly width: number;
  readonly fixed: boolean;
}

type Task =
  | { readonly kind: "product"; readonly op: Extract<BodyOp, { op: "product" }>; readonly out: Place }
  | { readonly kind: "rows"; readonly width: number; readonly fused: FusedSettings; readonly places: readonly Place[] };

/** Undefined where the loops cannot be built. */
export function recurrencePlan(s: RecurrenceSettings, threads: number): KernelPlan | undefined {
  if (unknownOp(s)) return undefined;
  const rows = rowsOf(s.rows, threads);
  try {
    const kernel = new Recurrence(s, rows);
    kernel.emit(new Assembler());
    const tasks = s.rows / rows;
    return {
      inputs: kernel.inputs,
      outputs: [
        ...s.carries.map((width) => [s.rows, width]),
        ...s.stacks.map((value) => [s.steps, s.rows, kernel.widths[value]]),
        [(tasks * kernel.scratchBytes) / 4],
      ],
      phases: [{ tasks, emit: (asm) => kernel.emit(asm) }],
    };
  } catch (error) {
    if (error instanceof NoRegister) return undefined;
    throw error;
  }
}

/** Ops the vector code has, the request checked: a kernel is refused where one is missing. */
const unknownOp = (s: RecurrenceSettings): boolean => s.body.some((op) => op.op === "elementwise" && !Object.hasOwn(vectorOps, op.step.op));

/** The largest divisor of the batch that gives every thread something. */
function rowsOf(batch: number, threads: number): number {
  let rows = Math.min(mostRows, Math.ceil(batch / threads));
  while (batch % rows !== 0) rows--;
  return rows;
}

class Recurrence {
  readonly widths: number[] = [];
  readonly inputs: number;
  scratchBytes = 0;
  readonly #s: RecurrenceSettings;
  readonly #rows: number;
  readonly #streams: Stream[] = [];
  readonly #places: Place[] = [];
  readonly #carryPlaces: Place[];
  /** Further places that a value is written to when it is made. */
  readonly #copies = new Map<number, Place[]>();
  readonly #tasks: Task[] = [];

  constructor(s: RecurrenceSettings, rows: number) {
    this.#s = s;
    this.#rows = rows;
    this.inputs = s.carries.length + s.slices.length + s.vectors.length + s.matrices.length;
    s.carries.forEach((width) => this.#define(width, this.#scratch(width)));
    this.#carryPlaces = [...this.#places];
    s.slices.forEach(({ width, fixed }, i) => this.#define(width, this.#stream(s.carries.length + i, width, fixed)));
    s.vectors.forEach((width, i) =>
      this.#define(width, { kind: "vector", input: s.carries.length + s.slices.length + i, stride: 0, column: 0 }),
    );
    this.#assign();
    this.#schedule();
    this.scratchBytes = Math.ceil((this.scratchBytes + this.#streams.length * 8) / vectorBytes) * vectorBytes;
  }

  #define(width: number, place: Place): void {
    this.widths.push(width);
    this.#places.push(place);
  }

  #scratch(width: number): Place {
    const stride = Math.ceil(width / lanes) * vectorBytes;
    const offset = this.scratchBytes;
    this.scratchBytes += stride * this.#rows;
    return { kind: "scratch", offset, stride, column: 0 };
  }

  #stream(tensor: number, width: number, fixed: boolean): Place {
    this.#streams.push({ tensor, width, fixed });
    return { kind: "stream", slot: this.#streams.length - 1, stride: width * 4, column: 0 };
  }

  /** Widths and places of everything that a step makes. */
  #assign(): void {
    const { body, stacks, carries } = this.#s;
    const stackOf = (index: number, width: number) => this.#stream(this.inputs + carries.length + index, width, false);
    const first = this.#places.length;
    for (const op of body) {
      if (op.op === "product") this.widths.push(this.#s.matrices[op.matrix][1]);
      else if (op.op === "split") this.widths.push(...op.sizes);
      else if (op.op === "concat") this.widths.push(op.parts.reduce((total, part) => total + this.widths[part], 0));
      else this.widths.push(op.width);
    }
    // Stacks first: a value that is stacked is made in its place there.
    const assigned = new Map<number, Place>();
    stacks.forEach((value, i) => {
      const place = stackOf(i, this.widths[value]);
      if (value >= first && !assigned.has(value)) assigned.set(value, place);
      else this.#copies.set(value, [...(this.#copies.get(value) ?? []), place]);
    });
    this.#assignParts(assigned, first);
    let value = first;
    for (const op of body) {
      const count = op.op === "split" ? op.sizes.length : 1;
      let column = 0;
      for (let i = 0; i < count; i++, value++) {
        const wanted = assigned.get(value);
        if (op.op === "split") {
          const whole = this.#places[op.x];
          if (wanted !== undefined) this.#copies.set(value, [...(this.#copies.get(value) ?? []), wanted]);
          this.#places.push({ ...whole, column: whole.column + column } as Place);
          column += this.widths[value] * 4;
        } else this.#places.push(wanted ?? this.#scratch(this.widths[value]));
      }
    }
  }

  /** What is joined is made in its place in the whole, where it has no other. */
  #assignParts(assigned: Map<number, Place>, first: number): void {
    const made = new Set<number>();
    let value = first;
    const wholes: [number, readonly number[]][] = [];
    for (const op of this.#s.body) {
      if (op.op === "elementwise" || op.op === "product" || op.op === "concat") made.add(value);
      if (op.op === "concat") wholes.push([value, op.parts]);
      value += op.op === "split" ? op.sizes.length : 1;
    }
    for (const [whole, parts] of wholes.reverse()) {
      const place = assigned.get(whole) ?? this.#scratch(this.widths[whole]);
      assigned.set(whole, place);
      let column = place.column;
      for (const part of parts) {
        const own = { ...place, column } as Place;
        if (made.has(part) && !assigned.has(part)) assigned.set(part, own);
        else this.#copies.set(part, [...(this.#copies.get(part) ?? []), own]);
        column += this.widths[part] * 4;
      }
    }
  }

  /** Runs of elementwise ops of one width become one loop each. */
  #schedule(): void {
    let value = this.#s.carries.length + this.#s.slices.length + this.#s.vectors.length;
    for (let given = 0; given < value; given++) this.#copyAlong(given);
    let run: { value: number; step: Step }[] = [];
    let width = 0;
    const flush = () => {
      if (run.length > 0) this.#tasks.push(this.#rowsTask(run, width));
      run = [];
    };
    for (const op of this.#s.body) {
      if (op.op === "elementwise") {
        if (op.width !== width) flush();
        width = op.width;
        run.push({ value: value++, step: op.step });
        continue;
      }
      flush();
      if (op.op === "product") this.#tasks.push({ kind: "product", op, out: this.#places[value] });
      const count = op.op === "split" ? op.sizes.length : 1;
      for (let i = 0; i < count; i++) this.#copyAlong(value++);
    }
    flush();
  }

  /** A value that is wanted in further places, and is not made by a loop that could write it there. */
  #copyAlong(value: number): void {
    const to = this.#copies.get(value);
    if (to === undefined) return;
    const fused = rowsSettings(
      [1],
      [{ op: "copy", operands: [0], attrs: {} }],
      to.map(() => 1),
    );
    this.#tasks.push({ kind: "rows", width: this.widths[value], fused, places: [this.#places[value], ...to] });
  }

  #rowsTask(run: readonly { value: number; step: Step }[], width: number): Task {
    const inside = new Map(run.map(({ value }, i) => [value, i]));
    const outside = [...new Set(run.flatMap(({ step }) => step.operands).filter((operand) => !inside.has(operand)))];
    const number = (operand: number) => (inside.has(operand) ? outside.length + inside.get(operand)! : outside.indexOf(operand));
    const steps = run.map(({ step }) => ({ ...step, operands: step.operands.map(number) }));
    const kept = run.flatMap(({ value }) => {
      const places = this.#isNeeded(value, inside) ? [this.#places[value]] : [];
      return [...places, ...(this.#copies.get(value) ?? [])].map((place) => ({ value: number(value), place }));
    });
    const patterns = outside.map((operand) => Number(this.widths[operand] !== 1 || width === 1));
    const fused = rowsSettings(
      patterns,
      steps,
      kept.map(({ value }) => value),
    );
    return { kind: "rows", width, fused, places: [...outside.map((operand) => this.#places[operand]), ...kept.map(({ place }) => place)] };
  }

  #isNeeded(value: number, inside: ReadonlyMap<number, number>): boolean {
    const { body, next, stacks } = this.#s;
    if (next.includes(value) || stacks.includes(value)) return true;
    let at = this.#s.carries.length + this.#s.slices.length + this.#s.vectors.length;
    return body.some((op) => {
      const own = at;
      at += op.op === "split" ? op.sizes.length : 1;
      if (op.op === "product") return op.x === value;
      if (op.op === "split") return op.x === value;
      if (op.op === "concat") return op.parts.includes(value);
      return !inside.has(own) && op.step.operands.includes(value);
    });
  }

  /** rsi is the task. r15 is its scratch, the table of addresses at the end of it; r14 counts the steps. */
  emit(asm: Assembler): void {
    const { steps, carries, rows } = this.#s;
    const pool = new ConstantPool(asm);
    const end = asm.label();
    asm.mov(r15, at(rdi, (this.inputs + carries.length + this.#s.stacks.length) * 8));
    asm.multiply(rcx, rsi, this.scratchBytes);
    asm.addRegister(r15, rcx);
    this.#streams.forEach(({ tensor, width, fixed }, slot) => {
      const start = fixed || !this.#s.reverse ? 0 : (steps - 1) * rows * width * 4;
      asm.mov(rax, at(rdi, tensor * 8));
      asm.multiply(rcx, rsi, this.#rows * width * 4);
      asm.addRegister(rax, rcx);
      asm.add(rax, start);
      asm.store(this.#slot(slot), rax);
    });
    const edges = carries.map((width, i): [Place, number, number] => [this.#carryPlaces[i], width, i]);
    for (const [place, width, i] of edges) this.#carry(asm, pool, place, width, i, true);
    asm.loop(r14, steps, () => {
      for (const task of this.#tasks) this.#task(asm, pool, task);
      this.#advance(asm, pool);
    });
    for (const [place, width, i] of edges) this.#carry(asm, pool, place, width, this.inputs + i, false);
    asm.jump(end);
    pool.emit();
    asm.bind(end);
  }

  #slot(slot: number) {
    return at(r15, this.scratchBytes - (this.#streams.length - slot) * 8);
  }

  /** Between a carry's place and a tensor [B, width] outside of the loop. rsi is the task still. */
  #carry(asm: Assembler, pool: ConstantPool, place: Place, width: number, tensor: number, inwards: boolean): void {
    // The address goes through the place of rbx, which no loop over rows uses.
    asm.mov(rbx, at(rdi, tensor * 8));
    asm.multiply(rcx, rsi, this.#rows * width * 4);
    asm.addRegister(rbx, rcx);
    const outside = { stride: width * 4, column: 0, address: (to: Gpr) => asm.mov(to, rbx) };
    const inside = { ...place, address: (to: Gpr) => this.#base(asm, to, place) };
    const fused = rowsSettings([1], [{ op: "copy", operands: [0], attrs: {} }], [1]);
    this.#rowsLoop(asm, pool, width, fused, inwards ? [outside, inside] : [inside, outside]);
  }

  #base(asm: Assembler, to: Gpr, place: Place): void {
    if (place.kind === "scratch") asm.lea(to, at(r15, place.offset));
    else if (place.kind === "stream") asm.mov(to, this.#slot(place.slot));
    else asm.mov(to, at(rdi, place.input * 8));
  }

  #task(asm: Assembler, pool: ConstantPool, task: Task): void {
    if (task.kind === "rows") {
      const places = task.places.map((place) => ({ ...place, address: (to: Gpr) => this.#base(asm, to, place) }));
      this.#rowsLoop(asm, pool, task.width, task.fused, places);
      return;
    }
    const { x, matrix, bias } = task.op;
    const from = this.#places[x];
    const [depth, width] = this.#s.matrices[matrix];
    const firstMatrix = this.inputs - this.#s.matrices.length;
    asm.push(rsi);
    asm.push(r14);
    emitProduct(asm, {
      rows: this.#rows,
      depth,
      width,
      from: { stride: from.stride, load: (to) => this.#address(asm, to, from) },
      to: { stride: task.out.stride, load: (to) => this.#address(asm, to, task.out) },
      matrix: (to) => asm.mov(to, at(rdi, (firstMatrix + matrix) * 8)),
      bias: bias === undefined ? undefined : (to) => this.#base(asm, to, this.#places[bias]),
    });
    asm.pop(r14);
    asm.pop(rsi);
  }

  #address(asm: Assembler, to: Gpr, place: Place): void {
    this.#base(asm, to, place);
    asm.add(to, place.column);
  }

  /** One pass over rows and columns; see {@link Round}. */
  #rowsLoop(
    asm: Assembler,
    pool: ConstantPool,
    width: number,
    fused: FusedSettings,
    places: readonly { stride: number; column: number; address(to: Gpr): void }[],
  ): void {
    const strides = [...new Set(places.map(({ stride }) => stride))].filter((stride) => stride > 0);
    if (strides.length > rowRegisters.length) throw new NoRegister();
    for (const [i] of strides.entries()) asm.xor(rowRegisters[i]);
    const round = (mask: number) =>
      new Round(fused, asm, pool, {
        mask,
        free: 32,
        place: (index) => {
          const { stride, column, address } = places[index];
          address(rax);
          if (stride > 0) asm.addRegister(rax, rowRegisters[strides.indexOf(stride)]);
          const varies = index >= fused.inputs.length || fused.inputs[index] === 1;
          return { base: rax, index: varies ? rdx : undefined, disp: column };
        },
        varies: (pattern) => pattern === 1,
        full: 1,
        sum: () => 0,
      }).emit();
    const whole = Math.floor(width / lanes);
    if (width % lanes !== 0) asm.setMask(tailMask, (1 << (width % lanes)) - 1);
    asm.loop(rcx, this.#rows, () => {
      asm.xor(rdx);
      if (whole > 0) asm.loop(rdx, whole, () => round(0), vectorBytes);
      if (whole === 1) asm.add(rdx, vectorBytes);
      if (width % lanes !== 0) round(tailMask);
      for (const [i, stride] of strides.entries()) asm.add(rowRegisters[i], stride);
    });
  }

  /** To the next step: carries take their new values, pointers move on. */
  #advance(asm: Assembler, pool: ConstantPool): void {
    const { next, carries, rows, reverse } = this.#s;
    // A carry's new value may itself be an old carry: read all before writing any would be needed. Such loops are refused by the caller.
    next.forEach((value, i) => {
      const from = this.#places[value];
      const to = this.#carryPlaces[i];
      const fused = rowsSettings([1], [{ op: "copy", operands: [0], attrs: {} }], [1]);
      this.#rowsLoop(asm, pool, carries[i], fused, [
        { ...from, address: (reg) => this.#base(asm, reg, from) },
        { ...to, address: (reg) => this.#base(asm, reg, to) },
      ]);
    });
    this.#streams.forEach(({ width, fixed }, slot) => {
      if (fixed) return;
      asm.mov(rax, this.#slot(slot));
      asm.add(rax, (reverse ? -1 : 1) * rows * width * 4);
      asm.store(this.#slot(slot), rax);
    });
  }
}

/** A pass over rows as the fused kernels describe it: inputs that vary along the row or are one number, values that are kept. */
function rowsSettings(inputs: readonly number[], steps: readonly Step[], kept: readonly number[]): FusedSettings {
  return { axes: [1], inputs, steps, stores: kept.map((value) => ({ value, shape: [] })), sums: [], reduced: 0 };
}
