/** Directions of attributes in a run's code space, and whether moving along them changes the attribute and nothing else. */
import { UsageError, unknownName } from "../../core/errors.ts";
import type { ImageSet } from "../../data/dataset.ts";
import { memberNames, membership } from "../../data/select.ts";
import { attributeVector, moveCodes } from "../../metrics/codes.ts";
import type { Pictures } from "../../models/index.ts";
import type { Codec, Codes } from "./codec.ts";
import { conditionsOf, picturesOf } from "./source.ts";

/** What a direction may be multiplied with, either way. */
export const MOST_STRENGTH = 10;

/** @throws UsageError for a strength beyond [-10, 10] */
export function requireStrength(strength: number): number {
  if (Number.isFinite(strength) && Math.abs(strength) <= MOST_STRENGTH) return strength;
  throw new UsageError({
    what: "The strength is out of range.",
    got: String(strength),
    expected: `a number from -${MOST_STRENGTH} to ${MOST_STRENGTH}; 1 moves from the mean without the attribute to the mean with it`,
  });
}

/** An attribute of a set, and how many pictures have it. */
export interface AttributeCount {
  name: string;
  with: number;
  without: number;
}

/** Every attribute and class of a set. */
export function attributeCounts(set: ImageSet): AttributeCount[] {
  return memberNames(set).map((name) => {
    const having = membership(set, name).reduce((sum, value) => sum + value, 0);
    return { name, with: having, without: set.count - having };
  });
}

/**
 * The direction of an attribute: mean code of the set's pictures with it minus mean code of those without.
 * @param codes of the set's pictures, in its order
 * @throws UsageError for a name the set does not have, or one that no picture has, or all
 */
export function directionOf(codes: Codes, set: ImageSet, name: string): Float64Array {
  const has = membership(set, name);
  const having = has.reduce((sum, value) => sum + value, 0);
  if (having > 0 && having < set.count) return attributeVector(codes.data, has);
  throw new UsageError({
    what: `${having === 0 ? "No picture" : "Every picture"} of the training data is "${name}": there is nothing to compare with.`,
    where: set.card.name,
    got: `${having} of ${set.count} pictures`,
    hint: "use more pictures (--limit), or another attribute; --list shows how many pictures have each",
  });
}

/** Pictures moved along a direction: the originals, and the decoded codes at each strength; for each strength [N, C, H, W]. */
export async function movedPictures(
  codec: Codec,
  set: ImageSet,
  direction: Float64Array,
  strengths: readonly number[],
): Promise<{ originals: Pictures; moved: Pictures[] }> {
  const originals = picturesOf(set);
  const conditions = conditionsOf(set);
  const codes = await codec.encode(originals, conditions);
  const moved: Pictures[] = [];
  for (const strength of strengths)
    moved.push(await codec.decode({ ...codes, data: moveCodes(codes.data, direction, strength) }, conditions));
  return { originals, moved };
}

/** Says of pictures which attributes they show: [N, K], 0 or 1, in the order of `names`. */
export interface AttributeReader {
  names: readonly string[];
  read(pictures: Pictures): Promise<Uint8Array>;
}

/**
 * The attributes that can be checked: those wanted, or all that the reader tells of and that some pictures of the set have and others have not.
 * @throws UsageError for a wanted name of which the reader says nothing
 */
export function checkable({ names }: AttributeReader, set: ImageSet, wanted?: readonly string[]): readonly string[] {
  const unread = wanted?.find((name) => !names.includes(name));
  if (unread !== undefined) throw unknownName("attribute that the classifier tells", unread, names);
  if (wanted !== undefined) return wanted;
  const counts = new Map(attributeCounts(set).map((count) => [count.name, count]));
  return names.filter((name) => (counts.get(name)?.with ?? 0) > 0 && counts.get(name)!.without > 0);
}

/** What moving along one attribute's direction did, all shares of the pictures. */
export interface AttributeCheck {
  name: string;
  strength: number;
  pictures: number;
  /** Pictures of which the reader says the opposite after the move, up where it was absent and down where it was present. */
  flipped: number;
  /** Of the reader's answers on all other attributes, those that stay; mean over attributes and pictures. */
  unchanged: number;
  /** The attribute besides this one that stays least often, and how often. */
  leastSteady: { name: string; unchanged: number } | undefined;
}

/** What moving needs: the codes of pictures, and what the reader says of their reconstructions. */
export interface CheckBase {
  codes: Codes;
  conditions: Float32Array | undefined;
  /** [N, K] */
  before: Uint8Array;
}

/** Encode a set and read its reconstructions, once for all attributes. */
export async function checkBase(codec: Codec, set: ImageSet, reader: AttributeReader): Promise<CheckBase> {
  const conditions = conditionsOf(set);
  const codes = await codec.encodeSet(set);
  return { codes, conditions, before: await reader.read(await codec.decode(codes, conditions)) };
}

/** Move every picture against what the reader sees in its reconstruction: by +α where the attribute is absent, by -α where it is present. */
export async function checkAttribute(
  codec: Codec,
  { codes, conditions, before }: CheckBase,
  reader: AttributeReader,
  name: string,
  direction: Float64Array,
  strength: number,
): Promise<AttributeCheck> {
  const width = reader.names.length;
  const index = reader.names.indexOf(name);
  const signed = Float64Array.from({ length: codes.count }, (_, n) => (before[n * width + index] === 1 ? -strength : strength));
  const moved = { ...codes, data: moveCodes(codes.data, direction, signed) };
  const after = await reader.read(await codec.decode(moved, conditions));
  const same = new Float64Array(width);
  for (let i = 0; i < after.length; i++) if (after[i] === before[i]) same[i % width]++;
  const others = reader.names.map((other, k) => ({ name: other, unchanged: same[k] / codes.count })).filter((_, k) => k !== index);
  return {
    name,
    strength,
    pictures: codes.count,
    flipped: 1 - same[index] / codes.count,
    unchanged: others.length === 0 ? 1 : others.reduce((sum, other) => sum + other.unchanged, 0) / others.length,
    leastSteady: others.sort((a, b) => a.unchanged - b.unchanged)[0],
  };
}

/** Strengths that {@link chooseStrength} tries. */
const TRIED = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8] as const;

/** The strength at which the smaller of the two shares, flipped and unchanged, is largest: to be chosen on training pictures. */
export async function chooseStrength(
  ...[codec, base, reader, name, direction]: [Codec, CheckBase, AttributeReader, string, Float64Array]
): Promise<number> {
  let best = { strength: 1, share: -1 };
  for (const strength of TRIED) {
    const { flipped, unchanged } = await checkAttribute(codec, base, reader, name, direction, strength);
    const share = Math.min(flipped, unchanged);
    if (share > best.share) best = { strength, share };
  }
  return best.strength;
}

/**
 * How often a reader's answers are the truth, by attribute: on a set's own pictures, and on what the model makes of them.
 * @param said [N, K], what the reader says of the set's pictures or of their reconstructions
 */
export function readerAccuracy({ names }: AttributeReader, said: Uint8Array, set: ImageSet): Record<string, number> {
  const width = names.length;
  const right = names.map((name, k) => {
    const has = membership(set, name);
    return [name, has.reduce((sum, value, n) => sum + (value === said[n * width + k] ? 1 : 0), 0) / set.count] as const;
  });
  return Object.fromEntries(right);
}
