import { unknownName } from "../core/errors.ts";
import { autoencoder } from "./autoencoders/autoencoder.ts";
import { conditionalVae } from "./autoencoders/conditional-vae.ts";
import { denoisingAutoencoder } from "./autoencoders/denoising-autoencoder.ts";
import { vae } from "./autoencoders/vae.ts";
import { vaeGan } from "./autoencoders/vae-gan.ts";
import { vqVae } from "./autoencoders/vq-vae.ts";
import { pixelcnn } from "./autoregressive/pixelcnn.ts";
import { pixelCnnPlusPlus } from "./autoregressive/pixelcnn-plus-plus.ts";
import { pixelrnn } from "./autoregressive/pixelrnn.ts";
import { cnn } from "./classifiers/cnn.ts";
import { featureNet } from "./classifiers/feature-net.ts";
import { mlp } from "./classifiers/mlp.ts";
import { conditionalDdpm } from "./diffusion/conditional-ddpm.ts";
import { ddpm } from "./diffusion/ddpm.ts";
import { flowMatching } from "./diffusion/flow-matching.ts";
import { ncsn } from "./diffusion/ncsn.ts";
import { scoreSde } from "./diffusion/score-sde.ts";
import { superResolution } from "./diffusion/super-resolution.ts";
import { boltzmannMachine } from "./energy/boltzmann-machine.ts";
import { deepBeliefNet } from "./energy/deep-belief-net.ts";
import { ebm } from "./energy/ebm.ts";
import { rbm } from "./energy/rbm.ts";
import { ffjord } from "./flows/ffjord.ts";
import { glow } from "./flows/glow.ts";
import { realnvp } from "./flows/realnvp.ts";
import { conditionalGan } from "./gans/conditional-gan.ts";
import { dcgan } from "./gans/dcgan.ts";
import { wganGp } from "./gans/wgan-gp.ts";
import { bert } from "./language/bert.ts";
import { gpt } from "./language/gpt.ts";
import { llama } from "./language/llama.ts";
import { lstm } from "./language/lstm.ts";
import { seq2seq } from "./language/seq2seq.ts";
import { transformer } from "./language/transformer.ts";
import type { ModelRecord } from "./model.ts";

export type { LeaderboardEntry, Likelihood } from "./leaderboard.ts";
export {
  type Batch,
  type BatchPart,
  defaultTraining,
  defineModel,
  type Estimate,
  type EstimateContext,
  type Estimates,
  type GivenPictures,
  type MetricInfo,
  type ModelRecord,
  numericShape,
  type Phase,
  type Pictures,
  type Players,
  type Points,
  type Preset,
  pictureShape,
  type Recurrence,
  type SampleContext,
  type Samples,
  type SplitFacts,
  type TokenizerWish,
  type TrainingSettings,
  textShape,
  trainingSettings,
} from "./model.ts";
export {
  autoencoder,
  bert,
  boltzmannMachine,
  cnn,
  conditionalDdpm,
  conditionalGan,
  conditionalVae,
  dcgan,
  ddpm,
  deepBeliefNet,
  denoisingAutoencoder,
  ebm,
  featureNet,
  ffjord,
  flowMatching,
  glow,
  gpt,
  llama,
  lstm,
  mlp,
  ncsn,
  pixelCnnPlusPlus,
  pixelcnn,
  pixelrnn,
  rbm,
  realnvp,
  scoreSde,
  seq2seq,
  superResolution,
  transformer,
  vae,
  vaeGan,
  vqVae,
  wganGp,
};

/** The garden: every model, in the order of its history. The command line, the conformance suite and the documentation read this list. */
export const models: readonly ModelRecord[] = [
  mlp,
  cnn,
  featureNet,
  autoencoder,
  denoisingAutoencoder,
  vae,
  conditionalVae,
  vqVae,
  vaeGan,
  dcgan,
  wganGp,
  conditionalGan,
  pixelcnn,
  pixelrnn,
  pixelCnnPlusPlus,
  realnvp,
  glow,
  ffjord,
  boltzmannMachine,
  rbm,
  deepBeliefNet,
  ebm,
  ncsn,
  ddpm,
  conditionalDdpm,
  scoreSde,
  flowMatching,
  superResolution,
  lstm,
  gpt,
  llama,
  bert,
  seq2seq,
  transformer,
];

/** A model by name. @throws UsageError that offers the nearest name */
export function findModel(name: string): ModelRecord {
  const found = models.find((model) => model.name === name);
  if (found === undefined)
    throw unknownName(
      "model",
      name,
      models.map((model) => model.name),
    );
  return found;
}
