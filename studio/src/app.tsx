import { createEffect, createMemo, ErrorBoundary, For, type JSX, Show, Suspense } from "solid-js";
import { Dynamic } from "solid-js/web";
import { Button } from "./components/button.tsx";
import { EmptyState } from "./components/empty-state.tsx";
import { Loading } from "./components/loading.tsx";
import { Notices } from "./components/notices.tsx";
import { pages } from "./pages.ts";
import { address, place } from "./route.ts";
import { setTheme, type Theme, theme } from "./theme.ts";

const shown = pages.filter(({ navigation }) => navigation);

/** The frame around every page: navigation, theme, notices. */
export function App(): JSX.Element {
  const page = createMemo(() => (place().path === "" ? pages[0] : pages.find(({ path }) => path === place().path)));
  let main!: HTMLElement;
  let first = true;
  createEffect(() => {
    document.title = page() === undefined ? "Atelier" : `${page()!.title} · Atelier`;
    window.scrollTo(0, 0);
    // Readers of the page by ear and by keyboard are taken to what is new, as a new document would.
    if (!first) main.focus({ preventScroll: true });
    first = false;
  });
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.focus()}>
        Skip to the content
      </button>
      <Header current={page()?.path} />
      <main id="content" tabindex={-1} ref={main}>
        <ErrorBoundary fallback={(error: unknown, reset) => <Failed error={error} reset={reset} />}>
          <Suspense fallback={<Loading what="the page" />}>
            <Show when={page()} fallback={<Nowhere />} keyed>
              {(found) => <Dynamic component={found.view} rest={place().rest} query={place().query} />}
            </Show>
          </Suspense>
        </ErrorBoundary>
      </main>
      <Notices />
    </div>
  );
}

function Header(props: { current: string | undefined }): JSX.Element {
  let nav!: HTMLElement;
  // On a narrow page the navigation scrolls sideways: where one is stays in sight.
  createEffect(() => {
    const link = nav.querySelector<HTMLElement>(`[href="${address(props.current ?? "")}"]`);
    if (link !== null) nav.scrollLeft = link.offsetLeft - nav.clientWidth / 2 + link.offsetWidth / 2;
  });
  return (
    <header class="top">
      <a class="brand" href={address(pages[0].path)}>
        <img src="./icon.svg" alt="" width="22" height="22" />
        Atelier
      </a>
      <nav aria-label="Pages" ref={nav}>
        <ul>
          <For each={shown}>
            {({ path, title }) => (
              <li>
                <a href={address(path)} aria-current={props.current === path ? "page" : undefined}>
                  {title}
                </a>
              </li>
            )}
          </For>
        </ul>
      </nav>
      <ThemeSwitch />
    </header>
  );
}

function ThemeSwitch(): JSX.Element {
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select value={theme()} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        <option value="system">System</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}

function Nowhere(): JSX.Element {
  return (
    <EmptyState title="There is no such page" level={1}>
      <p>
        The studio has no page at <code>{location.hash}</code>.
      </p>
      <Button href={address(pages[0].path)}>To the {pages[0].title.toLowerCase()}</Button>
    </EmptyState>
  );
}

function Failed(props: { error: unknown; reset: () => void }): JSX.Element {
  // The console has where.
  console.warn(props.error);
  return (
    <EmptyState title="This page failed" level={1} role="alert">
      <p>{props.error instanceof Error ? props.error.message : String(props.error)}</p>
      <Button onClick={props.reset}>Try again</Button>
    </EmptyState>
  );
}
