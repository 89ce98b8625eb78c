/** Pictures changed a little each time they are shown, so that fewer are learned by heart. */
import { UsageError } from "../core/errors.ts";
import type { RandomStream } from "../core/random.ts";
import type { DataShape, ImageShape } from "./dataset.ts";

/** How pictures are changed; what is absent, false or 0 is not done. */
export interface Augmentation {
  /** Mirror left and right, each second picture. */
  flip?: boolean | undefined;
  /** Move by up to so many pixels up or down, and left or right; what comes in repeats the border. */
  crop?: number | undefined;
  /** Change brightness, contrast and saturation by factors from 1 - colour to 1 + colour, 0 to 1. */
  colour?: number | undefined;
}

/** Whether anything is done. @throws UsageError when a number is out of its range, the crop is not less than the pictures' sides, or for points and text */
export function augments({ flip = false, crop = 0, colour = 0 }: Augmentation, shape: DataShape): boolean {
  if (!("length" in shape) || shape.length === 1) {
    if (!flip && crop === 0 && colour === 0) return false;
    throw new UsageError({
      what: `${"length" in shape ? "Points" : "Texts"} cannot be changed as pictures are.`,
      hint: "leave flip, crop and colour out",
    });
  }
  const [, height, width] = shape;
  if (!Number.isInteger(crop) || crop < 0 || crop >= Math.min(height, width)) {
    throw new UsageError({
      what: "Pictures cannot be cropped by that much.",
      got: `crop ${crop}`,
      expected: `a whole number of pixels from 0 to ${Math.min(height, width) - 1}`,
    });
  }
  if (!(colour >= 0 && colour <= 1)) {
    throw new UsageError({ what: "Colours cannot be changed by that much.", got: `colour ${colour}`, expected: "a number from 0 to 1" });
  }
  return flip || crop > 0 || colour > 0;
}

/**
 * Change one picture in place: mirror, crop, then brightness, contrast and saturation in this order, each clipped to [0, 1]. Contrast is about the
 * picture's mean luma, saturation about each pixel's (Rec. 601), as torchvision's ColorJitter has them, which takes them in random order; its
 * RandomCrop pads with black, which would show on pictures whose ground is not black.
 * @param picture [C, H, W], intensities in [0, 1]
 * @param random the picture's own stream: how much is drawn from it does not depend on the picture
 */
export function augmentPicture(picture: Float32Array, shape: ImageShape, augmentation: Augmentation, random: RandomStream): void {
  const { flip = false, crop = 0, colour = 0 } = augmentation;
  const mirror = flip && random.below(2) === 1;
  const down = crop > 0 ? random.below(2 * crop + 1) - crop : 0;
  const right = crop > 0 ? random.below(2 * crop + 1) - crop : 0;
  if (mirror || down !== 0 || right !== 0) move(picture, shape, mirror, down, right);
  if (colour > 0) {
    const [brightness, contrast, saturation] = [0, 0, 0].map(() => 1 + colour * (2 * random.uniform() - 1));
    paint(picture, shape, brightness, contrast, saturation);
  }
}

function move(picture: Float32Array, [channels, height, width]: ImageShape, mirror: boolean, down: number, right: number): void {
  const source = picture.slice();
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const from = (channel * height + Math.min(Math.max(y - down, 0), height - 1)) * width;
      const to = (channel * height + y) * width;
      for (let x = 0; x < width; x++) {
        const column = Math.min(Math.max(x - right, 0), width - 1);
        picture[to + x] = source[from + (mirror ? width - 1 - column : column)];
      }
    }
  }
}

function paint(picture: Float32Array, [channels, height, width]: ImageShape, brightness: number, contrast: number, saturation: number) {
  const area = height * width;
  for (let i = 0; i < picture.length; i++) picture[i] = clip(picture[i] * brightness);
  let mean = 0;
  for (let i = 0; i < area; i++) mean += luma(picture, channels, area, i) / area;
  for (let i = 0; i < picture.length; i++) picture[i] = clip(mean + (picture[i] - mean) * contrast);
  if (channels === 1) return;
  for (let i = 0; i < area; i++) {
    const grey = luma(picture, channels, area, i);
    for (let at = i; at < picture.length; at += area) picture[at] = clip(grey + (picture[at] - grey) * saturation);
  }
}

function luma(picture: Float32Array, channels: number, area: number, i: number): number {
  return channels === 1 ? picture[i] : 0.299 * picture[i] + 0.587 * picture[i + area] + 0.114 * picture[i + 2 * area];
}

function clip(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
