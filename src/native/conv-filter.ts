import { type KernelPlan, largestDivisor } from "./kernel.ts";
import {
  clearScratch,
  evenLanes,
  fillScratch,
  indexPair,
  type LineForm,
  lineForm,
  loadPieces,
  loadSlots,
  Masks,
  oddLanes,
  pieces,
  planeBytes,
  rowBytes,
  type Scratch,
  scratchBytes,
  scratchMasks,
} from "./planes.ts";
import { type Assembler, at, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp, vectorBytes } from "./x64.ts";

// The filter gradient: for each pair of an output channel and a tap, the products of two planes added up. Sums stay in registers while a picture's planes pass
// by, and in memory as whole vectors from picture to picture; their lanes are added at the very end.

/** Everything the code depends on. */
export interface FilterGradient {
  readonly pictures: number;
  readonly threads: number;
  readonly scratch: Scratch;
  /** Bytes of one picture of the input, of one group where there are several. */
  readonly sourceBytes: number;
  /** Groups of channels that do not see each other; the scratch is for one. */
  readonly groups: number;
  /** Channels, height and width of the output's gradient. */
  readonly out: readonly [number, number, number];
  readonly rowStep: number;
  /** Where each tap's window begins in a plane of the scratch, in bytes. */
  readonly taps: readonly number[];
  /** Shape of the result. */
  readonly shape: readonly number[];
}

/** Bytes of pictures that pass by together, so that small ones do not pay for fetching and storing the sums each time. */
const groupBytes = 384 << 10;

/** Pictures that pass by together: a divisor of the batch. */
function groupOf({ pictures, scratch }: FilterGradient): number {
  return largestDivisor(pictures, Math.min(8, groupBytes / scratchBytes(scratch)));
}

/** Output channels and taps whose sums are in registers together. */
interface Block {
  readonly channels: number;
  readonly taps: number;
}

/** As few loads per product as the registers allow. */
function chooseBlock(channels: number, taps: number): Block {
  let best: Block = { channels: 1, taps: 1 };
  let least = Number.POSITIVE_INFINITY;
  for (let k = 1; k <= Math.min(8, channels); k++) {
    for (let t = 1; t <= taps && k * t + k + 2 <= 30; t++) {
      const cost = (part: number) => Math.max((k * part) / 2, (k + 1.7 * part) / 2, 4) + 0.5;
      const all = Math.floor(taps / t) * cost(t) + (taps % t === 0 ? 0 : cost(taps % t));
      const total = all * Math.ceil(channels / k);
      if (total < least - 1e-9) {
        least = total;
        best = { channels: k, taps: t };
      }
    }
  }
  return best;
}

/** Output channels of a group. */
const channelsOf = (f: FilterGradient): number => f.out[0] / f.groups;

/** A kernel of inputs x and dy, whose first output is dw. Threads share the output channels, or the groups. */
export function filterGradientPlan(f: FilterGradient): KernelPlan {
  const block = chooseBlock(channelsOf(f), f.taps.length);
  const shares = f.groups > 1 ? f.groups : Math.ceil(f.out[0] / block.channels);
  const each = Math.ceil(shares / Math.min(shares, f.threads));
  const tasks = Math.ceil(shares / each);
  return {
    inputs: 2,
    outputs: [
      f.shape,
      [(tasks * groupOf(f) * scratchBytes(f.scratch)) / 4],
      [(f.out[0] * f.scratch.channels * f.taps.length * vectorBytes) / 4],
    ],
    phases: [{ tasks, emit: (asm) => emitTask(asm, f, block, each) }],
  };
}

function emitTask(asm: Assembler, f: FilterGradient, block: Block, each: number): void {
  const form = lineForm(f.out[2]);
  const masks = new Masks(asm);
  const perChannel = f.scratch.channels * f.taps.length * vectorBytes;
  asm.mov(r12, at(rdi, 3 * 8));
  const group = groupOf(f);
  asm.multiply(rcx, rsi, group * scratchBytes(f.scratch));
  asm.addRegister(r12, rcx);
  masks.prepare([
    1,
    ...scratchMasks(f.scratch),
    ...linePieces(form, f)
      .flat(2)
      .map((piece) => piece.lanes),
  ]);
  for (let g = 0; g < group; g++) {
    asm.lea(rbp, at(r12, g * scratchBytes(f.scratch)));
    clearScratch(asm, rbp, f.scratch);
  }
  const sums = () => emitShare(asm, masks, f, form, block, perChannel);
  if (f.groups > 1) {
    eachGroup(asm, f, each, sums);
    return;
  }
  // r14, r15: the first of this task's output channels and the one after the last. The stack's top is the group.
  asm.multiply(r14, rsi, each * block.channels);
  asm.lea(r15, at(r14, each * block.channels));
  asm.atMost(r15, f.out[0]);
  asm.xor(rcx);
  asm.push(rcx);
  sums();
  asm.pop(rcx);
}

