import { type KernelPlan, largestDivisor } from "./kernel.ts";
import { emitProduct } from "./product.ts";
import { copying, type Place, RecurrenceLayout, type RecurrenceSettings, type Task } from "./recurrence-layout.ts";
import { type FusedSettings, Round } from "./round.ts";
import { ConstantPool, vectorOps } from "./vector-ops.ts";
import {
  type Assembler,
  at,
  type Gpr,
  lanes,
  NoKernel,
  r8,
  r9,
  r10,
  r11,
  r12,
  r14,
  r15,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  vectorBytes,
} from "./x64.ts";

// A whole recurrence as one kernel. Rows of the batch do not meet, so each thread takes some of them through all steps on its own: its carries stay in its
// core's cache, and nobody waits for anybody.

const tailMask = 1;
/** Rows that a thread takes along; more would leave the cache. */
const mostRows = 32;
const rowRegisters: readonly Gpr[] = [r8, r9, r10, r11, r12];

/** Inputs carries, slices, vectors, matrices; outputs the last carries, then the stacks. @throws NoKernel where the loops cannot be built */
export function recurrencePlan(s: RecurrenceSettings, threads: number): KernelPlan | undefined {
  if (s.body.some((op) => op.op === "elementwise" && !Object.hasOwn(vectorOps, op.step.op))) return undefined;
  const rows = rowsOf(s.rows, threads);
  const layout = new RecurrenceLayout(s, rows);
  const tasks = s.rows / rows;
  return {
    inputs: layout.inputs,
    outputs: [
      ...s.carries.map((width) => [s.rows, width]),
      ...s.stacks.map((value) => [s.steps, s.rows, layout.widths[value]]),
      [(tasks * layout.scratchBytes) / 4],
    ],
    phases: [{ tasks, emit: (asm) => new Recurrence(asm, layout).emit() }],
  };
}

/** The largest divisor of the batch that gives every thread something. */
function rowsOf(batch: number, threads: number): number {
  return largestDivisor(batch, Math.min(mostRows, Math.ceil(batch / threads)));
}

/** A place that a loop over rows reads or writes; `address` puts the address of its first row into a register. */
interface Rows {
  readonly stride: number;
  readonly column: number;
  address(to: Gpr): void;
}

/** The code of a task: rsi is its number, r15 its scratch, r14 counts the steps. */
class Recurrence {
  readonly #asm: Assembler;
  readonly #layout: RecurrenceLayout;
  readonly #pool: ConstantPool;

  constructor(asm: Assembler, layout: RecurrenceLayout) {
    this.#asm = asm;
    this.#layout = layout;
    this.#pool = new ConstantPool(asm);
  }

  emit(): void {
    const asm = this.#asm;
    const { settings, inputs, scratchBytes, tasks, carryPlaces } = this.#layout;
    const { steps, carries, stacks } = settings;
    const end = asm.label();
    asm.mov(r15, at(rdi, (inputs + carries.length + stacks.length) * 8));
    asm.multiply(rcx, rsi, scratchBytes);
    asm.addRegister(r15, rcx);
    this.#startStreams();
    carries.forEach((width, i) => {
      this.#copy(width, this.#outside(i, width), this.#rows(carryPlaces[i]));
    });
    asm.loop(r14, steps, () => {
      for (const task of tasks) this.#task(task);
      this.#advance();
    });
    carries.forEach((width, i) => {
      this.#copy(width, this.#rows(carryPlaces[i]), this.#outside(inputs + i, width));
    });
    asm.jump(end);
    this.#pool.emit();
    asm.bind(end);
  }

  /** The table of addresses, each at this task's first row of the first step. */
  #startStreams(): void {
    const asm = this.#asm;
    const { settings, rows, streams } = this.#layout;
    streams.forEach(({ tensor, width, fixed }, slot) => {
      asm.mov(rax, at(rdi, tensor * 8));
      asm.multiply(rcx, rsi, rows * width * 4);
      asm.addRegister(rax, rcx);
      if (settings.reverse && !fixed) asm.add(rax, (settings.steps - 1) * settings.rows * width * 4);
      asm.store(this.#slot(slot), rax);
    });
  }

