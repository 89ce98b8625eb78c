import type { FusedSettings, Step } from "./round.ts";
import { lanes, NoKernel, vectorBytes } from "./x64.ts";

// What a recurrence's step does in which order, and where each of its values lives.

/** One op of a step. Values are numbered: carries, slices, vectors, then what the ops make, in order. */
export type BodyOp =
  /** x [B, K] times matrix [K, N], plus a vector. */
  | { readonly op: "product"; readonly x: number; readonly matrix: number; readonly bias: number | undefined }
  /** Columns apart; makes one value for each size. */
  | { readonly op: "split"; readonly x: number; readonly sizes: readonly number[] }
  | { readonly op: "concat"; readonly parts: readonly number[] }
  | { readonly op: "elementwise"; readonly step: Step; readonly width: number };

/** Everything the code of a recurrence depends on. */
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

/** Where a value is: `column` bytes into rows of `stride` bytes, which begin at an address in the table, or in the scratch, or are all the same vector. */
export type Place =
  | { readonly kind: "stream"; readonly slot: number; readonly stride: number; readonly column: number }
  | { readonly kind: "scratch"; readonly offset: number; readonly stride: number; readonly column: number }
  | { readonly kind: "vector"; readonly input: number; readonly stride: 0; readonly column: 0 };

/** A pointer that moves from step to step. */
export interface Stream {
  /** Which of the kernel's tensors. */
  readonly tensor: number;
  readonly width: number;
  readonly fixed: boolean;
}

/** A piece of a step: a matrix product, or a loop over rows and columns. */
export type Task =
  | { readonly kind: "product"; readonly op: Extract<BodyOp, { op: "product" }>; readonly out: Place }
  | { readonly kind: "rows"; readonly width: number; readonly fused: FusedSettings; readonly places: readonly Place[] };

/** How many values an op makes. */
const makes = (op: BodyOp): number => (op.op === "split" ? op.sizes.length : 1);

/** Places and tasks of a recurrence whose threads take `rows` rows each. @throws NoKernel when a carry would be overwritten before it is read */
export class RecurrenceLayout {
  readonly settings: RecurrenceSettings;
  readonly rows: number;
  /** How many of the kernel's tensors are inputs. */
  readonly inputs: number;
  /** Of every value. */
  readonly widths: number[] = [];
  readonly places: Place[] = [];
  readonly carryPlaces: readonly Place[];
  readonly streams: Stream[] = [];
  readonly tasks: Task[] = [];
  /** Room for one thread's values, with the table of its streams' addresses at the end. */
  scratchBytes = 0;
  /** How many values there are before the first op. */
  readonly #given: number;
  /** Further places that a value is written to when it is made. */
  readonly #copies = new Map<number, Place[]>();

  constructor(s: RecurrenceSettings, rows: number) {
    this.settings = s;
    this.rows = rows;
    this.#given = s.carries.length + s.slices.length + s.vectors.length;
    this.inputs = this.#given + s.matrices.length;
    for (const width of s.carries) this.#define(width, this.#scratch(width));
    this.carryPlaces = [...this.places];
    for (const [i, { width, fixed }] of s.slices.entries()) this.#define(width, this.#stream(s.carries.length + i, width, fixed));
    for (const [i, width] of s.vectors.entries()) {
      this.#define(width, { kind: "vector", input: s.carries.length + s.slices.length + i, stride: 0, column: 0 });
    }
    this.#assign();
    this.#refuseOldCarries();
    this.#schedule();
    this.scratchBytes = Math.ceil((this.scratchBytes + this.streams.length * 8) / vectorBytes) * vectorBytes;
  }

