import type { Verb } from "./verb.ts";

/** A verb by name, and the import that brings its file when it is used. */
export interface VerbEntry {
  name: string;
  load(): Promise<{ verb: Verb }>;
}

/** Every verb, in the order in which `atelier --help` lists them. */
export const verbs: readonly VerbEntry[] = [
  { name: "hello", load: () => import("./hello.ts") },
  { name: "models", load: () => import("./models.ts") },
  { name: "data", load: () => import("./data.ts") },
  { name: "tokenizer", load: () => import("./tokenizer.ts") },
  { name: "pull", load: () => import("./pull.ts") },
  { name: "train", load: () => import("./train.ts") },
  { name: "finetune", load: () => import("./finetune.ts") },
  { name: "generate", load: () => import("./generate.ts") },
  { name: "chat", load: () => import("./chat.ts") },
  { name: "serve", load: () => import("./serve.ts") },
  { name: "reconstruct", load: () => import("./reconstruct.ts") },
  { name: "encode", load: () => import("./encode.ts") },
  { name: "decode", load: () => import("./decode.ts") },
  { name: "interpolate", load: () => import("./interpolate.ts") },
  { name: "attribute", load: () => import("./attribute.ts") },
  { name: "fill-mask", load: () => import("./fill-mask.ts") },
  { name: "classify", load: () => import("./classify.ts") },
  { name: "attention", load: () => import("./attention.ts") },
  { name: "latent", load: () => import("./latent.ts") },
  { name: "evaluate", load: () => import("./evaluate.ts") },
  { name: "score", load: () => import("./score.ts") },
  { name: "leaderboard", load: () => import("./leaderboard.ts") },
  { name: "export", load: () => import("./export.ts") },
  { name: "profile", load: () => import("./profile.ts") },
  { name: "studio", load: () => import("./studio.ts") },
  { name: "runs", load: () => import("./runs.ts") },
  { name: "doctor", load: () => import("./doctor.ts") },
  { name: "setup", load: () => import("./setup.ts") },
];
