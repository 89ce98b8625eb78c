import { InvalidArgumentError } from "commander";
import { UsageError } from "../core/errors.ts";

/** Parse a whole number within bounds, for commander's options. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    const bounds = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number ${bounds}.`);
  };
}

/** A port to listen on; 0 stands for any that is free. @throws UsageError above 65535 */
export function portNumber(text: string): number {
  const value = wholeNumber(0)(text);
  if (value > 65_535) throw new UsageError({ what: "There is no such port.", got: text, expected: "0 to 65535" });
  return value;
}

/** Parse any finite number. */
export function anyNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/** Parse a number above a bound. */
export function numberAbove(bound: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value <= bound)
      throw new InvalidArgumentError(`It must be a number above ${bound}.`);
    return value;
  };
}

/** Collect a repeated option into a list. */
export function repeated(text: string, list: string[] = []): string[] {
  return [...list, text];
}

export const devices = ["cpu", "webgpu", "cuda", "coreml", "dml"] as const;

/** @throws UsageError for a word that is no device */
export function checkDevice(device: string): string {
  if ((devices as readonly string[]).includes(device)) return device;
  throw new UsageError({ what: `There is no device named "${device}".`, expected: `one of: ${devices.join(", ")}` });
}

/** A text as a part of a file's name on any system: `T-shirt/top` is `T-shirt-top`. */
export function inFileName(text: string): string {
  return text.replace(/[\s/\\:*?"<>|]+/g, "-");
}