/** The task's groups, one after the other: the stack's top counts them, below it is where they end. */
function eachGroup(asm: Assembler, f: FilterGradient, each: number, body: () => void): void {
  const top = asm.label();
  const end = asm.label();
  asm.multiply(rax, rsi, each);
  asm.lea(rcx, at(rax, each));
  asm.atMost(rcx, f.groups);
  asm.push(rcx);
  asm.push(rax);
  asm.bind(top);
  asm.mov(rax, at(rsp));
  asm.mov(rcx, at(rsp, 8));
  asm.compareRegister(rax, rcx);
  asm.jumpIf("notLess", end);
  asm.multiply(r14, rax, channelsOf(f));
  asm.lea(r15, at(r14, channelsOf(f)));
  body();
  asm.mov(rax, at(rsp));
  asm.add(rax, 1);
  asm.store(at(rsp), rax);
  asm.jump(top);
  asm.bind(end);
  asm.lea(rsp, at(rsp, 16));
}

/** The sums of output channels r14 to r15 over all pictures, to the result. */
function emitShare(asm: Assembler, masks: Masks, f: FilterGradient, form: LineForm, block: Block, perChannel: number): void {
  const group = groupOf(f);
  clearSums(asm, perChannel);
  if (f.scratch.stride === 2) indexPair(asm, evenLanes, oddLanes);
  const round = () => {
    asm.multiply(rsi, rbx, f.groups * f.sourceBytes);
    asm.mov(rcx, at(rsp));
    asm.multiply(rcx, rcx, f.sourceBytes);
    asm.addRegister(rsi, rcx);
    asm.mov(rcx, at(rdi, 0));
    asm.addRegister(rsi, rcx);
    asm.mov(rbp, r12);
    asm.loop(r10, group, () => {
      fillScratch(asm, masks, rsi, rbp, f.scratch);
      asm.add(rsi, f.groups * f.sourceBytes);
      asm.add(rbp, scratchBytes(f.scratch));
    });
    emitPictures(asm, masks, f, form, block, perChannel);
  };
  asm.loop(rbx, f.pictures / group, round, group);
  addLanes(asm, masks, perChannel, f.scratch.channels * f.taps.length);
}

/** rsi = the sums of channel r14. Changes rcx. */
function sumsOf(asm: Assembler, perChannel: number): void {
  asm.multiply(rsi, r14, perChannel);
  asm.mov(rcx, at(rdi, 4 * 8));
  asm.addRegister(rsi, rcx);
}

function clearSums(asm: Assembler, perChannel: number): void {
  const top = asm.label();
  sumsOf(asm, perChannel);
  asm.multiply(rdx, r15, perChannel);
  asm.addRegister(rdx, rcx);
  asm.zeroVector(0);
  asm.bind(top);
  asm.storeVector(at(rsi), 0);
  asm.add(rsi, vectorBytes);
  asm.compareRegister(rsi, rdx);
  asm.jumpIf("less", top);
}

/** All of the task's output channels for the pictures in the scratch. */
function emitPictures(asm: Assembler, masks: Masks, f: FilterGradient, form: LineForm, block: Block, perChannel: number): void {
  const plane = f.out[1] * f.out[2] * 4;
  sumsOf(asm, perChannel);
  // r9: the output's gradient for this picture and the first channel.
  asm.multiply(r9, rbx, f.out[0] * plane);
  asm.mov(rcx, at(rdi, 8));
  asm.addRegister(r9, rcx);
  asm.multiply(rcx, r14, plane);
  asm.addRegister(r9, rcx);
  asm.mov(rbp, r14);
  const rounds = (channels: number, last: number) => {
    const top = asm.label();
    const end = asm.label();
    asm.bind(top);
    asm.lea(rcx, at(rbp, channels));
    asm.compareRegister(rcx, r15);
    asm.jumpIf("greater", end);
    emitBlock(asm, masks, f, form, block, channels);
    asm.add(rsi, channels * perChannel);
    asm.add(r9, channels * plane);
    asm.add(rbp, channels);
    if (last === 0) asm.jump(top);
    asm.bind(end);
  };
  rounds(block.channels, 0);
  const rest = channelsOf(f) % block.channels;
  if (rest > 0) rounds(rest, 1);
}

