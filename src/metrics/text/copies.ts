// Memorisation of text: what a model says word for word as its training data did.
import { UsageError } from "../../core/errors.ts";
import { SuffixAutomaton } from "./suffix-automaton.ts";

/** How much of one generated sequence stands in a corpus. */
export interface Copies {
  /** Symbols of the longest run that stands in the corpus, too. */
  longest: number;
  /** Where it begins in the sequence. */
  start: number;
  /** In which document of the corpus it was first seen, and where; -1 where nothing is shared. */
  document: number;
  documentStart: number;
  /** The share of the sequence's symbols that lie in copied runs of at least the given length, in [0, 1]. */
  share: number;
}

export interface CopiesOptions {
  /** The shortest run that counts for `share`. Default 50, as in Carlini et al., "Quantifying memorization across neural language models", 2022. */
  minimum?: number;
}

/**
 * The longest run of each sequence that stands in a corpus, exactly, and how much of the sequence such runs cover. The sequences are made into one
 * automaton, and the corpus is read past it once: time is linear in both, memory in the sequences alone.
 * @param sequences symbols such as token ids or code points, whole numbers from 0 on
 * @param corpus documents of such symbols, of any size; runs across two documents do not count
 * @throws UsageError for a minimum below 1
 */
export function findCopies(
  sequences: readonly ArrayLike<number>[],
  corpus: Iterable<ArrayLike<number>>,
  { minimum = 50 }: CopiesOptions = {},
): Copies[] {
  if (!(minimum >= 1)) throw new UsageError({ what: "A copied run has at least one symbol.", got: String(minimum) });
  const automaton = new SuffixAutomaton(sequences.reduce((sum, { length }) => sum + length, 0));
  const ends = sequences.map((symbols) => automaton.add(symbols));
  const seen = readPast(automaton, corpus);
  return sequences.map((symbols, i) => copiesOf(symbols.length, ends[i], seen, minimum));
}

/** {@link findCopies} by characters (code points): also the longest copied text itself. */
export function findCopiedText(
  texts: readonly string[],
  corpus: Iterable<string>,
  options: CopiesOptions = {},
): (Copies & { text: string })[] {
  const sequences = texts.map(codePoints);
  const documents = (function* () {
    for (const document of corpus) yield codePoints(document);
  })();
  return findCopies(sequences, documents, options).map((copies, i) => ({
    ...copies,
    text: Array.from(sequences[i].subarray(copies.start, copies.start + copies.longest), (point) => String.fromCodePoint(point)).join(""),
  }));
}

function codePoints(text: string): Int32Array {
  const points = new Int32Array(text.length);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) as number;
    if (point > 0xffff) i++;
    points[count++] = point;
  }
  return points.subarray(0, count);
}

/** Per state: the longest of its runs that the corpus has, and the document and place where that one ends. */
interface Seen {
  best: Int32Array;
  document: Int32Array;
  end: Int32Array;
}

function readPast(automaton: SuffixAutomaton, corpus: Iterable<ArrayLike<number>>): Seen {
  const { lengths, links, states } = automaton;
  const column = () => new Int32Array(states).fill(-1);
  const seen = { best: new Int32Array(states), document: column(), end: column() };
  let document = 0;
  for (const symbols of corpus) {
    let [state, length] = [0, 0];
    for (let i = 0; i < symbols.length; i++) {
      let next = automaton.step(state, symbols[i]);
      while (next < 0 && state > 0) {
        state = links[state];
        length = lengths[state];
        next = automaton.step(state, symbols[i]);
      }
      if (next < 0) continue;
      [state, length] = [next, length + 1];
      if (length > seen.best[state]) [seen.best[state], seen.document[state], seen.end[state]] = [length, document, i];
    }
    document++;
  }
  // What ends like a run that was seen was seen, too: from long to short.
  const order = Array.from({ length: states }, (_, state) => state).sort((a, b) => lengths[b] - lengths[a]);
  for (const state of order) {
    const link = links[state];
    if (link <= 0 || seen.best[state] === 0 || seen.best[link] === lengths[link]) continue;
    [seen.best[link], seen.document[link], seen.end[link]] = [lengths[link], seen.document[state], seen.end[state]];
  }
  // And of runs that were not seen themselves, the longest end that was.
  for (const state of order.reverse()) {
    if (state === 0 || seen.best[state] > 0) continue;
    const link = links[state];
    [seen.best[state], seen.document[state], seen.end[state]] = [seen.best[link], seen.document[link], seen.end[link]];
  }
  return seen;
}

function copiesOf(count: number, ends: Int32Array, { best, document, end }: Seen, minimum: number): Copies {
  const copies: Copies = { longest: 0, start: 0, document: -1, documentStart: -1, share: 0 };
  let [covered, upTo] = [0, 0];
  for (let i = 0; i < count; i++) {
    const length = best[ends[i]];
    if (length > copies.longest) {
      const [of, at] = [document[ends[i]], end[ends[i]]];
      Object.assign(copies, { longest: length, start: i - length + 1, document: of, documentStart: at - length + 1 });
    }
    if (length < minimum) continue;
    covered += i + 1 - Math.max(upTo, i - length + 1);
    upTo = i + 1;
  }
  copies.share = count === 0 ? 0 : covered / count;
  return copies;
}
