export { attributeVector, type CodeStatistics, codeStatistics, moveCodes, USED_VARIANCE } from "./codes.ts";
export { type Coverage, coverage } from "./coverage.ts";
export { principalComponents } from "./principal-components.ts";
export { type UmapOptions, umap } from "./umap.ts";
