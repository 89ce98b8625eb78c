/** Continuing texts works in pages too, so it lives with what plays models there. */
export * from "../play/text-writer.ts";
