import type { Peer } from "./peer.ts";
import type { Check, Workload } from "./workload.ts";

/** What every side must have in common for one network. */
export interface Expected {
  /** Trainable parameters. */
  parameters: number;
  /** Largest relative difference of a loss after the first step; 1e-4 where left out. */
  later?: number;
}

/** Largest relative difference of the first losses: float32 sums in another order. Later ones have been through Adam, which magnifies rounding. */
export const TOLERANCE = 1e-4;

/** Networks whose first losses, or of samplers figures of what they draw, must agree. Players against each other drift apart faster. */
export const NETWORKS: Readonly<Record<string, Expected>> = {
  mlp: { parameters: 646_260 },
  cnn: { parameters: 591_914 },
  "feature-net": { parameters: 144_954 },
  autoencoder: { parameters: 343_043 },
  vae: { parameters: 433_185 },
  "vq-vae": { parameters: 651_041, later: 5e-3 },
  "vae-gan": { parameters: 821_346, later: 5e-3 },
  "vae-mlp": { parameters: 815_824 },
  "vae-faces": { parameters: 1_605_075, later: 1e-3 },
  denoising: { parameters: 880_961, later: 1e-3 },
  "conditional-vae": { parameters: 1_701_601, later: 1e-3 },
  dcgan: { parameters: 6_338_176, later: 5e-3 },
  "wgan-gp": { parameters: 6_570_817, later: 1e-2 },
  "conditional-gan": { parameters: 568_640, later: 5e-3 },
  ebm: { parameters: 76_993, later: 1e-2 },
  rbm: { parameters: 393_284, later: 1e-2 },
  pixelcnn: { parameters: 307_460 },
  "pixelcnn-gated": { parameters: 182_913 },
  pixelrnn: { parameters: 45_377 },
  "pixelcnn-plus-plus": { parameters: 321_668 },
  lstm: { parameters: 2_407_760 },
  seq2seq: { parameters: 849_835 },
  "transformer-g2p": { parameters: 1_398_784 },
  "seq2seq-luong": { parameters: 806_955 },
  "seq2seq-feeding": { parameters: 1_003_563 },
  "gpt-small": { parameters: 804_096 },
  "gpt-medium": { parameters: 10_745_088 },
  unet: { parameters: 1_950_627, later: 1e-3 },
  ddpm: { parameters: 980_577, later: 1e-3 },
  "flow-matching": { parameters: 980_577, later: 1e-3 },
  realnvp: { parameters: 2_383_896 },
  ffjord: { parameters: 9_224 },
  "score-sde": { parameters: 155_522, later: 1e-3 },
  "score-sde-unet": { parameters: 243_457, later: 1e-3 },
  "vae-sample": { parameters: 433_185 },
  "dcgan-sample": { parameters: 536_384 },
  "pixelcnn-sample": { parameters: 182_913 },
  "pixelcnn-sample-direct": { parameters: 182_913 },
  "realnvp-digits": { parameters: 152_389, later: 1e-3 },
  glow: { parameters: 228_528, later: 1e-3 },
};

const STEPS = 3;

/** Largest relative difference between two lists of losses, each measured against at least a tenth of the largest; infinite where nothing can be compared. */
export function difference(losses: readonly number[], reference: readonly number[]): number {
  if (losses.length !== reference.length || losses.length === 0) return Number.POSITIVE_INFINITY;
  const least = 0.1 * Math.max(...reference.map(Math.abs));
  const largest = Math.max(...losses.map((loss, i) => Math.abs(loss - reference[i]) / Math.max(Math.abs(reference[i]), least)));
  return Number.isFinite(largest) ? largest : Number.POSITIVE_INFINITY;
}

/** Do losses and parameter count agree? The first step's losses are held to {@link TOLERANCE}, the later ones to the network's own. */
export function agrees(got: Check, reference: readonly number[], { parameters, later = TOLERANCE }: Expected): boolean {
  const first = got.losses.length / STEPS;
  if (!Number.isInteger(first) || got.parameters !== parameters) return false;
  return difference(got.losses.slice(0, first), reference.slice(0, first)) <= TOLERANCE && difference(got.losses, reference) <= later;
}

/**
 * Do ours and the peers train the same networks? From equal start values, equal batches, no dropout and fixed draws, the losses of three steps are
 * compared with ours, in each peer's first mode for the network (or in all of `modes`). True where all agree.
 */
export async function checkPeers(
  workloads: readonly Workload[],
  peers: readonly Peer[],
  modes: readonly string[],
  say: (text: string) => void,
): Promise<boolean> {
  let good = true;
  for (const { name, check } of workloads) {
    const expected = NETWORKS[name];
    if (check === undefined || expected === undefined) continue;
    const ours = await check(STEPS);
    const tell = (side: string, got: Check): void => {
      const same = agrees(got, ours.losses, expected);
      good &&= same;
      const values = got.losses.map((loss) => loss.toFixed(5)).join(" ");
      const off = difference(got.losses, ours.losses).toExponential(1);
      say(`${name} ${side}: ${values}, off ${off}, ${got.parameters} parameters${same ? "" : "  <- differs"}`);
    };
    tell("ours", ours);
    for (const peer of peers) {
      const offered = peer.modesOf(name);
      const wanted = modes.length === 0 ? offered.slice(0, 1) : offered.filter((mode) => modes.includes(mode));
      for (const mode of wanted) tell(`${peer.greeting.peer} ${mode}`, await peer.check(name, mode, STEPS));
    }
  }
  return good;
}
