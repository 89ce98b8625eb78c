import { createEffect, createMemo, For, type JSX, on, Show } from "solid-js";
import { highlight } from "./highlight.ts";
import type { LearnPage } from "./page.ts";

/** The source beside a page: the model's own file, or the lines around a quote from another one. @param props.quote index of the quote that is looked at */
export function CodePane(props: { page: LearnPage; quote: number | undefined; onClose: () => void }): JSX.Element {
  let scroller!: HTMLDivElement;
  const shown = createMemo(() => {
    const quote = props.quote === undefined ? undefined : props.page.quotes[props.quote];
    const { main } = props.page;
    if (quote !== undefined && quote.path !== main?.path) {
      const { first, text } = props.page.excerpts[props.quote!];
      return { path: quote.path, first, text, quote };
    }
    return main === undefined ? undefined : { path: main.path, first: 1, text: main.text, quote };
  });
  createEffect(
    on(shown, () => {
      const marked = scroller?.querySelector<HTMLElement>(".marked");
      if (scroller !== undefined) scroller.scrollTop = marked ? Math.max(0, marked.offsetTop - 60) : 0;
    }),
  );
  return (
    <Show when={shown()}>
      {(code) => (
        <aside class="code-pane" classList={{ asked: props.quote !== undefined }} aria-label="Source">
          <div class="code-head">
            <code>{code().path}</code>
            <Show when={code().quote}>
              {(quote) => (
                <span class="hint" role="status">
                  {quote().from === quote().to ? `line ${quote().from}` : `lines ${quote().from} to ${quote().to}`}
                </span>
              )}
            </Show>
            <button type="button" class="close" aria-label="Close the source" onClick={() => props.onClose()}>
              ×
            </button>
          </div>
          <section class="code-lines" ref={scroller} tabindex={0} aria-label={`Lines of ${code().path}`}>
            <Lines first={code().first} text={code().text} from={code().quote?.from} to={code().quote?.to} />
          </section>
        </aside>
      )}
    </Show>
  );
}

function Lines(props: { first: number; text: string; from: number | undefined; to: number | undefined }): JSX.Element {
  const lines = createMemo(() => highlight(props.text.replace(/\n$/, "").split("\n")));
  const marked = (number: number) => props.from !== undefined && number >= props.from && number <= props.to!;
  return (
    <pre>
      <For each={lines()}>
        {(pieces, i) => (
          <span class="code-line" classList={{ marked: marked(props.first + i()) }}>
            <span class="line-number" aria-hidden="true">
              {props.first + i()}
            </span>
            <span>
              <For each={pieces}>{({ text, kind }) => (kind === "plain" ? text : <span class={`code-${kind}`}>{text}</span>)}</For>
              {"\n"}
            </span>
          </span>
        )}
      </For>
    </pre>
  );
}
