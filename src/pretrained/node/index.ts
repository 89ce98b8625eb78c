/** Pretrained models in files: `import { readModelFolder } from "atelier/pretrained/node"`. */
export { adapterBase, isAdapterFolder, readAdapterFolder, writeAdapterFolder } from "./adapter-folder.ts";
export { isCached, isModelName, modelCacheFolder, modelFolder, type PullOptions, pullModel } from "./hub.ts";
export { type Hub, hubOf } from "./hub-client.ts";
export { type PretrainedModel, readModelFolder, requireTokenizer, type SaveOptions, writeModelFolder } from "./model-folder.ts";
