export { EvenFrames } from "./frames.ts";
export { interpolateCodes, lerp, type Path, slerp } from "./interpolate.ts";
export { type Half, halves, keepKnown, knownFromMask, knownHalf } from "./known.ts";
