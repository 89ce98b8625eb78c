import { FileError, UsageError } from "../../../core/errors.ts";
import { parseJson } from "../../sets/parts.ts";
import type { TextDataset } from "../text-set.ts";
import { defineText, utf8 } from "./parts.ts";

const LANGUAGES = ["cs", "de", "es", "fr", "it", "ja", "ko", "pl", "pt-br", "ru", "tr", "zh-cn", "zh-tw"];
const MESSAGE = /diag\(\d+, \d[^,]*, ("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")/g;
const ENGLISH = "package/lib/typescript.js";

/** Pairs: a compiler's message in English and in another language, French unless one is given: `ts-diagnostics:de`. @throws UsageError for another one. */
export function tsDiagnostics(language = "fr"): TextDataset {
  if (!LANGUAGES.includes(language)) {
    throw new UsageError({
      what: "The messages are not there in this language.",
      got: language,
      expected: `one of: ${LANGUAGES.join(", ")}`,
    });
  }
  const file = `package/lib/${language}/diagnosticMessages.generated.json`;
  return defineText({
    card: {
      name: language === "fr" ? "ts-diagnostics" : `ts-diagnostics-${language}`,
      title: "Compiler messages in two languages",
      summary: `About 2,070 messages of the TypeScript compiler, English and ${language}; ts-diagnostics:LANGUAGE takes ${LANGUAGES.join(", ")}.`,
      source: "Microsoft, TypeScript 5.9.3",
      licence: "Apache-2.0",
      package: {
        name: "typescript",
        version: "5.9.3",
        integrity: "sha512-jl1vZzPDinLr9eUt3J/t7V6FgNEw9QjvBPdysz9KfQDD41fQrC2Y4vKQdiaUpFT4bXlb1RHhLpp8wtm6M5TgSw==",
        bytes: 4_377_468,
        unpackedBytes: 23_730_688,
      },
      version: 1,
      kind: "pairs",
      splitNote: "Our own: a tenth is held out by a hash of the English sentence.",
      bias: "One subject and a style of its own, with many sentences alike but for a word: a model can do well by copying patterns.",
    },
    prepare() {
      let [english, other] = [new Map<string, string>(), undefined as Record<string, string> | undefined];
      return {
        wanted: (path) => path === file || path === ENGLISH,
        add(path, bytes) {
          if (path === file) other = parseJson(bytes, path) as Record<string, string>;
          else
            english = new Map(
              [...utf8(bytes, path).matchAll(MESSAGE)].map(([, key, text]) => [JSON.parse(key), JSON.parse(text)] as const),
            );
        },
        finish() {
          if (other === undefined || english.size === 0)
            throw new FileError({ what: "The package lacks the messages.", expected: `${file} and ${ENGLISH}` });
          return Object.entries(other).flatMap(([id, target]) => {
            const text = english.get(id);
            return text === undefined || typeof target !== "string" ? [] : [{ id, key: text.toLowerCase(), text, target }];
          });
        },
      };
    },
  });
}
