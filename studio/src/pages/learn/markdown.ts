import katex from "katex";
import { Marked, type TokenizerAndRendererExtension } from "marked";
import { address } from "../../route.ts";
import { pictureOf } from "../pictures.ts";
import { hasLearnPage } from "./names.ts";
import type { LearnPage } from "./page.ts";

/** The words of a page: its title, and everything below as HTML in which quoted code has become buttons (`data-quote` is the quote's index). */
export interface Rendered {
  readonly title: string;
  readonly html: string;
}

/** Typeset a page. Its Markdown is the repository's own, so that nothing in it needs to be made harmless. */
export function render({ markdown, quotes }: LearnPage): Rendered {
  const [, title = "", rest = markdown] = /^# ([^\n]+)\n([\s\S]*)$/.exec(markdown) ?? [];
  const numbers = new Map(quotes.map(({ text }, i) => [text, i]));
  let tables = 0;
  const marked = new Marked({
    extensions: [mathBlock, mathInline],
    renderer: {
      codespan: ({ text }) => {
        const quote = numbers.get(text);
        const code = `<code>${escaped(text)}</code>`;
        return quote === undefined ? code : `<button type="button" class="quote" data-quote="${quote}">${code}</button>`;
      },
      link({ href, tokens }) {
        return link(href, this.parser.parseInline(tokens));
      },
      image: ({ href, text }) => picture(href, text),
      heading({ tokens, depth }) {
        return `<h${depth}>${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      code: ({ text }) => `<pre tabindex="0"><code>${escaped(text)}</code></pre>\n`,
      table({ header, rows }) {
        const cells = (tag: "th" | "td", row: typeof header) =>
          `<tr>${row.map(({ tokens }) => `<${tag}${tag === "th" ? ' scope="col"' : ""}>${this.parser.parseInline(tokens)}</${tag}>`).join("")}</tr>`;
        const body = rows.map((row) => cells("td", row)).join("");
        tables++;
        const label = `Table ${tables}: ${header.map(({ text }) => text).join(", ")}`;
        return `<div class="table" role="region" aria-label="${escaped(label)}" tabindex="0"><table><thead>${cells("th", header)}</thead><tbody>${body}</tbody></table></div>`;
      },
    },
  });
  return { title, html: marked.parse(rest, { async: false }) };
}

/** Other models' pages open in the studio; other files of the repository are named only; addresses of the net are links that open elsewhere. */
function link(href: string, inner: string): string {
  const model = /^(?:\.\.\/models\/)?([\w-]+)\.md/.exec(href)?.[1];
  if (model !== undefined && hasLearnPage(model)) return `<a href="${address("learn", [model])}">${inner}</a>`;
  if (!/^https:/.test(href)) return inner;
  return `<a href="${escaped(href)}" target="_blank" rel="noreferrer noopener">${inner}</a>`;
}

function picture(href: string, text: string): string {
  const name = /([\w-]+)\.png$/.exec(href)?.[1] ?? "";
  const found = pictureOf(name);
  // Newer than what comes with the page: a clone has it.
  if (found === undefined) return `<img class="pixelated" src="./api/learn/pictures/${name}" alt="${escaped(text)}" loading="lazy">`;
  const { src, width, height } = found;
  return `<img class="pixelated" src="${src}" width="${width}" height="${height}" alt="${escaped(text)}" loading="lazy">`;
}

const mathInline: TokenizerAndRendererExtension = {
  name: "mathInline",
  level: "inline",
  start: (text) => nonNegative(text.indexOf("$")),
  tokenizer: (text) => {
    const found = /^\$(?=[^\s$])((?:\\.|[^$\\\n])+?)\$(?!\d)/.exec(text);
    return found === null ? undefined : { type: "mathInline", raw: found[0], text: found[1] };
  },
  renderer: ({ text }) => typeset(text as string, false),
};

const mathBlock: TokenizerAndRendererExtension = {
  name: "mathBlock",
  level: "block",
  start: (text) => nonNegative(text.indexOf("$$")),
  tokenizer: (text) => {
    const found = /^\$\$([\s\S]+?)\$\$(?:\n|$)/.exec(text);
    return found === null ? undefined : { type: "mathBlock", raw: found[0], text: found[1].trim() };
  },
  renderer: ({ text }) => typeset(text as string, true),
};

function nonNegative(index: number): number | undefined {
  return index < 0 ? undefined : index;
}

function typeset(text: string, displayMode: boolean): string {
  return katex.renderToString(text, { displayMode, throwOnError: false, strict: false });
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[letter]!);
}
