// Put a trained GPT or Llama into the library as the model that says hello without a network: node bin/ts.js scripts/hello-asset.ts RUN
import { writeModelFolder } from "../src/pretrained/node/index.ts";
import { helloAsset } from "../src/runs/hello.ts";
import { loadModel } from "../src/runs/load.ts";
import { openRun } from "../src/runs/registry.ts";

const [name] = process.argv.slice(2);
if (name === undefined) throw new Error("use: node bin/ts.js scripts/hello-asset.ts RUN");
const run = await openRun(name);
const { network, tokenizers } = await loadModel(run);
await writeModelFolder(helloAsset, { network, tokenizer: tokenizers?.tokenizer, floats: "F16" });
process.stdout.write(`${helloAsset}: ${run.record.command.join(" ")}\n`);
