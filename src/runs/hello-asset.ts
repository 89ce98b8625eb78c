/** Making the small model that says hello out of a run. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { withTemporaryFolder } from "../core/node/cache.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { isDecoder } from "../nn/decoder.ts";
import { readModelFolder, writeModelFolder } from "../pretrained/node/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { evaluate } from "../train/evaluate.ts";
import { assetsFolder, HELLO_BYTES, type HelloAsset } from "./hello.ts";
import { loadModel, loadSplit } from "./load.ts";
import type { Run } from "./registry.ts";

/** In the order of the manifest. */
const FILES = ["config.json", "model.safetensors", "tokenizer.json"] as const;

/**
 * Write a run's network and tokenizer as `hello` into the library's assets, in half precision, measure it as stored, and describe it in the manifest.
 * @returns what the manifest says of it
 * @throws UsageError for a run that does not write, or is too large; FileError
 */
export async function makeHelloAsset(run: Run, backend: Backend, assets: string = assetsFolder): Promise<HelloAsset> {
  const { record, config, network, tokenizers } = await loadModel(run);
  if (tokenizers === undefined || !isDecoder(network))
    throw new UsageError({
      what: "This run does not write: it cannot say hello.",
      got: `a ${record.name}`,
      expected: "a run of gpt or llama",
    });
  const data = run.record.data?.name ?? record.data.sets[0];
  return await withTemporaryFolder(async (temporary) => {
    const folder = path.join(temporary, "hello");
    await writeModelFolder(folder, { network, tokenizer: tokenizers.tokenizer, floats: "F16" });
    await writeFileAtomic(path.join(folder, "tokenizer.json"), `${JSON.stringify(tokenizers.tokenizer.toJson())}\n`);
    const files = Object.fromEntries(
      await Promise.all(FILES.map(async (name) => [name, await described(path.join(folder, name))] as const)),
    );
    const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
    if (bytes > HELLO_BYTES)
      throw new UsageError({
        what: "The model is too large to come with the library.",
        got: `${bytes} bytes`,
        expected: `at most ${HELLO_BYTES}`,
      });
    const stored = (await readModelFolder(folder)).network;
    const set = await loadSplit(record, config, data, "test", undefined, { tokenizers });
    const { perplexity, bitsPerByte } = await evaluate({ record, config, network: stored, set, backend });
    const { seed, versions } = run.record;
    const about = { seed, version: versions.atelier, data, parameters: network.parameterCount, perplexity, bitsPerByte };
    const hello: HelloAsset = { files, commands: commandsOf(run), ...about };
    for (const name of FILES) await writeFileAtomic(path.join(assets, "hello", name), await readFile(path.join(folder, name)));
    await describe(path.join(assets, "manifest.json"), hello);
    return hello;
  });
}

async function described(file: string): Promise<{ bytes: number; sha256: string }> {
  const bytes = await readFile(file);
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** What makes the asset anew. */
function commandsOf({ name, record }: Run): string[] {
  const train = record.command.filter((word, i, all) => word !== "--run" && all[i - 1] !== "--run").join(" ");
  return [`${train} --run ${name}`, `node bin/ts.js scripts/hello-asset.ts ${name}`];
}

/** Put the entry into the manifest beside the others. */
async function describe(manifest: string, hello: HelloAsset): Promise<void> {
  const text = await readFile(manifest, "utf8").catch(() => "{}");
  await writeFileAtomic(manifest, `${JSON.stringify({ ...(JSON.parse(text) as object), hello }, null, 2)}\n`);
}
