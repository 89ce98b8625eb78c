export { type Beam, type BeamSearchOptions, beamSearch } from "./beam.ts";
export type { TokenConstraint } from "./constraint.ts";
export type { Finish, GeneratedToken, GenerationRequest, SamplingOptions, TextEngine } from "./engine.ts";
