/** Drawing works in pages too, so it lives with what plays models there. */
export * from "../play/draw.ts";
