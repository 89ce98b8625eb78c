import type { ModelRecord } from "../models/model.ts";
import type { StepReport } from "./session.ts";

/** Nats below which a code carries nothing: the posterior has become the prior. */
const collapsedKl = 0.05;

/** Steps over which a game's terms are averaged before they are judged. */
const windowSteps = 100;
/** Windows in which players may find each other: a generator begins with pictures that are all alike. */
const firstWindows = 3;

/** Nats of a discriminator that is right about 95 of 100 pictures, and of one that does worse than a coin. */
const sure = 0.05;
const lost = 0.85;
/** Nats of a generator that is believed once in 150 times. */
const disbelieved = 5;
/** Share of the largest gradient seen below which a generator learns nothing. */
const vanished = 1e-3;
/** Share of the data's differences below which a generator's pictures are all alike, and share that they must have had for a fall to be one. */
const alike = 0.1;
const various = 0.4;
const fallen = 0.2;

/** Means of a window's terms and gradient norms, by name. */
type Means = Readonly<Record<string, number>>;

const advice = {
  collapsedKl: `the KL term is below ${collapsedKl} nats: the codes carry nothing (posterior collapse). Lower klWeight, or train longer`,
  overpowered:
    "the discriminator overpowers the generator: it is sure of every picture, and nothing that the generator tries is believed. Set labelNoise, smoothing or dropout, or train the discriminator with a smaller width",
  outwitted: "the discriminator does worse than a coin: the generator learns from wrong answers. Lower learningRate, labelNoise or dropout",
  behind: "the critic's estimate is below 0: it has not kept up with the generator. Raise criticSteps, or lower learningRate",
  vanished:
    "the generator's gradient has vanished: it learns nothing any more. The other player is too sure (labelNoise, smoothing), or its weights are held too small (clip; the penalty of wgan-gp does not do that)",
  alike:
    "the generator's pictures are nearly all alike (mode collapse). Lower learningRate, set smoothing or labelNoise, or take wgan-gp, whose critic notices",
};

/**
 * Watches a training and says in plain words when it goes wrong, each thing once. Of players that train against each other it sees the balance of their
 * losses, the generator's gradient, and how different its pictures are (the term `diversity`).
 *
 * Posterior collapse: Bowman et al., "Generating sentences from a continuous space", 2016, section 3. Vanishing gradients of a generator: Arjovsky and
 * Bottou, "Towards principled methods for training generative adversarial networks", 2017, theorem 2.4. Mode collapse: Salimans et al., "Improved
 * techniques for training GANs", 2016, section 3.2, whose minibatch statistics `diversity` is the simplest of.
 */
export class Diagnosis {
  readonly #family: string;
  readonly #stepsPerEpoch: number;
  readonly #told = new Set<string>();
  #sums: Record<string, number> = {};
  #count = 0;
  #windows = 0;
  #largestGradient = 0;
  #largestDiversity = 0;

  constructor(record: Pick<ModelRecord, "family">, stepsPerEpoch: number) {
    this.#family = record.family;
    this.#stepsPerEpoch = stepsPerEpoch;
  }

  /** What a user should be told after this step and has not been told before. */
  look({ step, terms, gradientNorms = {} }: Pick<StepReport, "step" | "terms" | "gradientNorms">): string[] {
    const found: string[] = [];
    if (this.#family === "autoencoders" && step % this.#stepsPerEpoch === 0 && terms.kl < collapsedKl) found.push(advice.collapsedKl);
    if (gradientNorms.generator !== undefined) {
      this.#add(terms);
      this.#add({ generatorGradient: gradientNorms.generator });
      this.#count++;
      if (this.#count === windowSteps) found.push(...this.#judge());
    }
    return this.#once(found);
  }

  /**
   * The same for samples that a classifier has named: which of the data's classes it finds.
   * @param counts samples by class
   * @param names of the classes
   */
  lookAtClasses(counts: readonly number[], names: readonly string[]): string[] {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const missing = names.filter((_, k) => (counts[k] ?? 0) < missingShare * total);
    if (total === 0 || missing.length === 0 || this.#windows < firstWindows) return [];
    const entropy = -counts.reduce((sum, count) => sum + (count === 0 ? 0 : (count / total) * Math.log(count / total)), 0);
    const effective = Math.exp(entropy).toFixed(1);
    return this.#once([
      `of ${names.length} classes the samples lack ${missing.join(", ")} (as many as ${effective} classes of equal share; by a classifier). Part of the data is not painted: train longer, or see mode collapse in the model's page`,
    ]);
  }

  #add(values: Means): void {
    for (const [name, value] of Object.entries(values)) this.#sums[name] = (this.#sums[name] ?? 0) + value;
  }

  /** Close a window and say what it shows. */
  #judge(): string[] {
    const means: Means = Object.fromEntries(Object.entries(this.#sums).map(([name, sum]) => [name, sum / this.#count]));
    this.#sums = {};
    this.#count = 0;
    this.#windows++;
    const before = { gradient: this.#largestGradient, diversity: this.#largestDiversity };
    this.#largestGradient = Math.max(this.#largestGradient, means.generatorGradient);
    this.#largestDiversity = Math.max(this.#largestDiversity, means.diversity ?? 0);
    if (this.#windows <= firstWindows) return [];
    return [...judgeBalance(means), ...judgeGenerator(means, before)];
  }

  #once(texts: readonly string[]): string[] {
    const fresh = texts.filter((text) => !this.#told.has(text));
    for (const text of fresh) this.#told.add(text);
    return fresh;
  }
}

/** Share of the samples below which a class counts as missing. */
const missingShare = 0.01;

/** Whether the two players still learn from each other. */
function judgeBalance({ real, fake, generator, estimate }: Means): string[] {
  if (real !== undefined && fake !== undefined) {
    if (real < sure && fake < sure && generator > disbelieved) return [advice.overpowered];
    if ((real + fake) / 2 > lost) return [advice.outwitted];
  }
  return estimate !== undefined && estimate < 0 ? [advice.behind] : [];
}

/** Whether the generator still learns, and still paints more than one picture. */
function judgeGenerator({ generatorGradient, diversity }: Means, largest: { gradient: number; diversity: number }): string[] {
  const found: string[] = [];
  if (generatorGradient < vanished * largest.gradient || generatorGradient === 0) found.push(advice.vanished);
  if (diversity !== undefined && (diversity < alike || (largest.diversity > various && diversity < fallen))) found.push(advice.alike);
  return found;
}
