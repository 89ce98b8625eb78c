// A checkpoint of llama2.c as a folder in Hugging Face's form: node bin/ts.js scripts/llama2c.ts model.bin tokenizer.bin FOLDER
import { readFile } from "node:fs/promises";
import { readLlama2c, readLlama2cTokenizer } from "../src/pretrained/llama2c.ts";
import { writeModelFolder } from "../src/pretrained/node/index.ts";

const [model, vocabulary, folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: llama2c.ts model.bin tokenizer.bin FOLDER");
await writeModelFolder(folder, {
  network: readLlama2c(await readFile(model), model),
  tokenizer: readLlama2cTokenizer(await readFile(vocabulary), vocabulary),
  configJson: { bos_token_id: 1, eos_token_id: 2 },
});
process.stdout.write(`${folder}\n`);
