import type { ConvSizes } from "../../src/native/conv.ts";

// Plain loops to hold convolution kernels against.

/** Sizes of a convolution that our kernels may or may not take. */
export function randomConvolution(upTo: (most: number) => number, pick: <T>(list: readonly T[]) => T): ConvSizes {
  for (;;) {
    const kernel = [upTo(5), upTo(5)] as const;
    const strides = [pick([1, 1, 2]), pick([1, 1, 2])] as const;
    const dilations = [pick([1, 1, 2]), pick([1, 1, 2])] as const;
    const [height, width] = [upTo(14), pick([upTo(5), upTo(10), upTo(40), upTo(70)])];
    const [top, left, bottom, right] = [upTo(3) - 1, upTo(3) - 1, upTo(3) - 1, upTo(3) - 1];
    const outHeight = Math.floor((height + top + bottom - dilations[0] * (kernel[0] - 1) - 1) / strides[0]) + 1;
    const outWidth = Math.floor((width + left + right - dilations[1] * (kernel[1] - 1) - 1) / strides[1]) + 1;
    if (outHeight < 1 || outWidth < 1) continue;
    const groups = pick([1, 1, 1, 2, 3, 5]);
    const [pictures, channels, outChannels] = [3 + upTo(6), groups * upTo(4), groups * upTo(groups > 1 ? 4 : 17)];
    return { pictures, channels, height, width, outChannels, outHeight, outWidth, kernel, strides, dilations, groups, top, left };
  }
}

/** y = conv(x, w) + b and both gradients, summed up in float64. */
export function convolution(s: ConvSizes, x: Float32Array, w: Float32Array, b: Float32Array, dy: Float32Array) {
  const y = new Float64Array(dy.length);
  const dx = new Float64Array(x.length);
  const dw = new Float64Array(w.length);
  const taps = s.kernel[0] * s.kernel[1];
  for (let i = 0; i < y.length; i++) {
    const [column, row] = [i % s.outWidth, Math.floor(i / s.outWidth) % s.outHeight];
    const plane = Math.floor(i / (s.outWidth * s.outHeight));
    const [k, n] = [plane % s.outChannels, Math.floor(plane / s.outChannels)];
    y[i] += b[k];
    const depth = s.channels / s.groups;
    const first = Math.floor(k / (s.outChannels / s.groups)) * depth;
    for (let j = 0; j < depth * taps; j++) {
      const [c, r, q] = [first + Math.floor(j / taps), Math.floor((j % taps) / s.kernel[1]), j % s.kernel[1]];
      const h = row * s.strides[0] - s.top + r * s.dilations[0];
      const v = column * s.strides[1] - s.left + q * s.dilations[1];
      if (h < 0 || v < 0 || h >= s.height || v >= s.width) continue;
      const at = ((n * s.channels + c) * s.height + h) * s.width + v;
      const weight = k * depth * taps + j;
      y[i] += x[at] * w[weight];
      dx[at] += dy[i] * w[weight];
      dw[weight] += dy[i] * x[at];
    }
  }
  return { y: Float32Array.from(y), dx: Float32Array.from(dx), dw: Float32Array.from(dw) };
}
