import { UsageError } from "../core/errors.ts";

/**
 * Refuse precisions that programs cannot be lowered to.
 * @throws UsageError for anything but float32
 */
export function requirePrecision(precision: string | undefined, device: string): void {
  if (precision === undefined || precision === "float32") return;
  throw new UsageError({
    what: `The precision "${precision}" is not available on the device "${device}".`,
    expected: '"float32": all programs compute in it',
    hint: "leave precision out; docs/engine-facts.md, section 15, says what half precision needs",
  });
}
