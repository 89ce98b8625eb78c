import type { Workload } from "../harness/workload.ts";
import { autoencoderPlayerWorkloads } from "./autoencoder-players.ts";
import { autoencoderWorkloads } from "./autoencoders.ts";
import { autoregressiveWorkloads } from "./autoregressive.ts";
import { compileWorkloads } from "./compile.ts";
import { convolutionWorkloads } from "./convolutions.ts";
import { diffusionWorkload } from "./diffusion.ts";
import { diffusionModelWorkloads } from "./diffusion-models.ts";
import { energyWorkloads } from "./energy.ts";
import { featureNetWorkload } from "./feature-net.ts";
import { ffjordWorkload } from "./ffjord.ts";
import { flowPictureWorkloads } from "./flow-pictures.ts";
import { flowWorkloads } from "./flows.ts";
import { ganWorkloads } from "./gans.ts";
import { kernelWorkloads } from "./kernels.ts";
import { languageWorkloads } from "./language.ts";
import { modelWorkloads } from "./models.ts";
import { pixelCnnWorkload } from "./pixelcnn.ts";
import { samplingWorkloads } from "./sampling.ts";
import { scoreWorkloads } from "./scores.ts";
import { translationWorkloads } from "./translation.ts";

/** Every workload of the bench, in the order it is run; peers implement those of the same name. */
export const workloads: readonly Workload[] = [
  ...modelWorkloads,
  featureNetWorkload,
  ...autoencoderPlayerWorkloads,
  ...autoencoderWorkloads,
  ...ganWorkloads,
  ...energyWorkloads,
  pixelCnnWorkload,
  ...autoregressiveWorkloads,
  ...languageWorkloads,
  ...translationWorkloads,
  diffusionWorkload,
  ...diffusionModelWorkloads,
  ...flowWorkloads,
  ffjordWorkload,
  ...scoreWorkloads,
  ...samplingWorkloads,
  ...flowPictureWorkloads,
  ...kernelWorkloads,
  ...convolutionWorkloads,
  ...compileWorkloads,
];
