import { type KernelPlan, largestDivisor } from "./kernel.ts";
import {
  clearScratch,
  evenLanes,
  fillScratch,
  indexPair,
  Masks,
  oddLanes,
  planeBytes,
  rowBytes,
  type Scratch,
  scratchBytes,
  scratchMasks,
} from "./planes.ts";
import { transposeBlock } from "./transpose.ts";
import { type Assembler, at, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp } from "./x64.ts";

// The filter gradient with output channels side by side in the vectors: dy is turned to [positions, channels] first; then, for some taps and channels, every
// position adds one number of x times a row of dy to sums that stay in registers. Threads share the input channels.

export interface ChannelGradient {
  readonly pictures: number;
  readonly threads: number;
  /** For one thread's share of the input channels. */
  readonly scratch: Scratch;
  /** Input channels in all. */
  readonly channels: number;
  /** Channels, height and width of the output's gradient. */
  readonly out: readonly [number, number, number];
  readonly rowStep: number;
  /** Where each tap's window begins in a plane of the scratch, in bytes. */
  readonly taps: readonly number[];
  readonly shape: readonly number[];
}

const lanes = 16;
const vectorBytes = 64;
const groupBytes = 384 << 10;
/** Positions written out one after the other in the innermost loop. */
const unrolled = 4;
/** The kernel's tensors: x, dy, the result, and three that are worked in. */
const [input, gradient, result, scratches, turned, sums] = [0, 1, 2, 3, 4, 5];

const rowOf = (c: ChannelGradient): number => Math.ceil(c.out[0] / lanes) * vectorBytes;
const positionsOf = (c: ChannelGradient): number => c.out[1] * c.out[2];
const itemsOf = (c: ChannelGradient): number => c.channels * c.taps.length;

/** Pictures that pass by together: a divisor of the batch. */
function groupOf(c: ChannelGradient): number {
  const each = scratchBytes(c.scratch) + positionsOf(c) * rowOf(c);
  return largestDivisor(c.pictures, Math.min(8, groupBytes / each));
}

export function channelGradientPlan(c: ChannelGradient): KernelPlan {
  const tasks = c.channels / c.scratch.channels;
  const blocks = Math.ceil(itemsOf(c) / lanes);
  const eachPicture = Math.ceil(c.pictures / (2 * c.threads));
  const eachBlock = Math.ceil(blocks / c.threads);
  return {
    inputs: 2,
    outputs: [
      c.shape,
      [(tasks * groupOf(c) * scratchBytes(c.scratch)) / 4],
      [c.pictures, positionsOf(c), rowOf(c) / 4],
      [itemsOf(c), rowOf(c) / 4],
    ],
    phases: [
      { tasks: Math.ceil(c.pictures / eachPicture), emit: (asm) => emitTurn(asm, c, eachPicture) },
      { tasks, emit: (asm) => emitSums(asm, c) },
      { tasks: Math.ceil(blocks / eachBlock), emit: (asm) => emitResult(asm, c, eachBlock) },
    ],
  };
}

/** dy [N, K, L] to [N, L, K], channels filled up with zeros to whole vectors. */
function emitTurn(asm: Assembler, c: ChannelGradient, each: number): void {
  const [channels] = c.out;
  const positions = positionsOf(c);
  const masks = new Masks(asm);
  const rest = positions % lanes;
  const full = (1 << lanes) - 1;
  const tail = rest === 0 ? full : (1 << rest) - 1;
  masks.prepare([tail]);
  asm.multiply(rbx, rsi, each);
  asm.lea(r15, at(rbx, each));
  asm.atMost(r15, c.pictures);
  const block = (rows: number, columns: number) =>
    transposeBlock(asm, {
      from: r10,
      fromPitch: positions * 4,
      to: r11,
      toPitch: rowOf(c),
      rows,
      columns,
      columnMask: columns === lanes ? 0 : masks.of(tail),
      rowMask: 0,
    });
  const alongPositions = (rows: number) => {
    asm.mov(r10, r8);
    asm.mov(r11, r9);
    const whole = Math.floor(positions / lanes);
    if (whole > 0) {
      asm.loop(rcx, whole, () => {
        block(rows, lanes);
        asm.add(r10, vectorBytes);
        asm.add(r11, lanes * rowOf(c));
      });
    }
    if (rest > 0) block(rows, rest);
    asm.add(r8, lanes * positions * 4);
    asm.add(r9, vectorBytes);
  };
  pictures(asm, () => {
    asm.multiply(r8, rbx, channels * positions * 4);
    asm.mov(rax, at(rdi, gradient * 8));
    asm.addRegister(r8, rax);
    asm.multiply(r9, rbx, positions * rowOf(c));
    asm.mov(rax, at(rdi, turned * 8));
    asm.addRegister(r9, rax);
    if (channels >= lanes) asm.loop(rdx, Math.floor(channels / lanes), () => alongPositions(lanes));
    if (channels % lanes > 0) alongPositions(channels % lanes);
  });
}

