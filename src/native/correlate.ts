import { bytesOf, type KernelPlan, largestDivisor } from "./kernel.ts";
import {
  clearScratch,
  evenLanes,
  fillScratch,
  highPairs,
  indexPair,
  type LineForm,
  lineForm,
  loadSlots,
  lowPairs,
  Masks,
  oddLanes,
  type Piece,
  pieces,
  planeBytes,
  rowBytes,
  type Scratch,
  scratchBytes,
  scratchMasks,
  storePieces,
} from "./planes.ts";
import { type Assembler, at, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, vectorBytes } from "./x64.ts";

// Sums of shifted, weighted planes: the code behind convolution and its input gradient. For every picture: copy its planes into a scratch with a border of
// zeros that stays in the core's own cache, then for blocks of output channels and lines, keep the sums in registers while the input channels pass by.

/** One weight: where its plane window begins in the scratch, and where the weight is. Bytes. */
export interface Tap {
  readonly offset: number;
  readonly weight: number;
}

/** One set of output rows. With two sets of taps, their sums take turns along the row (the columns of a stride of 2). */
export interface Pass {
  readonly taps: readonly (readonly Tap[])[];
  /** Rows of output. */
  readonly rows: number;
  /** Bytes from the output plane's start to the first of them, and from each to the next. */
  readonly start: number;
  readonly pitch: number;
}

/** Everything the code depends on; see conv.ts for what a convolution and its input gradient make of it. */
export interface Correlation {
  readonly pictures: number;
  readonly threads: number;
  readonly scratch: Scratch;
  /** Bytes of one picture of the source. */
  readonly sourceBytes: number;
  /** Channels, height and width of the result. */
  readonly out: readonly [number, number, number];
  /** Columns that one set of taps makes. */
  readonly columns: number;
  /** Rows of scratch from one output row to the next. */
  readonly rowStep: number;
  readonly passes: readonly Pass[];
  /** Bytes between the weights of neighbouring output channels, and of neighbouring input channels. */
  readonly weightOut: number;
  readonly weightIn: number;
  /** Pictures take turns with so many sets of weights (the groups of a convolution, each seen as a picture). */
  readonly groups: number;
  /** Bytes of one set of weights. */
  readonly weightGroup: number;
  readonly bias: boolean;
}

/** Output channels by lines that one round of the inner loop keeps in registers. */
export interface Tile {
  readonly channels: number;
  readonly lines: number;
}

const spare = 2; // registers for broadcast weights

/** Bytes of scratch that pictures share so that small ones fill the registers together. */
const groupBytes = 512 << 10;

const linesOf = (c: Correlation, form: LineForm): number => Math.max(...c.passes.map((pass) => Math.ceil(pass.rows / form.rows)));

/** Pictures that are worked on together: more than one where a whole picture is fewer vectors than the registers hold. */
function groupOf(c: Correlation): number {
  if (c.groups > 1) return 1; // neighbours have other weights
  const form = lineForm(c.columns);
  const sets = c.passes[0].taps.length;
  const wanted = Math.floor((sets === 1 ? 4 : 2) / (linesOf(c, form) * form.vectors));
  return largestDivisor(c.pictures, Math.min(wanted, groupBytes / scratchBytes(c.scratch), c.pictures / (2 * c.threads)));
}

/**
 * The tile with the least work by a model of the core: two products, two loads a cycle, four cycles until a product can be added to.
 * @param lines lines that there are; with `together` all of them are in one tile
 */
export function chooseTile(channels: number, lines: number, form: LineForm, sets: number, together = false): Tile {
  let best: Tile = { channels: 1, lines: together ? lines : 1 };
  let least = Number.POSITIVE_INFINITY;
  const cost = (k: number, l: number) => {
    const vectors = l * form.vectors;
    return sets * Math.max((k * vectors) / 2, (1.7 * vectors * form.rows + k) / 2, 4 / sets) + 0.5;
  };
  const spread = (total: number, size: number, f: (part: number) => number) =>
    Math.floor(total / size) * f(size) + (total % size === 0 ? 0 : f(total % size));
  for (let k = 1; k <= Math.min(channels, 14); k++) {
    for (let l = together ? lines : 1; l <= lines; l++) {
      const vectors = l * form.vectors;
      if (k * vectors * sets + vectors + spare + (sets === 2 ? 2 : 0) > 32) break;
      const total = spread(channels, k, (part) => spread(lines, l, (piece) => cost(part, piece)));
      if (total < least - 1e-9) {
        least = total;
        best = { channels: k, lines: l };
      }
    }
  }
  return best;
}

