/** Which pixels of a picture a model shall paint: 1 where it does. */
export type Mask = Uint8Array;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A round dab around a pixel. @param radius pixels; 0 for one alone @returns a copy */
export function dab(mask: Mask, { width, height }: Size, x: number, y: number, radius: number, value: 0 | 1): Mask {
  const next = mask.slice();
  for (let row = Math.max(0, y - radius); row <= Math.min(height - 1, y + radius); row++)
    for (let column = Math.max(0, x - radius); column <= Math.min(width - 1, x + radius); column++)
      if ((row - y) ** 2 + (column - x) ** 2 <= (radius + 0.3) ** 2) next[row * width + column] = value;
  return next;
}

/** Dabs along a straight way, so that a quick stroke has no gaps. */
export function stroke(
  mask: Mask,
  size: Size,
  from: readonly [number, number],
  to: readonly [number, number],
  radius: number,
  value: 0 | 1,
): Mask {
  const steps = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1);
  let next = mask;
  for (let i = 0; i <= steps; i++) {
    const x = Math.round(from[0] + ((to[0] - from[0]) * i) / steps);
    const y = Math.round(from[1] + ((to[1] - from[1]) * i) / steps);
    next = dab(next, size, x, y, radius, value);
  }
  return next;
}

/** Parts that are painted at a click. */
export const parts = {
  "Lower half": ({ width, height }: Size) => where(width, height, (_, y) => y >= height / 2),
  "Right half": ({ width, height }: Size) => where(width, height, (x) => x >= width / 2),
  Middle: ({ width, height }: Size) =>
    where(width, height, (x, y) => Math.abs(2 * x + 1 - width) < width / 2 && Math.abs(2 * y + 1 - height) < height / 2),
  Nothing: ({ width, height }: Size) => new Uint8Array(width * height),
} satisfies Record<string, (size: Size) => Mask>;

function where(width: number, height: number, inside: (x: number, y: number) => boolean): Mask {
  return Uint8Array.from({ length: width * height }, (_, i) => (inside(i % width, Math.floor(i / width)) ? 1 : 0));
}
