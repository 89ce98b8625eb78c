/**
 * Seeded random streams, one per named use.
 *
 * Generator: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018, arXiv:1805.01407), 32 bits a
 * draw, period 2^128 - 1. Seeding: the 64-bit FNV-1a hash of the run's seed and the stream's name, stretched by SplitMix64 as the
 * authors of xoshiro advise. Normals: the Ziggurat (Marsaglia and Tsang, "The ziggurat method for generating random variables", 2000)
 * with 256 layers; the layer, the sign and the abscissa come from separate bits of the draw, which mends the correlation that
 * Doornik ("An improved ziggurat method", 2005) found in the original.
 *
 * Nothing but the four words of the state decides what comes next: saving and restoring them is exact.
 */
import { AtelierError } from "./errors.ts";

/** The whole state of a stream: four unsigned 32-bit integers, not all zero. Plain JSON. */
export type RandomState = readonly [number, number, number, number];

/** A seeded stream of random numbers with a name of its own; see the head of this file for the generator. */
export class RandomStream {
  readonly seed: string;
  readonly name: string;
  readonly #words: Int32Array;

  /**
   * The stream named `name` of the run seeded with `seed`. Seeds 7, 7n and "7" are the same seed.
   * @throws AtelierError when a number is not a safe integer.
   */
  constructor(seed: number | bigint | string, name: string) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new AtelierError({
        what: "A seed must be an integer or a text.",
        got: String(seed),
        hint: "pass a bigint for integers beyond 2^53",
      });
    }
    this.seed = String(seed);
    this.name = name;
    this.#words = seedWords(this.seed, name);
  }

  /** Four unsigned 32-bit integers from which `restore` goes on exactly. */
  get state(): RandomState {
    const [a, b, c, d] = this.#words;
    return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
  }

  /** Go on from a saved state. @throws AtelierError when it is not four unsigned 32-bit integers with at least one not zero. */
  restore(state: readonly number[]): void {
    const wellFormed =
      Array.isArray(state) && state.length === 4 && state.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32);
    if (!wellFormed || state.every((word) => word === 0)) {
      throw new AtelierError({
        what: `The saved state of random stream "${this.name}" is not valid.`,
        got: JSON.stringify(state),
        expected: "four integers in [0, 2^32), not all zero",
      });
    }
    this.#words.set(state.map((word) => word | 0));
  }

  /** The stream for a part of this one's use: same seed, name "this/part". It depends on names only, never on what has been drawn here. */
  fork(part: string): RandomStream {
    return new RandomStream(this.seed, `${this.name}/${part}`);
  }

  /** The next 32 bits, in [0, 2^32). */
  nextUint32(): number {
    const words = this.#words;
    const s1 = words[1];
    const scrambled = Math.imul(s1, 5);
    const s2 = words[2] ^ words[0];
    const s3 = words[3] ^ s1;
    words[1] = s1 ^ s2;
    words[0] ^= s3;
    words[2] = s2 ^ (s1 << 9);
    words[3] = (s3 << 11) | (s3 >>> 21);
    return Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
  }

  /** Uniform in [0, 1), a multiple of 2^-24: 24 bits, so that storing it as float32 never rounds up to 1. */
  uniform(): number {
    return (this.nextUint32() >>> 8) * 2 ** -24;
  }

  /** Fill with uniforms in [0, 1): the same numbers as calling `uniform` for each element. */
  fillUniform(target: Float32Array): void {
    const words = this.#words;
    let [s0, s1, s2, s3] = words;
    for (let i = 0; i < target.length; i++) {
      const scrambled = Math.imul(s1, 5);
      target[i] = (Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 8) * 2 ** -24;
      const shifted = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= shifted;
      s3 = (s3 << 11) | (s3 >>> 21);
    }
    setWords(words, s0, s1, s2, s3);
  }

  /** Standard normal, N(0, 1). */
  normal(): number {
    const bits = this.nextUint32();
    const layer = bits & 0xff;
    const steps = bits >>> 9;
    if (steps < INSIDE[layer]) {
      const x = (steps + 0.5) * WIDTH[layer];
      return bits & 0x100 ? -x : x;
    }
    return this.#normalOutside(bits);
  }

  /** Fill with standard normals: the same numbers, rounded to float32, as calling `normal` for each element. */
  fillNormal(target: Float32Array): void {
    const words = this.#words;
    let [s0, s1, s2, s3] = words;
    for (let i = 0; i < target.length; i++) {
      const scrambled = Math.imul(s1, 5);
      const bits = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
      const shifted = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= shifted;
      s3 = (s3 << 11) | (s3 >>> 21);
      const layer = bits & 0xff;
      const steps = bits >>> 9;
      if (steps < INSIDE[layer]) {
        // Bit 8 is the sign: 1 - 2 * 0 or 1 - 2 * 1, without a branch that would be mispredicted half the time.
        target[i] = (steps + 0.5) * WIDTH[layer] * (1 - ((bits >>> 7) & 2));
      } else {
        setWords(words, s0, s1, s2, s3);
        target[i] = this.#normalOutside(bits >>> 0);
        [s0, s1, s2, s3] = words;
      }
    }
    setWords(words, s0, s1, s2, s3);
  }

  /** Fill with 1 (probability `p`) and 0 (probability 1 - p). @throws AtelierError when `p` is not in [0, 1]. */
  fillBernoulli(target: Float32Array | Uint8Array, p: number): void {
    if (!(p >= 0 && p <= 1)) throw new AtelierError({ what: "A probability must be between 0 and 1.", got: String(p) });
    // The sign bit of (31 random bits - threshold): a comparison without a branch that would often be mispredicted.
    const threshold = Math.round(p * 2 ** 31);
    for (let i = 0; i < target.length; i++) target[i] = ((this.nextUint32() >>> 1) - threshold) >>> 31;
  }

  /** A uniform integer in [0, n), without bias (draws past the last whole multiple of n are thrown away). @throws AtelierError unless 1 <= n <= 2^32. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new AtelierError({ what: "A random integer needs a whole upper bound.", got: String(n), expected: "an integer in [1, 2^32]" });
    }
    const limit = 2 ** 32 - (2 ** 32 % n);
    let bits = this.nextUint32();
    while (bits >= limit) bits = this.nextUint32();
    return bits % n;
  }

  /** Put the elements in a uniformly random order, in place (Fisher-Yates), and return the same array. */
  shuffle<A extends unknown[] | Int32Array | Uint32Array>(array: A): A {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [array[i], array[j]] = [array[j], array[i]];
    }
    return array;
  }

  /** The 1.5% of draws outside the layers' inner rectangles: the wedge under the curve, the tail beyond the base layer, or a new draw. */
  #normalOutside(first: number): number {
    let bits = first;
    for (;;) {
      const layer = bits & 0xff;
      const steps = bits >>> 9;
      const sign = bits & 0x100 ? -1 : 1;
      if (steps < INSIDE[layer]) return sign * (steps + 0.5) * WIDTH[layer];
      if (layer === 0) return sign * this.#tail();
      const x = (steps + 0.5) * WIDTH[layer];
      const y = HEIGHT[layer] + this.uniform() * (HEIGHT[layer + 1] - HEIGHT[layer]);
      if (y < Math.exp(-0.5 * x * x)) return sign * x;
      bits = this.nextUint32();
    }
  }

  /** A normal given that it is beyond TAIL_START (Marsaglia 1964). */
  #tail(): number {
    for (;;) {
      const x = -Math.log(1 - this.uniform()) / TAIL_START;
      const y = -Math.log(1 - this.uniform());
      if (2 * y > x * x) return TAIL_START + x;
    }
  }
}

