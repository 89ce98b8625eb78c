import path from "node:path";
import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { gpt2Tokenizer } from "../gpt2-files.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { isFile, settingsOf, textOf } from "./parts.ts";

const FILES = ["vocab.json", "merges.txt"] as const;

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]).nullish();
const settingsSchema = z.object({
  tokenizer_class: z.string().nullish(),
  add_prefix_space: z.boolean().nullish(),
  add_bos_token: z.boolean().nullish(),
  bos_token: token,
  eos_token: token,
  unk_token: token,
  pad_token: token,
});
const configSchema = z.object({ model_type: z.string().nullish() });
const addedSchema = z.record(z.string(), z.int().min(0));

/**
 * The tokenizer of a folder with `vocab.json` and `merges.txt`, as GPT-2's first folders have them.
 * @returns undefined where the folder has neither
 * @throws FileError where one of the two is missing, or they are of a model whose texts are cut in another way
 */
export async function readGpt2Folder(folder: string): Promise<Tokenizer | undefined> {
  const there = await Promise.all(FILES.map((name) => isFile(path.join(folder, name))));
  if (!there.includes(true)) return undefined;
  if (there.includes(false))
    throw new FileError({
      what: "The tokenizer's files are not complete.",
      where: folder,
      got: FILES.filter((_, i) => there[i]).join(),
      expected: "vocab.json and merges.txt, or tokenizer.json",
    });
  const settings = await settingsOf(path.join(folder, "tokenizer_config.json"), settingsSchema);
  await requireGpt2(folder, settings.tokenizer_class);
  if (settings.add_bos_token) throw otherKind(folder, "add_bos_token: true");
  const [vocab, merges] = await Promise.all(FILES.map((name) => textOf(path.join(folder, name))));
  const { bos_token, eos_token, unk_token, pad_token } = settings;
  const named = [bos_token, eos_token, unk_token, pad_token].filter((content) => typeof content === "string");
  const added = await settingsOf(path.join(folder, "added_tokens.json"), addedSchema);
  const special = [...new Set(["<|endoftext|>", ...named])];
  return gpt2Tokenizer({ vocab, merges, special, added, addPrefixSpace: settings.add_prefix_space ?? false, where: folder });
}

/** Other models have files of these names, too, and cut texts into words in their own way. @throws FileError */
async function requireGpt2(folder: string, named: string | null | undefined): Promise<void> {
  const { model_type: type } = await settingsOf(path.join(folder, "config.json"), configSchema);
  if (/^GPT2Tokenizer/.test(named ?? "GPT2Tokenizer") && (type ?? "gpt2") === "gpt2") return;
  throw otherKind(folder, named ?? `model_type: ${type}`);
}

function otherKind(folder: string, got: string): FileError {
  return new FileError({
    what: "The tokenizer's files do not say how texts are cut, and it is not as GPT-2's are.",
    where: folder,
    got,
    expected: "tokenizer.json, or vocab.json and merges.txt of a GPT-2",
    hint: "load it with Hugging Face's library and save it: that writes tokenizer.json",
  });
}
