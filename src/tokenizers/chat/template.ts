/**
 * Chats as one text. Models that were trained on chats say how in a template in the language Jinja (`chat_template` of Hugging Face's
 * `tokenizer_config.json`), which is run here by `@huggingface/jinja`; for all others there is a plain one.
 */
import { Template } from "@huggingface/jinja";
import { FileError, UsageError } from "../../core/errors.ts";
import type { Tokenizer } from "../tokenizer.ts";

export interface ChatMessage {
  /** `system`, `user`, `assistant`, or what else the template knows. */
  role: string;
  content: string;
}

export interface ChatTemplateOptions {
  /** Texts that the template may use: `bos_token`, `eos_token` and the like. */
  variables?: Readonly<Record<string, string>>;
  /** Whether encoding puts the tokenizer's own special tokens around the text; templates of models write them themselves. Default false. */
  addSpecialTokens?: boolean;
  /** Texts that end an answer, besides the end tokens of the model. Default none. */
  stops?: readonly string[];
  /** Whether answers begin with a space that belongs to the template and not to the answer. Default false. */
  leadingSpace?: boolean;
  /** What errors call it. */
  where?: string;
}

export interface RenderOptions {
  /** End with what makes the model answer. Default false. */
  addGenerationPrompt?: boolean;
}

/** A rendered chat, and where in it answers are: pairs of begin and end in characters. */
export interface MarkedChat {
  text: string;
  answers: readonly (readonly [number, number])[];
}

/** Characters of the private use area that stand for the begin and the end of an answer while rendering. */
const [BEGIN, END] = ["\ue000", "\ue001"];

/**
 * System text first, then `User:` and `Assistant:` in turn, an answer ended by the model's end token where it has one. Each is one line of the template.
 */
const PLAIN = [
  "{% for message in messages %}",
  "{% if message.role == 'assistant' %}Assistant:{% generation %} {{ message.content }}{{ eos_token }}{% endgeneration %}{{ '\\n' }}",
  "{% elif message.role == 'user' %}User: {{ message.content }}{{ '\\n' }}",
  "{% else %}{{ message.content }}{{ '\\n\\n' }}{% endif %}",
  "{% endfor %}",
  "{% if add_generation_prompt %}Assistant:{% endif %}",
].join("");

/** A template that turns the messages of a chat into the text that a model reads. */
export class ChatTemplate {
  /** In Jinja. */
  readonly source: string;
  readonly stops: readonly string[];
  readonly leadingSpace: boolean;
  /** Whether the template says itself where answers are, by the tags `generation` and `endgeneration`. */
  readonly marked: boolean;
  readonly #options: ChatTemplateOptions;
  readonly #template: Template;
  #markedTemplate: Template | undefined;

  /** @throws FileError for a template that cannot be read */
  constructor(source: string, options: ChatTemplateOptions = {}) {
    this.source = source;
    this.stops = options.stops ?? [];
    this.leadingSpace = options.leadingSpace ?? false;
    this.marked = /{%-?\s*generation\s*-?%}/.test(source);
    this.#options = options;
    this.#template = parse(source, options.where);
  }

  /** The chat as text. @throws UsageError for a chat that the template refuses, such as roles that do not take turns */
  render(messages: readonly ChatMessage[], { addGenerationPrompt = false }: RenderOptions = {}): string {
    return this.#run(this.#template, messages, addGenerationPrompt);
  }

  /** The chat as token ids [T]. @throws UsageError for a chat that the template refuses */
  encode(tokenizer: Tokenizer, messages: readonly ChatMessage[], options: RenderOptions = {}): Int32Array {
    return this.encodeText(tokenizer, this.render(messages, options));
  }

  /** A rendered chat, or the beginning of one, as token ids. */
  encodeText(tokenizer: Tokenizer, text: string): Int32Array {
    return tokenizer.encode(text, { addSpecialTokens: this.#options.addSpecialTokens ?? false });
  }

  /**
   * The chat as text with the places of its answers, as the template marks them; undefined where it does not, or where what it does depends on the marks.
   * @throws UsageError for a chat that the template refuses
   */
  renderMarked(messages: readonly ChatMessage[]): MarkedChat | undefined {
    if (!this.marked) return undefined;
    this.#markedTemplate ??= parse(withMarks(this.source), this.#options.where);
    const clean = messages.map((message) => ({ ...message, content: message.content.replace(/[\ue000\ue001]/g, "") }));
    const answers: [number, number][] = [];
    let text = "";
    let begin: number | undefined;
    for (const part of this.#run(this.#markedTemplate, clean, false).split(/([\ue000\ue001])/)) {
      if (part === BEGIN) begin = text.length;
      else if (part === END && begin !== undefined) answers.push([begin, text.length]);
      else if (part !== END) text += part;
    }
    return text === this.render(messages) ? { text, answers } : undefined;
  }

  #run(template: Template, messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
    try {
      return template.render({
        bos_token: "",
        eos_token: "",
        ...this.#options.variables,
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (error) {
      throw new UsageError({
        what: "The model's chat template refuses these messages.",
        where: this.#options.where,
        got: error instanceof Error ? error.message : String(error),
        cause: error,
      });
    }
  }
}

/** The template for models that bring none: `User:` and `Assistant:`, which also a model without any training on chats can follow. */
export function plainChatTemplate(tokenizer: Tokenizer): ChatTemplate {
  const end = ["<|endoftext|>", "</s>", "<|im_end|>", "<eos>"].find((token) => tokenizer.specialTokens.has(token)) ?? "";
  return new ChatTemplate(PLAIN, { variables: { eos_token: end }, addSpecialTokens: true, stops: ["\nUser:"], leadingSpace: true });
}

/** Tags that mark answers become marks in the text; the tags stay, one on each side, so that white space is cut as before. */
function withMarks(source: string): string {
  return source.replace(
    /{%(-?)\s*(end)?generation\s*(-?)%}/g,
    (_, left: string, end: string | undefined, right: string) =>
      `{%${left} generation %}{{ "${end === undefined ? BEGIN : END}" }}{% generation ${right}%}`,
  );
}

function parse(source: string, where: string | undefined): Template {
  try {
    return new Template(source);
  } catch (error) {
    throw new FileError({
      what: "The chat template cannot be read.",
      where,
      got: error instanceof Error ? error.message : String(error),
      expected: "a template in Jinja, as in chat_template of tokenizer_config.json",
      cause: error,
    });
  }
}