const LAYERS = 256;
/** Where the tail begins, and the area of each layer, for 256 layers under exp(-x²/2): the root of "the top layer ends at height 1". */
const TAIL_START = 3.6541528853610088;
const LAYER_AREA = 0.004928673233974655;

/** WIDTH: a layer's width over 2^23; INSIDE: below how many of those steps a point is surely under the curve; HEIGHT: the curve at the layer's edge. */
const { WIDTH, INSIDE, HEIGHT } = buildLayers();

function buildLayers(): { WIDTH: Float64Array; INSIDE: Int32Array; HEIGHT: Float64Array } {
  const steps = 2 ** 23;
  const curve = (x: number) => Math.exp(-0.5 * x * x);
  // Layer 0 is the base: a strip with the tail's area added, as wide as if it were a rectangle. Layer i of 1..255 ends at edge[i]; edge[255] is near 0.27.
  const edge = new Float64Array(LAYERS + 1);
  edge[0] = LAYER_AREA / curve(TAIL_START);
  edge[1] = TAIL_START;
  for (let i = 2; i < LAYERS; i++) edge[i] = Math.sqrt(-2 * Math.log(LAYER_AREA / edge[i - 1] + curve(edge[i - 1])));
  edge[LAYERS] = 0;
  const width = Float64Array.from({ length: LAYERS }, (_, i) => edge[i] / steps);
  const inside = Int32Array.from({ length: LAYERS }, (_, i) => Math.floor((steps * edge[i + 1]) / edge[i]));
  return { WIDTH: width, INSIDE: inside, HEIGHT: edge.map(curve) };
}

function setWords(words: Int32Array, s0: number, s1: number, s2: number, s3: number): void {
  words[0] = s0;
  words[1] = s1;
  words[2] = s2;
  words[3] = s3;
}

/** Two SplitMix64 outputs are never both zero, so the state is always valid. */
function seedWords(seed: string, name: string): Int32Array {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(`${seed}\0${name}`)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  const words = new Int32Array(4);
  for (let i = 0; i < 4; i += 2) {
    hash = BigInt.asUintN(64, hash + 0x9e3779b97f4a7c15n);
    let mixed = BigInt.asUintN(64, (hash ^ (hash >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    mixed ^= mixed >> 31n;
    words[i] = Number(BigInt.asIntN(32, mixed));
    words[i + 1] = Number(BigInt.asIntN(32, mixed >> 32n));
  }
  return words;
}
