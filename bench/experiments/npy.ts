// Pictures as a file that other programs read too: NumPy's .npy, version 1.0, bytes in C order.

/** Pictures of bytes: [N, C, H, W], 0..255. */
export interface BytePictures {
  readonly data: Uint8Array;
  readonly shape: readonly [number, number, number, number];
}

/** Intensities in [0, 1] as bytes, rounded. */
export function toBytes(data: Float32Array): Uint8Array {
  return Uint8Array.from(data, (value) => Math.round(value * 255));
}

/** The file's bytes. */
export function encodeNpy({ data, shape }: BytePictures): Uint8Array {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  const header = `${text.padEnd(64 * Math.ceil((10 + text.length + 1) / 64) - 11)}\n`;
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(data, 10 + header.length);
  return bytes;
}

/** @throws Error for anything but bytes [N, C, H, W] in C order */
export function decodeNpy(bytes: Uint8Array): BytePictures {
  const magic = new TextDecoder("latin1").decode(bytes.subarray(0, 6));
  const start = 10 + (bytes[8] | (bytes[9] << 8));
  const header = new TextDecoder().decode(bytes.subarray(10, start));
  const shape = /'shape': \(([\d, ]+)\)/.exec(header)?.[1].split(",").map(Number);
  if (magic !== "\x93NUMPY" || bytes[6] !== 1 || !header.includes("|u1") || header.includes("True") || shape?.length !== 4) {
    throw new Error(`expected a .npy file of uint8 [N, C, H, W] in C order, got ${header.trim()}`);
  }
  const data = bytes.subarray(start);
  if (data.length !== shape.reduce((a, b) => a * b)) throw new Error(`expected ${shape.join(" x ")} bytes, got ${data.length}`);
  return { data, shape: shape as [number, number, number, number] };
}
