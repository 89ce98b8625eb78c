import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import { ChatTemplate, plainChatTemplate } from "../chat/template.ts";
import type { Tokenizer } from "../tokenizer.ts";

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]).nullish();
const settings = z.object({
  bos_token: token,
  eos_token: token,
  unk_token: token,
  pad_token: token,
  chat_template: z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))]).nullish(),
});

/**
 * The chat template of a model's folder: `chat_template.jinja`, or `chat_template` in `tokenizer_config.json` (of several the one named `default`).
 * Where there is none, the plain one.
 * @throws FileError for files that cannot be read
 */
export async function readChatTemplate(folder: string, tokenizer: Tokenizer): Promise<ChatTemplate> {
  const file = path.join(folder, "tokenizer_config.json");
  const text = await textOf(file);
  const config = text === undefined ? {} : settingsIn(text, file);
  const own = await textOf(path.join(folder, "chat_template.jinja"));
  const listed = config.chat_template;
  const source = own ?? (Array.isArray(listed) ? (listed.find(({ name }) => name === "default") ?? listed[0])?.template : listed);
  if (source === undefined || source === null) return plainChatTemplate(tokenizer);
  const variables = Object.entries(config).flatMap(([name, value]) =>
    name.endsWith("_token") && typeof value === "string" ? [[name, value]] : [],
  );
  return new ChatTemplate(source, {
    variables: Object.fromEntries(variables),
    where: own === undefined ? file : path.join(folder, "chat_template.jinja"),
  });
}

function settingsIn(text: string, file: string): z.infer<typeof settings> {
  const refused = (where: string, got: string, cause?: unknown) =>
    new FileError({
      what: "The settings of the tokenizer cannot be read.",
      ...{ where, got, expected: "Hugging Face's tokenizer_config.json", cause },
      hint: "fetch the file again; without it chats get a plain template",
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused(file, error instanceof Error ? error.message : String(error), error);
  }
  const checked = settings.safeParse(value);
  if (checked.success) return checked.data;
  const [field] = checked.error.issues[0].path;
  const found = field === undefined ? value : (value as Record<PropertyKey, unknown>)[field];
  throw refused(field === undefined ? file : `${file}, ${String(field)}`, JSON.stringify(found).slice(0, 80));
}

/** The text of a file; undefined where there is none. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw fileError(error, `Could not read ${file}.`);
  }
}