/** One block of output channels against every input channel and tap. */
function emitBlock(asm: Assembler, masks: Masks, f: FilterGradient, form: LineForm, block: Block, channels: number): void {
  const perChannel = f.scratch.channels * f.taps.length * vectorBytes;
  asm.mov(r8, r12);
  asm.mov(r10, rsi);
  asm.loop(r13, f.scratch.channels, () => {
    for (let t = 0; t < f.taps.length; t += block.taps) {
      const taps = f.taps.slice(t, t + block.taps);
      const sum = (k: number, j: number) => 29 - (k * taps.length + j);
      const place = (k: number, j: number) => at(r10, k * perChannel + (t + j) * vectorBytes);
      for (let k = 0; k < channels; k++) for (let j = 0; j < taps.length; j++) asm.load(sum(k, j), place(k, j));
      emitLines(asm, masks, f, form, channels, taps, sum);
      for (let k = 0; k < channels; k++) for (let j = 0; j < taps.length; j++) asm.storeVector(place(k, j), sum(k, j));
    }
    asm.add(r8, planeBytes(f.scratch));
    asm.add(r10, f.taps.length * vectorBytes);
  });
}

function emitLines(
  asm: Assembler,
  masks: Masks,
  f: FilterGradient,
  form: LineForm,
  channels: number,
  taps: readonly number[],
  sum: (k: number, j: number) => number,
): void {
  const whole = Math.floor(f.out[1] / form.rows);
  const last = f.out[1] % form.rows;
  const plane = f.out[1] * f.out[2] * 4;
  const step = f.rowStep * rowBytes(f.scratch);
  const places = linePieces(form, f);
  const line = (rows: number) => {
    for (let v = 0; v < form.vectors; v++) {
      for (let k = 0; k < channels; k++) loadPieces(asm, masks, k, rax, k * plane, places[rows - 1][v]);
      taps.forEach((offset, j) => {
        const window = channels + (j % Math.min(2, 30 - channels - channels * taps.length));
        loadSlots(asm, window, rdx, offset + v * vectorBytes, form.slot, step);
        for (let k = 0; k < channels; k++) asm.fma(sum(k, j), k, window);
      });
    }
    asm.add(rdx, form.rows * step);
    asm.add(rax, form.rows * f.out[2] * 4);
  };
  const group = groupOf(f);
  asm.mov(rdx, r8);
  asm.mov(rax, r9);
  asm.loop(rcx, group, () => {
    if (whole > 0) asm.loop(r11, whole, () => line(form.rows));
    if (last > 0) line(last);
    if (group === 1) return;
    // What the lines have moved over, up to the next picture.
    asm.add(rdx, scratchBytes(f.scratch) - (whole + Math.sign(last)) * form.rows * step);
    asm.add(rax, f.out[0] * plane - (whole + Math.sign(last)) * form.rows * f.out[2] * 4);
  });
}

/** For a line with 1, 2 ... rows: for each vector, where its lanes are in the output's gradient. */
function linePieces(form: LineForm, f: FilterGradient) {
  return Array.from({ length: form.rows }, (_, i) =>
    Array.from({ length: form.vectors }, (_, v) => pieces({ width: f.out[2], slot: form.slot }, v, i + 1, f.out[2] * 4)),
  );
}

/** The lanes of every sum of the task's channels, added and written to the result. */
function addLanes(asm: Assembler, masks: Masks, perChannel: number, count: number): void {
  const top = asm.label();
  sumsOf(asm, perChannel);
  asm.multiply(rdx, r15, perChannel);
  asm.addRegister(rdx, rcx);
  asm.multiply(rax, r14, count * 4);
  asm.mov(rcx, at(rdi, 2 * 8));
  asm.addRegister(rax, rcx);
  asm.bind(top);
  asm.load(0, at(rsi), { bits: 128 });
  for (let q = 1; q < 4; q++) asm.arithmetic("add", 0, 0, at(rsi, q * 16), { bits: 128 });
  for (const order of [0b01001110, 0b10110001]) {
    asm.permuteLanes(1, 0, order);
    asm.arithmetic("add", 0, 0, 1, { bits: 128 });
  }
  asm.storeVector(at(rax), 0, { mask: masks.of(1), bits: 128 });
  asm.add(rsi, vectorBytes);
  asm.add(rax, 4);
  asm.compareRegister(rsi, rdx);
  asm.jumpIf("less", top);
}