  #slot(slot: number) {
    const { scratchBytes, streams } = this.#layout;
    return at(r15, scratchBytes - (streams.length - slot) * 8);
  }

  /** This task's rows of a tensor [B, width] outside of the loop. The address is kept in rbx, which no loop over rows uses. */
  #outside(tensor: number, width: number): Rows {
    const asm = this.#asm;
    asm.mov(rbx, at(rdi, tensor * 8));
    asm.multiply(rcx, rsi, this.#layout.rows * width * 4);
    asm.addRegister(rbx, rcx);
    return { stride: width * 4, column: 0, address: (to) => asm.mov(to, rbx) };
  }

  #rows(place: Place): Rows {
    return { ...place, address: (to) => this.#base(to, place) };
  }

  #copy(width: number, from: Rows, to: Rows): void {
    this.#rowsLoop(width, copying(1), [from, to]);
  }

  #base(to: Gpr, place: Place): void {
    if (place.kind === "scratch") this.#asm.lea(to, at(r15, place.offset));
    else if (place.kind === "stream") this.#asm.mov(to, this.#slot(place.slot));
    else this.#asm.mov(to, at(rdi, place.input * 8));
  }

  #task(task: Task): void {
    if (task.kind === "rows") {
      this.#rowsLoop(
        task.width,
        task.fused,
        task.places.map((place) => this.#rows(place)),
      );
      return;
    }
    const asm = this.#asm;
    const { settings, inputs, places, rows } = this.#layout;
    const { x, matrix, bias } = task.op;
    const [depth, width] = settings.matrices[matrix];
    const firstMatrix = inputs - settings.matrices.length;
    asm.push(rsi);
    asm.push(r14);
    emitProduct(asm, {
      rows,
      depth,
      width,
      from: { stride: places[x].stride, load: (to) => this.#address(to, places[x]) },
      to: { stride: task.out.stride, load: (to) => this.#address(to, task.out) },
      matrix: (to) => asm.mov(to, at(rdi, (firstMatrix + matrix) * 8)),
      bias: bias === undefined ? undefined : (to) => this.#address(to, places[bias]),
    });
    asm.pop(r14);
    asm.pop(rsi);
  }

  #address(to: Gpr, place: Place): void {
    this.#base(to, place);
    this.#asm.add(to, place.column);
  }

  /** One pass over rows and columns; see {@link Round}. */
  #rowsLoop(width: number, fused: FusedSettings, places: readonly Rows[]): void {
    const asm = this.#asm;
    const strides = [...new Set(places.map(({ stride }) => stride))].filter((stride) => stride > 0);
    if (strides.length > rowRegisters.length) throw new NoKernel("rows of too many widths at once");
    for (const [i] of strides.entries()) asm.xor(rowRegisters[i]);
    const round = (mask: number) =>
      new Round(fused, asm, this.#pool, {
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
    asm.loop(rcx, this.#layout.rows, () => {
      asm.xor(rdx);
      if (whole > 0) asm.loop(rdx, whole, () => round(0), vectorBytes);
      if (whole === 1) asm.add(rdx, vectorBytes);
      if (width % lanes !== 0) round(tailMask);
      for (const [i, stride] of strides.entries()) asm.add(rowRegisters[i], stride);
    });
  }

  /** To the next step: carries take their new values, pointers move on. */
  #advance(): void {
    const asm = this.#asm;
    const { settings, places, carryPlaces, streams } = this.#layout;
    settings.next.forEach((value, i) => {
      this.#copy(settings.carries[i], this.#rows(places[value]), this.#rows(carryPlaces[i]));
    });
    streams.forEach(({ width, fixed }, slot) => {
      if (fixed) return;
      asm.mov(rax, this.#slot(slot));
      asm.add(rax, (settings.reverse ? -1 : 1) * settings.rows * width * 4);
      asm.store(this.#slot(slot), rax);
    });
  }
}
