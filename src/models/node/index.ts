export { type FeatureAsset, featureAssets, type LoadedFeatures, loadFeatures } from "./feature-assets.ts";
