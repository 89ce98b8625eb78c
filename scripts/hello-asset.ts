// Put a trained GPT or Llama into the library as the model that says hello without a network: node bin/ts.js scripts/hello-asset.ts RUN
// Weights are rounded to half precision, measured as rounded, and described in assets/manifest.json with digests and the commands that make them.

import { assetsFolder } from "../src/runs/hello.ts";
import { makeHelloAsset } from "../src/runs/hello-asset.ts";
import { openRun } from "../src/runs/registry.ts";
import { openBackend } from "../src/runtime/node/open.ts";

const [name, assets = assetsFolder] = process.argv.slice(2);
if (name === undefined) throw new Error("use: node bin/ts.js scripts/hello-asset.ts RUN [ASSETS]");
const { files, parameters, perplexity, bitsPerByte } = await makeHelloAsset(await openRun(name), await openBackend(), assets);
for (const [file, { bytes }] of Object.entries(files)) console.log(`hello/${file}: ${bytes} bytes`);
console.log(`${parameters} parameters, held-out perplexity ${perplexity.toFixed(2)}, ${bitsPerByte.toFixed(3)} bits per byte`);
