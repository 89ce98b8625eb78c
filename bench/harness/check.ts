import type { Peer } from "./peer.ts";

/** Networks whose first losses must agree, and how many trainable parameters each has. */
export const NETWORKS: Readonly<Record<string, number>> = { mlp: 646_260, cnn: 591_914, autoencoder: 343_043, vae: 433_185 };

/** Largest relative difference of a loss from the first peer's: float32 sums in another order, grown by Adam's first steps. */
export const TOLERANCE = 1e-4;

const STEPS = 3;

/** Largest relative difference between two lists of losses; infinite where the lengths differ or a loss is not finite. */
export function difference(losses: readonly number[], reference: readonly number[]): number {
  if (losses.length !== reference.length || losses.length === 0) return Number.POSITIVE_INFINITY;
  const largest = Math.max(...losses.map((loss, i) => Math.abs(loss - reference[i]) / Math.abs(reference[i])));
  return Number.isFinite(largest) ? largest : Number.POSITIVE_INFINITY;
}

/**
 * Do the peers train the same networks? From equal start values, equal batches, no dropout and fixed noise, the losses of three Adam steps are
 * compared with those of the first peer, in each peer's first mode for the network. True where all agree.
 */
export async function checkPeers(peers: readonly Peer[], say: (text: string) => void): Promise<boolean> {
  let good = true;
  for (const [network, count] of Object.entries(NETWORKS)) {
    let reference: number[] | undefined;
    for (const peer of peers) {
      const [mode] = peer.modesOf(network);
      if (mode === undefined) continue;
      const { losses, parameters } = await peer.check(network, mode, STEPS);
      reference ??= losses;
      const off = difference(losses, reference);
      const agrees = off <= TOLERANCE && parameters === count;
      good &&= agrees;
      const values = losses.map((loss) => loss.toFixed(5)).join(" ");
      say(
        `${network} ${peer.greeting.peer} ${mode}: ${values}, off ${off.toExponential(1)}, ${parameters} parameters${agrees ? "" : "  <- differs"}`,
      );
    }
  }
  return good;
}
