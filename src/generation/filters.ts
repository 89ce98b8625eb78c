/**
 * Which tokens may be drawn: pure functions from candidates to fewer candidates, in the order and with the meaning of Hugging Face transformers'
 * logits warpers.
 */

/** Tokens that may come next, with their logits; what is left out has probability 0. Both arrays are as long. */
export interface Candidates {
  readonly ids: Int32Array;
  readonly logits: Float64Array;
}

/** All tokens of a row of logits [V] but those at -Infinity. */
export function candidatesOf(logits: Float32Array): Candidates {
  const ids = new Int32Array(logits.length);
  let count = 0;
  for (let id = 0; id < logits.length; id++) if (logits[id] > Number.NEGATIVE_INFINITY) ids[count++] = id;
  const kept = ids.subarray(0, count);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = logits[kept[i]];
  return { ids: kept, logits: values };
}

/** Logits divided by a temperature above 0. */
export function temperature({ ids, logits }: Candidates, value: number): Candidates {
  return { ids, logits: value === 1 ? logits : logits.map((logit) => logit / value) };
}

/** The `count` likeliest, and those as likely as the last of them. */
export function topK(candidates: Candidates, count: number): Candidates {
  const { logits } = candidates;
  if (count >= logits.length) return candidates;
  const least = kthLargest(logits, count);
  return keep(candidates, (i) => logits[i] >= least);
}

/** The likeliest that together have at least `mass`: the nucleus (Holtzman et al. 2020, Eq. 2). Of equally likely ones those with smaller ids. */
export function topP(candidates: Candidates, mass: number): Candidates {
  if (mass >= 1) return candidates;
  const p = probabilities(candidates);
  // What is less likely than (1 - mass) / count has less than 1 - mass in all, so that none of it is in the nucleus.
  const floor = (1 - mass) / p.length;
  const order = ascending(p, (i) => (p[i] >= floor ? 1 / p[i] : undefined));
  return keepFirst(candidates, order, p, mass);
}

/** Those at least `share` times as likely as the likeliest. */
export function minP(candidates: Candidates, share: number): Candidates {
  if (share <= 0) return candidates;
  const { logits } = candidates;
  const least = largest(logits) + Math.log(share);
  // One part in 10^12 of slack: at share 1 the likeliest itself must stay.
  return keep(candidates, (i) => logits[i] >= least - 1e-12 * Math.abs(least));
}

/**
 * Those whose surprise -log p is closest to the entropy, until they have `mass` together (locally typical sampling, Meister et al. 2022, Eq. 7).
 */
export function typicalP(candidates: Candidates, mass: number): Candidates {
  if (mass >= 1) return candidates;
  const p = probabilities(candidates);
  const entropy = p.reduce((sum, value) => (value > 0 ? sum - value * Math.log(value) : sum), 0);
  const order = ascending(p, (i) => (p[i] > 0 ? Math.abs(-Math.log(p[i]) - entropy) : undefined));
  return keepFirst(candidates, order, p, mass);
}

/** Probabilities of candidates: their softmax, adding up to 1. */
export function probabilities({ logits }: Candidates): Float64Array {
  const most = largest(logits);
  const p = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    p[i] = Math.exp(logits[i] - most);
    sum += p[i];
  }
  for (let i = 0; i < p.length; i++) p[i] /= sum;
  return p;
}

/** Weights of the row that is drawn from: one array for all, since a call for each token of each text keeps the garbage collector busy. */
let weights = new Float64Array(0);

/**
 * The place of one of the logits [V], drawn with the probabilities of their softmax at a temperature above 0; -1 where all are -Infinity.
 * @param uniform in [0, 1): which one
 */
export function drawOne(logits: Float32Array | Float64Array, heat: number, uniform: number): number {
  const most = largest(logits);
  if (most === Number.NEGATIVE_INFINITY) return -1;
  if (weights.length < logits.length) weights = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    weights[i] = Math.exp((logits[i] - most) / heat);
    sum += weights[i];
  }
  let left = uniform * sum;
  let last = -1;
  for (let i = 0; i < logits.length; i++) {
    if (weights[i] === 0) continue;
    left -= weights[i];
    last = i;
    if (left < 0) break;
  }
  return last;
}

function largest(values: Float32Array | Float64Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}

function keep({ ids, logits }: Candidates, wanted: (i: number) => boolean): Candidates {
  const at = new Int32Array(ids.length);
  let count = 0;
  for (let i = 0; i < ids.length; i++) if (wanted(i)) at[count++] = i;
  const kept = at.subarray(0, count);
  return { ids: kept.map((i) => ids[i]), logits: Float64Array.from(kept, (i) => logits[i]) };
}

/** The first of an order until they have `mass` together, at least one; in their order of ids. */
function keepFirst(candidates: Candidates, order: Int32Array, p: Float64Array, mass: number): Candidates {
  const kept = new Uint8Array(p.length);
  let sum = 0;
  for (let rank = 0; rank < order.length && (rank === 0 || sum < mass); rank++) {
    kept[order[rank]] = 1;
    sum += p[order[rank]];
  }
  return keep(candidates, (i) => kept[i] === 1);
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * Positions by a number that is not negative, smallest first, of equal ones the earlier first; those without a number left out. Numbers count in single
 * precision. The position is packed below the number's bits into one whole number, which native sorting without a comparison function orders: ten times as
 * fast as sorting positions by a comparison.
 */
function ascending(values: Float64Array, key: (i: number) => number | undefined): Int32Array {
  const packed = new Float64Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const number = key(i);
    if (number === undefined) continue;
    float[0] = number;
    packed[count++] = bits[0] * 2 ** 21 + i;
  }
  const sorted = packed.subarray(0, count).sort();
  return Int32Array.from(sorted, (value) => value % 2 ** 21);
}

/** The k-th largest of numbers, k from 1: a heap of the k largest, whose least is at the front. */
function kthLargest(values: Float64Array, k: number): number {
  const heap = values.slice(0, k).sort();
  for (let i = k; i < values.length; i++) {
    if (values[i] <= heap[0]) continue;
    heap[0] = values[i];
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = left + 1 < k && heap[left + 1] < heap[left] ? left + 1 : left;
      if (child >= k || heap[child] >= heap[at]) break;
      [heap[at], heap[child]] = [heap[child], heap[at]];
      at = child;
    }
  }
  return heap[0];
}