/** From rbx to r15. */
function pictures(asm: Assembler, body: () => void): void {
  const top = asm.label();
  const end = asm.label();
  asm.bind(top);
  asm.compareRegister(rbx, r15);
  asm.jumpIf("notLess", end);
  body();
  asm.add(rbx, 1);
  asm.jump(top);
  asm.bind(end);
}

/** The sums [C·taps, K] of this task's input channels. */
function emitSums(asm: Assembler, c: ChannelGradient): void {
  const group = groupOf(c);
  const { scratch } = c;
  const masks = new Masks(asm);
  const own = scratch.channels * c.taps.length * rowOf(c);
  asm.mov(r12, at(rdi, scratches * 8));
  asm.multiply(rcx, rsi, group * scratchBytes(scratch));
  asm.addRegister(r12, rcx);
  asm.mov(r14, at(rdi, sums * 8));
  asm.multiply(rcx, rsi, own);
  asm.addRegister(r14, rcx);
  asm.mov(r15, at(rdi, turned * 8));
  asm.push(rsi);
  masks.prepare(scratchMasks(scratch));
  for (let g = 0; g < group; g++) {
    asm.lea(rbp, at(r12, g * scratchBytes(scratch)));
    clearScratch(asm, rbp, scratch);
  }
  asm.zeroVector(0);
  asm.loop(rax, own / vectorBytes, () => asm.storeVector({ base: r14, index: rax }, 0), vectorBytes);
  if (scratch.stride === 2) indexPair(asm, evenLanes, oddLanes);
  const picture = scratch.height * scratch.width * 4;
  asm.loop(
    rbx,
    c.pictures / group,
    () => {
      asm.multiply(rsi, rbx, c.channels * picture);
      asm.mov(rcx, at(rsp));
      asm.multiply(rcx, rcx, scratch.channels * picture);
      asm.addRegister(rsi, rcx);
      asm.mov(rcx, at(rdi, input * 8));
      asm.addRegister(rsi, rcx);
      asm.mov(rbp, r12);
      asm.loop(r10, group, () => {
        if (scratch.stride === 2) indexPair(asm, evenLanes, oddLanes);
        fillScratch(asm, masks, rsi, rbp, scratch);
        asm.add(rsi, c.channels * picture);
        asm.add(rbp, scratchBytes(scratch));
      });
      emitGroup(asm, c, group);
      asm.add(r15, group * positionsOf(c) * rowOf(c));
    },
    group,
  );
  asm.pop(rsi);
}

/** Taps and vectors of channels whose sums are in registers together. */
function chooseBlock(taps: number, vectors: number): { taps: number; vectors: number } {
  let best = { taps: 1, vectors: 1 };
  let least = Number.POSITIVE_INFINITY;
  const cost = (t: number, v: number) => Math.max((t * v) / 2, (t + v) / 2 + 0.3, 4) + 0.2;
  const spread = (total: number, size: number, f: (part: number) => number) =>
    Math.floor(total / size) * f(size) + (total % size === 0 ? 0 : f(total % size));
  for (let t = 1; t <= Math.min(taps, 14); t++) {
    for (let v = 1; v <= Math.min(vectors, 6) && t * v + v + 2 <= 32; v++) {
      const total = spread(taps, t, (a) => spread(vectors, v, (b) => cost(a, b)));
      if (total < least - 1e-9) {
        least = total;
        best = { taps: t, vectors: v };
      }
    }
  }
  return best;
}

