export type { TokenConstraint } from "./constraint.ts";
export type { Finish, GeneratedToken, GenerationRequest, SamplingOptions, TextEngine } from "./engine.ts";