/** Whether a line fits into the registers at all. */
export const fits = (form: LineForm, sets: number): boolean => form.vectors * (sets + 1) + spare + 2 <= 32;

/** A kernel of inputs source, weights and bias if there is one. */
export function correlationPlan(c: Correlation): KernelPlan {
  const inputs = c.bias ? 3 : 2;
  const tasks = Math.min(c.pictures, c.threads === 1 ? 1 : 2 * c.threads);
  const group = groupOf(c);
  const each = Math.ceil(c.pictures / tasks / group) * group;
  const used = Math.ceil(c.pictures / each);
  return {
    inputs,
    outputs: [[c.pictures / c.groups, c.out[0] * c.groups, c.out[1], c.out[2]], [(used * group * scratchBytes(c.scratch)) / 4]],
    phases: [{ tasks: used, emit: (asm) => emitTask(asm, c, inputs, each) }],
  };
}

function emitTask(asm: Assembler, c: Correlation, inputs: number, each: number): void {
  const form = lineForm(c.columns);
  const masks = new Masks(asm);
  const sets = c.passes[0].taps.length;
  asm.mov(r12, at(rdi, (inputs + 1) * 8));
  const group = groupOf(c);
  asm.multiply(rcx, rsi, group * scratchBytes(c.scratch));
  asm.addRegister(r12, rcx);
  asm.multiply(rbx, rsi, each);
  asm.lea(r15, at(rbx, each));
  asm.atMost(r15, c.pictures);
  masks.prepare([
    ...scratchMasks(c.scratch),
    ...c.passes.flatMap((pass) =>
      outputPieces(c, form, pass)
        .flat(3)
        .map((piece) => piece.lanes),
    ),
  ]);
  asm.mov(rbp, r12);
  asm.loop(r10, group, () => {
    clearScratch(asm, rbp, c.scratch);
    asm.add(rbp, scratchBytes(c.scratch));
  });
  const top = asm.label();
  const end = asm.label();
  asm.bind(top);
  asm.compareRegister(rbx, r15);
  asm.jumpIf("notLess", end);
  asm.multiply(rsi, rbx, c.sourceBytes);
  asm.mov(rcx, at(rdi, 0));
  asm.addRegister(rsi, rcx);
  if (c.scratch.stride === 2) indexPair(asm, evenLanes, oddLanes);
  asm.mov(rbp, r12);
  asm.loop(r10, group, () => {
    fillScratch(asm, masks, rsi, rbp, c.scratch);
    asm.add(rsi, c.sourceBytes);
    asm.add(rbp, scratchBytes(c.scratch));
  });
  if (sets === 2) indexPair(asm, lowPairs, highPairs);
  asm.multiply(r13, rbx, bytesOf(c.out));
  asm.mov(rcx, at(rdi, inputs * 8));
  asm.addRegister(r13, rcx);
  for (const pass of c.passes) emitPass(asm, masks, c, form, pass);
  asm.add(rbx, group);
  asm.jump(top);
  asm.bind(end);
}

/** r14 and r10 to the weights and biases of the group that picture rbx is. Changes rax, rcx, rdx. */
function toOwnWeights(asm: Assembler, c: Correlation): void {
  asm.mov(rax, rbx);
  asm.movImmediate(rcx, c.groups);
  asm.divide(rcx);
  asm.multiply(rax, rdx, c.weightGroup);
  asm.addRegister(r14, rax);
  if (!c.bias) return;
  asm.multiply(rax, rdx, c.out[0] * 4);
  asm.addRegister(r10, rax);
}

