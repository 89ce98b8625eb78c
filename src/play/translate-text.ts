import { UsageError } from "../core/errors.ts";
import { beginToken, endToken } from "../data/text/ends.ts";
import { isWindow, type Tokenizers } from "../data/token-set.ts";
import { textShape } from "../models/model.ts";
import { Translator, translationSampling } from "../models/translation.ts";
import { compile } from "../runtime/program.ts";
import { samplingOptions, type ViewContext } from "./draw.ts";

/**
 * What a model of pairs writes for one source, the best first.
 * @throws UsageError for a model that does not, a source longer than what it was made for, or settings out of range
 */
export async function translateText(
  { record, config, network, backend }: ViewContext,
  { tokenizer, sourceTokenizer = tokenizer }: Tokenizers,
  source: string,
  sampling?: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const shape = textShape(record, config);
  const [begin, end, sourceEnd] = [beginToken(tokenizer), endToken(tokenizer), endToken(sourceTokenizer)];
  if (record.translation === undefined || shape === undefined || isWindow(shape) || begin === undefined || end === undefined)
    throw new UsageError({ what: `The model "${record.name}" does not write one text from another.` });
  const ids = [...sourceTokenizer.encode(source, { addSpecialTokens: false }), sourceEnd ?? end];
  if (ids.length > shape.source)
    throw new UsageError({
      what: "The text is longer than those that the model has seen.",
      got: `${ids.length} tokens`,
      expected: `at most ${shape.source}`,
    });
  const translator = await Translator.open({
    ...{ network, translation: record.translation, begin, end },
    ...translationSampling.parse(samplingOptions(record, sampling)),
    compile: (build, about) => compile(backend, build, { name: `${record.name} writing`, frozen: true, ...about }),
    batch: 1,
    sourceLength: shape.source,
    maxLength: Math.max(shape.target, Math.ceil(1.5 * shape.source)),
  });
  try {
    const [beams] = await translator.translate([ids]);
    return beams.map(({ tokens }) => tokenizer.decode(tokens));
  } finally {
    await translator.close();
  }
}
