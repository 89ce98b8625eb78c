/** The garden's records, each loaded when it is asked for: a page that plays one model carries the code of that one. */
import { unknownName } from "../core/errors.ts";
import type { ModelRecord } from "../models/model.ts";

type Loader = () => Promise<ModelRecord>;

/** By name, as `src/models/index.ts` lists them. */
export const modelLoaders: Readonly<Record<string, Loader>> = {
  mlp: async () => (await import("../models/classifiers/mlp.ts")).mlp,
  cnn: async () => (await import("../models/classifiers/cnn.ts")).cnn,
  "feature-net": async () => (await import("../models/classifiers/feature-net.ts")).featureNet,
  autoencoder: async () => (await import("../models/autoencoders/autoencoder.ts")).autoencoder,
  "denoising-autoencoder": async () => (await import("../models/autoencoders/denoising-autoencoder.ts")).denoisingAutoencoder,
  vae: async () => (await import("../models/autoencoders/vae.ts")).vae,
  "conditional-vae": async () => (await import("../models/autoencoders/conditional-vae.ts")).conditionalVae,
  "vq-vae": async () => (await import("../models/autoencoders/vq-vae.ts")).vqVae,
  "vae-gan": async () => (await import("../models/autoencoders/vae-gan.ts")).vaeGan,
  dcgan: async () => (await import("../models/gans/dcgan.ts")).dcgan,
  "wgan-gp": async () => (await import("../models/gans/wgan-gp.ts")).wganGp,
  "conditional-gan": async () => (await import("../models/gans/conditional-gan.ts")).conditionalGan,
  pixelcnn: async () => (await import("../models/autoregressive/pixelcnn.ts")).pixelcnn,
  pixelrnn: async () => (await import("../models/autoregressive/pixelrnn.ts")).pixelrnn,
  "pixelcnn-plus-plus": async () => (await import("../models/autoregressive/pixelcnn-plus-plus.ts")).pixelCnnPlusPlus,
  realnvp: async () => (await import("../models/flows/realnvp.ts")).realnvp,
  glow: async () => (await import("../models/flows/glow.ts")).glow,
  ffjord: async () => (await import("../models/flows/ffjord.ts")).ffjord,
  "boltzmann-machine": async () => (await import("../models/energy/boltzmann-machine.ts")).boltzmannMachine,
  rbm: async () => (await import("../models/energy/rbm.ts")).rbm,
  "deep-belief-net": async () => (await import("../models/energy/deep-belief-net.ts")).deepBeliefNet,
  ebm: async () => (await import("../models/energy/ebm.ts")).ebm,
  ncsn: async () => (await import("../models/diffusion/ncsn.ts")).ncsn,
  ddpm: async () => (await import("../models/diffusion/ddpm.ts")).ddpm,
  "conditional-ddpm": async () => (await import("../models/diffusion/conditional-ddpm.ts")).conditionalDdpm,
  "score-sde": async () => (await import("../models/diffusion/score-sde.ts")).scoreSde,
  "flow-matching": async () => (await import("../models/diffusion/flow-matching.ts")).flowMatching,
  "super-resolution": async () => (await import("../models/diffusion/super-resolution.ts")).superResolution,
  lstm: async () => (await import("../models/language/lstm.ts")).lstm,
  gpt: async () => (await import("../models/language/gpt.ts")).gpt,
  llama: async () => (await import("../models/language/llama.ts")).llama,
  bert: async () => (await import("../models/language/bert.ts")).bert,
  seq2seq: async () => (await import("../models/language/seq2seq.ts")).seq2seq,
  transformer: async () => (await import("../models/language/transformer.ts")).transformer,
};

/** A model's record by its name. @throws UsageError that offers the nearest name */
export async function loadRecord(name: string): Promise<ModelRecord> {
  const load = modelLoaders[name];
  if (load === undefined) throw unknownName("model", name, Object.keys(modelLoaders));
  return await load();
}
