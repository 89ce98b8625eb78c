import type { ModelRecord } from "../models/model.ts";
import type { StepReport } from "./session.ts";

/** Nats below which a code carries nothing: the posterior has become the prior. */
const collapsedKl = 0.05;

/**
 * What a user should be told at this step, if anything, in plain words. Looked at once an epoch; the caller tells each text once, so it holds no figures
 * that change.
 * Posterior collapse: Bowman et al., "Generating sentences from a continuous space", 2016, section 3.
 */
export function diagnose(record: ModelRecord, { step, terms }: StepReport, stepsPerEpoch: number): string | undefined {
  if (step % stepsPerEpoch !== 0) return undefined;
  if (record.family === "autoencoders" && terms.kl !== undefined && terms.kl < collapsedKl) {
    return `the KL term is below ${collapsedKl} nats: the codes carry nothing (posterior collapse). Lower klWeight, or train longer`;
  }
  return undefined;
}
