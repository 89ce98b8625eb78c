export { type Augmentation, augmentPicture } from "./augment.ts";
export {
  type Attributes,
  conditionNames,
  type DataCard,
  type DataShape,
  type Dataset,
  defineDataset,
  type ExampleSet,
  type ExampleShape,
  type GeneratedDataset,
  type ImageSet,
  type ImageShape,
  isPoint,
  limitExamples,
  limitImages,
  type MakingTools,
  type PackageDataset,
  type Preparation,
  requireImages,
  type Split,
} from "./dataset.ts";
export { fitImages } from "./fit.ts";
export { decodeIdx } from "./idx.ts";
export { type LabelRow, type LabelTable, readLabelTable } from "./label-table.ts";
export { type BatchTarget, Loader, type LoaderOptions, type LoaderPosition, type WindowOrder } from "./loader.ts";
export {
  drawPointSet,
  type Modes,
  type PlaneDensity,
  type PointCard,
  type PointDataset,
  type PointSet,
  type PointShape,
} from "./points.ts";
export { Prefetcher, type PrefetchOptions, type StagedBatch } from "./prefetch.ts";
export {
  type ChannelStatistics,
  channelStatistics,
  fromRange,
  type RangeName,
  toRange,
  type ValueRange,
  valueRange,
  valuesFromRange,
  valuesToRange,
} from "./ranges.ts";
export { memberNames, membership, selectImages, withoutMembers } from "./select.ts";
export { datasetNamed, datasets, findDataset } from "./sets/index.ts";
export { countLeaks, type DuplicateReport, findDuplicates } from "./text/duplicates.ts";
export { type LabelBalance, type LabelledSplits, type LabelledText, labelBalance, passages, splitLabelled } from "./text/labelled.ts";
export { textSetNamed, textSets } from "./text/sets/index.ts";
export { splitByKey, splitTail, type TextCard, type TextDataset, type TextDocument, type TextSet } from "./text/text-set.ts";
export { documentTokens, type TokenSource, TokenWindows, tokensInMemory, type WindowOptions, type WindowPosition } from "./text/tokens.ts";
export {
  isText,
  isWindow,
  type PairSet,
  type PairShape,
  randomWindows,
  type Tokenizers,
  type TokenSet,
  type TokenShape,
  type WindowSet,
  type WindowShape,
  windowSet,
} from "./token-set.ts";
