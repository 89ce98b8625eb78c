/** Pretrained models in files: `import { readModelFolder } from "atelier/pretrained/node"`. */
export { type PretrainedModel, readModelFolder, requireTokenizer, type SaveOptions, writeModelFolder } from "./model-folder.ts";
