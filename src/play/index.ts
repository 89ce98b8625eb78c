/** Trained models in a page: `import { PlayModel, loadRecord } from "atelier/play"`. */
export { aboutModel, type ConditionNames, codeSizeOf, type ModelAbout, type SamplingField } from "./about.ts";
export { type CallOptions, PlayClient, type WorkerLike } from "./client.ts";
export { type ContinueRequest, type OpenModelOptions, PlayModel, type SampleRequest, type WrittenToken } from "./model.ts";
export { loadRecord, modelLoaders } from "./models.ts";
export type { Calls, Opened, OpenRequest } from "./protocol.ts";
export { type ServeOptions, serveModel } from "./serve.ts";
export { packWeights, restoreNetwork } from "./weights.ts";
