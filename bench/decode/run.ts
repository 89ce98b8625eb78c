// Tokens a second and time to the first token of a GPT-2-sized decoder, ours beside llama.cpp and transformers.js: the same weights, sides in turn.
//   npm install node-llama-cpp @huggingface/transformers     in a folder of your choice, PEERS
//   node bin/ts.js bench/decode/run.ts --peers PEERS [--forms float32,int8,int4] [--rounds 5] [--tokens 64] [--small]
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

for (const form of values.forms.split(",") as Form[]) {
  const sides = await openSides(form);
  const made = new Map<string, Made[]>();
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const length of lengths) {
      for (const side of sides) {
        const one = await side.make(prompt(length), tokens);
        // The first round only warms up.
        if (round > 0) made.set(`${side.name} ${length}`, [...(made.get(`${side.name} ${length}`) ?? []), one]);
      }
    }
  }
  for (const length of lengths) {
    for (const side of sides) {
      const all = made.get(`${side.name} ${length}`)!;
      const same = all[0].ids.findIndex((id, i) => id !== made.get(`${sides[0].name} ${length}`)![0].ids[i]);
      const row = {
        form,
        prompt: length,
        side: side.name,
        first_ms: Number(median(all.map(({ at }) => at[0])).toFixed(1)),
        token_ms: Number(median(all.map(perToken)).toFixed(2)),
        tokens_per_second: Number((1000 / median(all.map(perToken))).toFixed(1)),
        same_tokens: same === -1 ? tokens : same,
      };
      console.log(JSON.stringify(row));
    }
  }
  for (const side of sides) await side.close();
}
process.exit(0);
