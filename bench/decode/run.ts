// Tokens a second and time to the first token of a GPT-2-sized decoder, ours beside llama.cpp and transformers.js: the same weights, sides in turn.
//   npm install node-llama-cpp @huggingface/transformers     in a folder of your choice, PEERS
//   node bin/ts.js bench/decode/run.ts --peers PEERS [--forms float32,int8,int4] [--rounds 5] [--tokens 64] [--small]
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Form } from "./gguf.ts";
import { gpt2Small, llamaCpp, type Made, ours, type Side, transformersJs } from "./sides.ts";

const { values } = parseArgs({
  options: {
    peers: { type: "string" },
    forms: { type: "string", default: "float32,int8,int4" },
    rounds: { type: "string", default: "5" },
    tokens: { type: "string", default: "64" },
    small: { type: "boolean", default: false },
  },
});
const shape = values.small ? { vocabulary: 512, context: 1024, width: 128, layers: 4, heads: 4 } : gpt2Small;
const tokens = Number(values.tokens);
const lengths = [16, 512];

function prompt(length: number): number[] {
  return Array.from({ length }, (_, i) => (i * 7919 + 13) % shape.vocabulary);
}

const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const perToken = ({ at }: Made) => (at[at.length - 1] - at[0]) / (at.length - 1);

async function openSides(form: Form): Promise<Side[]> {
  const sides = [await ours(shape, form)];
  for (const open of values.peers === undefined ? [] : [llamaCpp, transformersJs]) {
    try {
      sides.push(await open(shape, form, values.peers!));
    } catch (error) {
      console.error(`${open.name} is left out: ${error instanceof Error ? error.message : error}`);
    }
  }
  return sides;
}

/** Times of a peer over ours, of the same round: the median and the outermost. */
function ratio(theirs: readonly number[], own: readonly number[]): string {
  const all = theirs.map((time, round) => time / own[round]);
  return `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`;
}

/** All rounds of all sides, which take turns and change places; the first round only warms up. */
async function measure(sides: readonly Side[], length: number): Promise<Made[][]> {
  const made: Made[][] = sides.map(() => []);
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const at = (round + turn) % sides.length;
      // Threads of the side before may still be waiting for work with open eyes.
      await setTimeout(500);
      const one = await sides[at].make(prompt(length), tokens);
      if (round > 0) made[at].push(one);
    }
  }
  return made;
}

for (const form of values.forms.split(",") as Form[]) {
  const sides = await openSides(form);
  for (const length of lengths) {
    const made = await measure(sides, length);
    const first = made.map((rounds) => rounds.map(({ at }) => at[0]));
    const each = made.map((rounds) => rounds.map(perToken));
    for (const [at, side] of sides.entries()) {
      const same = made[at][0].ids.findIndex((id, i) => id !== made[0][0].ids[i]);
      const row = {
        form,
        prompt: length,
        side: side.name,
        first_ms: Number(median(first[at]).toFixed(1)),
        token_ms: Number(median(each[at]).toFixed(2)),
        tokens_per_second: Number((1000 / median(each[at])).toFixed(1)),
        first_over_ours: ratio(first[at], first[0]),
        token_over_ours: ratio(each[at], each[0]),
        same_tokens: same === -1 ? tokens : same,
      };
      console.log(JSON.stringify(row));
    }
  }
  for (const side of sides) await side.close();
}
process.exit(0);
