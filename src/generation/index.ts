export { type Beam, type BeamSearchOptions, beamSearch } from "./beam.ts";
export type { TokenConstraint } from "./constraint.ts";
export { DecoderEngine, type DecoderEngineOptions, endTokensOf } from "./decoder-engine.ts";
export { DecoderSession, type DecoderSessionOptions } from "./decoder-session.ts";
export type { Finish, GeneratedToken, GenerationRequest, SamplingOptions, TextEngine } from "./engine.ts";
export * from "./filters.ts";
export * from "./penalties.ts";
export { checkSampling, likeliest, logProbabilities, Sampler } from "./sampler.ts";
export { StopStrings } from "./stop-strings.ts";
