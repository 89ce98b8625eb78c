// Convolutions for jax-js in two layouts. Every function owns its arguments (jax-js counts references): `.ref` where one is used again.
import { channelsLastValue, permuted, product, startValue } from "../shared.mjs";

/** Pictures [B, H, W, C]; a 3x3 convolution is nine slices side by side times a [9 C, K] matrix. */
export function im2colLayout({ numpy: np }) {
  /** One tap of the picture: rows i, i + stride, ...; strides above one slice a parity of the picture. */
  const tap = (padded, i, j, stride, [height, width]) => {
    if (stride === 1) return padded.slice([], [i, i + height], [j, j + width], []);
    const [batch, rows, columns, channels] = padded.shape;
    const split = padded.reshape([batch, rows / 2, 2, columns / 2, 2, channels]);
    const [row, column] = [i >> 1, j >> 1];
    return split.slice([], [row, row + height], i & 1, [column, column + width], j & 1, []);
  };
  const conv = (x, w, stride) => {
    const [batch, rows, columns] = x.shape;
    const size = [rows / stride, columns / stride];
    const padded = np.pad(x, [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ]);
    const taps = [];
    for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) taps.push(tap(padded.ref, i, j, stride, size));
    padded.dispose();
    const columnsMatrix = np.concatenate(taps, 3).reshape([batch * product(size), w.shape[0]]);
    const outputs = w.shape[1];
    return np.matmul(columnsMatrix, w).reshape([batch, ...size, outputs]);
  };
  return {
    conv,
    /** Stride 2, padding 1, output padding 1: zeros between the pixels, then a convolution with the flipped filter. */
    up(x, w) {
      const [batch, rows, columns, channels] = x.shape;
      const apart = np.pad(x.reshape([batch, rows, 1, columns, 1, channels]), [
        [0, 0],
        [0, 0],
        [0, 1],
        [0, 0],
        [0, 1],
        [0, 0],
      ]);
      return conv(apart.reshape([batch, rows * 2, columns * 2, channels]), w, 1);
    },
    channelsLast: true,
    image: (batch, channels, size) => [batch, size, size, channels],
    perChannel: (vector) => vector,
    momentAxes: (rank) => (rank === 4 ? [0, 1, 2] : [0]),
    value(spec, index) {
      const { data, shape } = channelsLastValue(spec, index);
      if (spec.role === "conv" && spec.kind === "weight") return { data, shape: [9 * shape[2], shape[3]] };
      if (spec.role !== "up") return { data, shape };
      // [3, 3, out, in] to [9 in, out], taps in reverse.
      const [, , outputs, inputs] = shape;
      const taps = permuted(data, shape, [0, 1, 3, 2]);
      const size = inputs * outputs;
      const flipped = new Float32Array(taps.length);
      for (let k = 0; k < 9; k++) flipped.set(taps.subarray(k * size, (k + 1) * size), (8 - k) * size);
      return { data: flipped, shape: [9 * inputs, outputs] };
    },
  };
}

/** Pictures [B, C, H, W] and the library's own convolutions; filters and dense weights as in PyTorch, dense ones transposed. */
export function laxLayout({ lax }) {
  return {
    conv: (x, w, stride) =>
      lax.convGeneralDilated(
        x,
        w,
        [stride, stride],
        [
          [1, 1],
          [1, 1],
        ],
      ),
    up: (x, w) =>
      lax.convTranspose(
        x,
        w,
        [2, 2],
        [
          [1, 0],
          [1, 0],
        ],
        { transposeKernel: true },
      ),
    channelsLast: false,
    image: (batch, channels, size) => [batch, channels, size, size],
    perChannel: (vector, rank) => (rank === 4 ? vector.reshape([1, vector.shape[0], 1, 1]) : vector),
    momentAxes: (rank) => (rank === 4 ? [0, 2, 3] : [0]),
    value({ role, kind, shape }, index) {
      const data = startValue(index, shape, kind);
      const isDense = shape.length === 2;
      return isDense ? { data: permuted(data, shape, [1, 0]), shape: [shape[1], shape[0]], role } : { data, shape, role };
    },
  };
}
