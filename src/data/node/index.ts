/** The part of the data layer that needs files: `import { loadDataset } from "atelier/data/node"`. */

export { beginToken, endToken } from "../text/ends.ts";
export { heldOut, type ImageFolderOptions, type Listing, listPictures, openImageFolder } from "./image-folder.ts";
export { type LoadLabelledOptions, loadLabelled, loadLabelledTexts, type PassageCut } from "./labelled.ts";
export { type LoadDatasetOptions, loadDataset, loadExamples, preparedPlace } from "./load.ts";
export { type LoadedPicture, loadPictureFile } from "./picture-file.ts";
export { type LoadTextOptions, loadText, preparedTextPlace } from "./text.ts";
export { openTokenFile, type TokenFile, writeTokenFile } from "./token-file.ts";
export {
  type LoadTokensOptions,
  loadTokens,
  tokenizerDigest,
} from "./token-sets.ts";