/** All output channels of one pass, in blocks. */
function emitPass(asm: Assembler, masks: Masks, c: Correlation, form: LineForm, pass: Pass): void {
  const group = groupOf(c);
  const tile = chooseTile(c.out[0], group * Math.ceil(pass.rows / form.rows), form, pass.taps.length, group > 1);
  const plane = c.out[1] * c.out[2] * 4;
  const blocks = Math.floor(c.out[0] / tile.channels);
  const rest = c.out[0] % tile.channels;
  asm.mov(r14, at(rdi, 8));
  if (c.bias) asm.mov(r10, at(rdi, 16));
  if (c.groups > 1) toOwnWeights(asm, c);
  asm.lea(rsi, at(r13, pass.start));
  const block = (channels: number) => {
    emitBlock(asm, masks, c, form, pass, { ...tile, channels });
    asm.add(r14, channels * c.weightOut);
    if (c.bias) asm.add(r10, channels * 4);
    asm.add(rsi, channels * plane);
  };
  asm.loop(rbp, blocks, () => block(tile.channels));
  if (rest > 0) block(rest);
}

/** A line of a tile: how many rows it has, and bytes to where it begins in the scratch and in the output. */
interface Line {
  readonly rows: number;
  readonly from: number;
  readonly to: number;
}

/** All rows of a block of output channels, in tiles of lines; several small pictures are one tile. */
function emitBlock(asm: Assembler, masks: Masks, c: Correlation, form: LineForm, pass: Pass, tile: Tile): void {
  const step = c.rowStep * rowBytes(c.scratch);
  const line = (i: number, rows: number = form.rows): Line => ({ rows, from: i * form.rows * step, to: i * form.rows * pass.pitch });
  const whole = Math.floor(pass.rows / form.rows);
  const last = pass.rows % form.rows;
  asm.mov(r8, r12);
  asm.mov(r9, rsi);
  const group = groupOf(c);
  if (group > 1) {
    const picture = [...Array.from({ length: whole }, (_, i) => line(i)), ...(last > 0 ? [line(whole, last)] : [])];
    const all = Array.from({ length: group }, (_, g) =>
      picture.map(({ rows, from, to }) => ({ rows, from: from + g * scratchBytes(c.scratch), to: to + g * bytesOf(c.out) })),
    );
    emitTile(asm, masks, c, form, pass, tile.channels, all.flat());
    return;
  }
  const tiles = Math.floor(whole / tile.lines);
  const rest = whole % tile.lines;
  if (tiles > 0) {
    asm.loop(r11, tiles, () => {
      emitTile(
        asm,
        masks,
        c,
        form,
        pass,
        tile.channels,
        Array.from({ length: tile.lines }, (_, i) => line(i)),
      );
      asm.add(r8, tile.lines * form.rows * step);
      asm.add(r9, tile.lines * form.rows * pass.pitch);
    });
  }
  const remaining = [...Array.from({ length: rest }, (_, i) => line(i)), ...(last > 0 ? [line(rest, last)] : [])];
  if (remaining.length > 0) emitTile(asm, masks, c, form, pass, tile.channels, remaining);
}

/** What a tile's code needs to know: its lines, and which register holds which sum. */
interface TileCode {
  readonly asm: Assembler;
  readonly masks: Masks;
  readonly c: Correlation;
  readonly form: LineForm;
  readonly pass: Pass;
  readonly channels: number;
  readonly lines: readonly Line[];
  readonly vectors: number;
  /** The highest register that is free for sums; with two sets of taps the two above hold indices. */
  readonly highest: number;
  sum(channel: number, vector: number, set: number): number;
}

