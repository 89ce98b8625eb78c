import path from "node:path";
import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { bertTokenizer } from "../bert-files.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { isFile, settingsOf, textOf } from "./parts.ts";

const settingsSchema = z.object({
  tokenizer_class: z.string().nullish(),
  do_lower_case: z.boolean().nullish(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().nullish(),
});
const configSchema = z.object({ model_type: z.string().nullish() });

/**
 * The tokenizer of a folder with `vocab.txt`, as BERT's first folders have it.
 * @returns undefined where the folder has none
 * @throws FileError where it is of a model whose texts are cut in another way
 */
export async function readBertFolder(folder: string): Promise<Tokenizer | undefined> {
  const file = path.join(folder, "vocab.txt");
  if (!(await isFile(file))) return undefined;
  const settings = await settingsOf(path.join(folder, "tokenizer_config.json"), settingsSchema);
  const { model_type: type } = await settingsOf(path.join(folder, "config.json"), configSchema);
  const named = settings.tokenizer_class ?? "BertTokenizer";
  if (!/^BertTokenizer(Fast)?$/.test(named) || (type ?? "bert") !== "bert")
    throw new FileError({
      what: "The tokenizer's file does not say how texts are cut, and it is not as BERT's is.",
      where: folder,
      got: settings.tokenizer_class ?? `model_type: ${type}`,
      expected: "tokenizer.json, or vocab.txt of a BERT",
      hint: "load it with Hugging Face's library and save it: that writes tokenizer.json",
    });
  return bertTokenizer({
    vocab: await textOf(file),
    lowercase: settings.do_lower_case ?? undefined,
    stripAccents: settings.strip_accents ?? undefined,
    chineseApart: settings.tokenize_chinese_chars ?? undefined,
    where: file,
  });
}