/** Every channel and tap for the pictures in the scratch. */
function emitGroup(asm: Assembler, c: ChannelGradient, group: number): void {
  const vectors = rowOf(c) / vectorBytes;
  const block = chooseBlock(c.taps.length, vectors);
  asm.mov(r8, r12);
  asm.mov(r10, r14);
  asm.loop(r13, c.scratch.channels, () => {
    for (let t = 0; t < c.taps.length; t += block.taps) {
      const taps = c.taps.slice(t, t + block.taps);
      asm.mov(r9, r15);
      const columns = (count: number) => {
        emitBlock(asm, c, taps, count, group);
        asm.add(r9, count * vectorBytes);
        asm.add(r10, count * vectorBytes);
      };
      asm.loop(rsi, Math.floor(vectors / block.vectors), () => columns(block.vectors));
      if (vectors % block.vectors > 0) columns(vectors % block.vectors);
      asm.add(r10, (taps.length - 1) * rowOf(c));
    }
    asm.add(r8, planeBytes(c.scratch));
  });
}

/** r8: the plane in the scratch, r9: rows of dy, r10: the sums. */
function emitBlock(asm: Assembler, c: ChannelGradient, taps: readonly number[], vectors: number, group: number): void {
  const [, height, width] = c.out;
  const row = rowOf(c);
  const sum = (t: number, v: number) => 31 - (t * vectors + v);
  const place = (t: number, v: number) => at(r10, t * row + v * vectorBytes);
  const each = (f: (t: number, v: number) => void) => {
    for (let t = 0; t < taps.length; t++) for (let v = 0; v < vectors; v++) f(t, v);
  };
  each((t, v) => asm.load(sum(t, v), place(t, v)));
  const free = 32 - taps.length * vectors - vectors;
  const positions = (count: number) => {
    for (let p = 0; p < count; p++) {
      for (let v = 0; v < vectors; v++) asm.load(v, at(rax, p * row + v * vectorBytes));
      taps.forEach((offset, t) => {
        const spread = vectors + (t % Math.min(free, 4));
        asm.broadcast(spread, at(rdx, offset + p * 4));
        for (let v = 0; v < vectors; v++) asm.fma(sum(t, v), v, spread);
      });
    }
    asm.add(rdx, count * 4);
    asm.add(rax, count * row);
  };
  const step = c.rowStep * rowBytes(c.scratch);
  asm.mov(rdx, r8);
  asm.mov(rax, r9);
  asm.loop(rbp, group, () => {
    asm.loop(r11, height, () => {
      if (width >= unrolled) asm.loop(rcx, Math.floor(width / unrolled), () => positions(unrolled));
      if (width % unrolled > 0) positions(width % unrolled);
      asm.add(rdx, step - width * 4);
    });
    asm.add(rdx, scratchBytes(c.scratch) - height * step);
  });
  each((t, v) => asm.storeVector(place(t, v), sum(t, v)));
}

/** The sums [C·taps, K] as the result [K, C·taps]. */
function emitResult(asm: Assembler, c: ChannelGradient, each: number): void {
  const items = itemsOf(c);
  const [channels] = c.out;
  const masks = new Masks(asm);
  const rest = items % lanes;
  masks.prepare([(1 << lanes) - 1, (1 << rest) - 1].filter((set) => set > 0));
  asm.multiply(rbx, rsi, each);
  asm.lea(r15, at(rbx, each));
  asm.atMost(r15, Math.ceil(items / lanes));
  const block = (rows: number) => {
    const along = (columns: number) =>
      transposeBlock(asm, {
        from: r8,
        fromPitch: rowOf(c),
        to: r9,
        toPitch: items * 4,
        rows,
        columns,
        columnMask: 0,
        rowMask: rows === lanes ? 0 : masks.of((1 << rest) - 1),
      });
    if (channels >= lanes) {
      asm.loop(rcx, Math.floor(channels / lanes), () => {
        along(lanes);
        asm.add(r8, vectorBytes);
        asm.add(r9, lanes * items * 4);
      });
    }
    if (channels % lanes > 0) along(channels % lanes);
  };
  pictures(asm, () => {
    asm.multiply(r8, rbx, lanes * rowOf(c));
    asm.mov(rax, at(rdi, sums * 8));
    asm.addRegister(r8, rax);
    asm.multiply(r9, rbx, vectorBytes);
    asm.mov(rax, at(rdi, result * 8));
    asm.addRegister(r9, rax);
    const whole = Math.floor(items / lanes);
    if (rest === 0) return block(lanes);
    const short = asm.label();
    const done = asm.label();
    asm.compare(rbx, whole);
    asm.jumpIf("equal", short);
    if (whole > 0) block(lanes);
    asm.jump(done);
    asm.bind(short);
    block(rest);
    asm.bind(done);
    return undefined;
  });
}