  #define(width: number, place: Place): void {
    this.widths.push(width);
    this.places.push(place);
  }

  #scratch(width: number): Place {
    const stride = Math.ceil(width / lanes) * vectorBytes;
    const offset = this.scratchBytes;
    this.scratchBytes += stride * this.rows;
    return { kind: "scratch", offset, stride, column: 0 };
  }

  #stream(tensor: number, width: number, fixed: boolean): Place {
    this.streams.push({ tensor, width, fixed });
    return { kind: "stream", slot: this.streams.length - 1, stride: width * 4, column: 0 };
  }

  #copyTo(value: number, place: Place): void {
    this.#copies.set(value, [...(this.#copies.get(value) ?? []), place]);
  }

  /** Widths and places of everything that a step makes. */
  #assign(): void {
    const { body, stacks, carries, matrices } = this.settings;
    for (const op of body) {
      if (op.op === "product") this.widths.push(matrices[op.matrix][1]);
      else if (op.op === "split") this.widths.push(...op.sizes);
      else if (op.op === "concat") this.widths.push(op.parts.reduce((total, part) => total + this.widths[part], 0));
      else this.widths.push(op.width);
    }
    // Stacks first: a value that is stacked is made in its place there.
    const assigned = new Map<number, Place>();
    stacks.forEach((value, i) => {
      const place = this.#stream(this.inputs + carries.length + i, this.widths[value], false);
      if (value >= this.#given && !assigned.has(value)) assigned.set(value, place);
      else this.#copyTo(value, place);
    });
    this.#assignParts(assigned);
    let value = this.#given;
    for (const op of body) {
      let column = 0;
      for (let i = 0; i < makes(op); i++, value++) {
        const wanted = assigned.get(value);
        if (op.op === "split") {
          const whole = this.places[op.x];
          if (wanted !== undefined) this.#copyTo(value, wanted);
          this.places.push({ ...whole, column: whole.column + column } as Place);
          column += this.widths[value] * 4;
        } else this.places.push(wanted ?? this.#scratch(this.widths[value]));
      }
    }
  }

  /** What is joined is made in its place in the whole, where it has no other. */
  #assignParts(assigned: Map<number, Place>): void {
    const made = new Set<number>();
    let value = this.#given;
    const wholes: [number, readonly number[]][] = [];
    for (const op of this.settings.body) {
      if (op.op !== "split") made.add(value);
      if (op.op === "concat") wholes.push([value, op.parts]);
      value += makes(op);
    }
    for (const [whole, parts] of wholes.reverse()) {
      const place = assigned.get(whole) ?? this.#scratch(this.widths[whole]);
      assigned.set(whole, place);
      let column = place.column;
      for (const part of parts) {
        const own = { ...place, column } as Place;
        if (made.has(part) && !assigned.has(part)) assigned.set(part, own);
        else this.#copyTo(part, own);
        column += this.widths[part] * 4;
      }
    }
  }

  /** Carries take their new values one after another: one that is another's old value, or columns of it, would be lost. */
  #refuseOldCarries(): void {
    const lives = (place: Place) =>
      this.carryPlaces.some((own) => own.kind === "scratch" && place.kind === "scratch" && own.offset === place.offset);
    if (this.settings.next.some((value) => lives(this.places[value]))) throw new NoKernel("a carry that becomes a carry");
  }

  /** Runs of elementwise ops of one width become one loop each. */
  #schedule(): void {
    let value = this.#given;
    for (let given = 0; given < value; given++) this.#copyAlong(given);
    let run: { value: number; step: Step }[] = [];
    let width = 0;
    const flush = () => {
      if (run.length > 0) this.tasks.push(this.#rowsTask(run, width));
      run = [];
    };
    for (const op of this.settings.body) {
      if (op.op === "elementwise") {
        if (op.width !== width) flush();
        width = op.width;
        run.push({ value: value++, step: op.step });
        continue;
      }
      flush();
      if (op.op === "product") this.tasks.push({ kind: "product", op, out: this.places[value] });
      // A loop over rows writes all the places of its values itself; the others are copied there.
      for (let i = 0; i < makes(op); i++) this.#copyAlong(value++);
    }
    flush();
  }

  #copyAlong(value: number): void {
    const to = this.#copies.get(value);
    if (to !== undefined) {
      this.tasks.push({ kind: "rows", width: this.widths[value], fused: copying(to.length), places: [this.places[value], ...to] });
    }
  }

  #rowsTask(run: readonly { value: number; step: Step }[], width: number): Task {
    const inside = new Map(run.map(({ value }, i) => [value, i]));
    const outside = [...new Set(run.flatMap(({ step }) => step.operands).filter((operand) => !inside.has(operand)))];
    const number = (operand: number) => (inside.has(operand) ? outside.length + inside.get(operand)! : outside.indexOf(operand));
    const steps = run.map(({ step }) => ({ ...step, operands: step.operands.map(number) }));
    const kept = run.flatMap(({ value }) => {
      const places = this.#isNeeded(value, inside) ? [this.places[value]] : [];
      return [...places, ...(this.#copies.get(value) ?? [])].map((place) => ({ value: number(value), place }));
    });
    const patterns = outside.map((operand) => Number(this.widths[operand] !== 1 || width === 1));
    const fused = rowsSettings(
      patterns,
      steps,
      kept.map(({ value }) => value),
    );
    return { kind: "rows", width, fused, places: [...outside.map((operand) => this.places[operand]), ...kept.map(({ place }) => place)] };
  }

  #isNeeded(value: number, inside: ReadonlyMap<number, number>): boolean {
    const { body, next, stacks } = this.settings;
    if (next.includes(value) || stacks.includes(value)) return true;
    let at = this.#given;
    return body.some((op) => {
      const own = at;
      at += makes(op);
      if (op.op === "product") return op.x === value || op.bias === value;
      if (op.op === "split") return op.x === value;
      if (op.op === "concat") return op.parts.includes(value);
      return !inside.has(own) && op.step.operands.includes(value);
    });
  }
}

/** A pass over rows as the fused kernels describe it: inputs that vary along the row or are one number, values that are kept. */
function rowsSettings(inputs: readonly number[], steps: readonly Step[], kept: readonly number[]): FusedSettings {
  return { axes: [1], inputs, steps, stores: kept.map((value) => ({ value, shape: [] })), sums: [], reduced: 0 };
}

/** A pass over rows that copies one value to `places` places. */
export function copying(places: number): FusedSettings {
  return rowsSettings([1], [{ op: "copy", operands: [0], attrs: {} }], new Array<number>(places).fill(1));
}