/** One tile from zero, or from the bias, to memory. r8 is the scratch, r9 the output, r14 the weights, r10 the bias. */
function emitTile(
  asm: Assembler,
  masks: Masks,
  c: Correlation,
  form: LineForm,
  pass: Pass,
  channels: number,
  lines: readonly Line[],
): void {
  const sets = pass.taps.length;
  const vectors = lines.length * form.vectors;
  const highest = sets === 2 ? 29 : 31;
  const sum = (k: number, v: number, set: number) => highest - ((k * vectors + v) * sets + set);
  for (let k = 0; k < channels; k++) {
    for (let v = 0; v < vectors; v++) {
      for (let set = 0; set < sets; set++) {
        if (c.bias) asm.broadcast(sum(k, v, set), at(r10, k * 4));
        else asm.zeroVector(sum(k, v, set));
      }
    }
  }
  const tile = { asm, masks, c, form, pass, channels, lines, vectors, highest, sum };
  addProducts(tile);
  storeTile(tile);
}

/** The inner loop: every input channel's windows times the weights. Changes rax, rcx, rdx. */
function addProducts({ asm, c, form, pass, channels, lines, vectors, highest, sum }: TileCode): void {
  asm.mov(rdx, r8);
  asm.mov(rax, r14);
  const free = highest + 1 - channels * vectors * pass.taps.length - vectors;
  const step = c.rowStep * rowBytes(c.scratch);
  asm.loop(rcx, c.scratch.channels, () => {
    pass.taps.forEach((taps, set) => {
      for (const tap of taps) {
        for (let v = 0; v < vectors; v++) {
          const { from } = lines[Math.floor(v / form.vectors)];
          loadSlots(asm, v, rdx, tap.offset + from + (v % form.vectors) * vectorBytes, form.slot, step);
        }
        for (let k = 0; k < channels; k++) {
          const weight = vectors + (k % Math.min(free, 4));
          asm.broadcast(weight, at(rax, tap.weight + k * c.weightOut));
          for (let v = 0; v < vectors; v++) asm.fma(sum(k, v, set), v, weight);
        }
      }
    });
    asm.add(rdx, planeBytes(c.scratch));
    asm.add(rax, c.weightIn);
  });
}

/** The sums to the output; two sets of taps take turns along the row. */
function storeTile({ asm, masks, c, form, pass, channels, lines, sum }: TileCode): void {
  const plane = c.out[1] * c.out[2] * 4;
  const places = outputPieces(c, form, pass);
  lines.forEach(({ rows, to }, line) => {
    for (let v = 0; v < form.vectors; v++) {
      for (let k = 0; k < channels; k++) {
        const index = line * form.vectors + v;
        const offset = k * plane + to;
        const of = places[rows - 1][v];
        if (pass.taps.length === 1) {
          storePieces(asm, masks, sum(k, index, 0), r9, offset, of[0]);
          continue;
        }
        asm.moveVector(0, sum(k, index, 0));
        asm.permute2(0, 30, sum(k, index, 1));
        storePieces(asm, masks, 0, r9, offset, of[0]);
        if (of[1].length === 0) continue;
        asm.permute2(sum(k, index, 0), 31, sum(k, index, 1));
        storePieces(asm, masks, sum(k, index, 0), r9, offset, of[1]);
      }
    }
  });
}

/** For a line with 1, 2 ... rows: for each vector, where its lanes go; two sets of taps fill two vectors of the output. */
function outputPieces(c: Correlation, form: LineForm, pass: Pass): Piece[][][][] {
  const width = c.out[2];
  return Array.from({ length: form.rows }, (_, i) => {
    const rows = i + 1;
    return Array.from({ length: form.vectors }, (_, v) => {
      if (pass.taps.length === 1) return [pieces({ width, slot: form.slot }, v, rows, pass.pitch)];
      if (form.slot === 16) return [0, 1].map((half) => pieces({ width, slot: 16 }, 2 * v + half, 1, pass.pitch));
      if (form.slot === 8)
        return [0, 1].map((row) => (row < rows ? shift(pieces({ width, slot: 16 }, 0, 1, pass.pitch), row * pass.pitch) : []));
      return [0, 2].map((row) =>
        row < rows ? shift(pieces({ width, slot: 8 }, 0, Math.min(2, rows - row), pass.pitch), row * pass.pitch) : [],
      );
    });
  });
}

const shift = (list: readonly Piece[], by: number): Piece[] => list.map((piece) => ({ ...piece, offset: piece.offset + by }));
