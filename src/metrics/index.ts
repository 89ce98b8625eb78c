export { type ClassFigures, type ClassificationFigures, classificationFigures, majorityBaseline } from "./classification.ts";
export { attributeVector, type CodeStatistics, codeStatistics, moveCodes, USED_VARIANCE } from "./codes.ts";
export { type Coverage, coverage } from "./coverage.ts";
export { deviceNeighbours } from "./device-neighbours.ts";
export { type FeatureSet, selectFeatures } from "./features.ts";
export { type FrechetDistance, frechetDistance, jackknifeError, type Moments, moments } from "./frechet.ts";
export { type Estimate, kernelDistance, kernelDistanceOfSubsets, kernelSums, type SubsetOptions } from "./kernel-distance.ts";
export { type LabelAccuracy, labelAccuracy } from "./label-accuracy.ts";
export { bitsPerDim, natsOfBitsPerDim, natsOfDensity } from "./likelihood.ts";
export { type DensityCoverage, densityCoverage, type PrecisionRecall, precisionRecall } from "./manifold.ts";
export {
  type FindNeighbours,
  type Memorisation,
  memorisation,
  type Neighbours,
  nearestFew,
  nearestNeighbours,
  neighbourRadii,
} from "./neighbours.ts";
export { type ModeCoverage, meanEstimate, modeCoverage, pointDiscrepancy } from "./points.ts";
export { principalComponents } from "./principal-components.ts";
export { ranks, rocAuc, spearman } from "./ranks.ts";
export { type Eigen, symmetricEigen } from "./symmetric.ts";
export * from "./text/index.ts";
export { type UmapOptions, umap } from "./umap.ts";
