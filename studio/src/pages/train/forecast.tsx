import { createEffect, createMemo, createSignal, type JSX, Match, on, onCleanup, Show, Switch } from "solid-js";
import type { Forecast, SettingProblem, StartRequest } from "../../../../src/studio/training.ts";
import { ApiError, api } from "../../api.ts";
import { Card } from "../../components/card.tsx";
import { byteSize, duration, shortNumber } from "../../numbers.ts";

/** Milliseconds after the last change before anything is worked out. */
const REST = 600;

export type Outlook =
  | { readonly state: "waiting" | "asking" }
  | { readonly state: "wrong"; readonly problems: readonly SettingProblem[] }
  | { readonly state: "refused"; readonly message: string; readonly hint: string | undefined }
  | { readonly state: "known"; readonly forecast: Forecast };

/** What a training would take and what is wrong with it, worked out anew whenever it rests; what was being worked out before is ended. */
export function outlookOf(request: () => StartRequest | undefined): () => Outlook {
  const [outlook, setOutlook] = createSignal<Outlook>({ state: "waiting" });
  let asking = new AbortController();
  const key = createMemo(() => JSON.stringify(request(), (name, value) => (name === "name" || name === "seed" ? undefined : value)));
  createEffect(
    on(key, () => {
      asking.abort();
      const mine = new AbortController();
      asking = mine;
      setOutlook({ state: "waiting" });
      const asked = request();
      if (asked === undefined) return;
      const timer = setTimeout(() => void ask(asked, mine.signal, setOutlook), REST);
      onCleanup(() => clearTimeout(timer));
    }),
  );
  onCleanup(() => asking.abort());
  return outlook;
}

async function ask(asked: StartRequest, signal: AbortSignal, tell: (outlook: Outlook) => void): Promise<void> {
  tell({ state: "asking" });
  try {
    const { problems } = await api.post<{ problems: SettingProblem[] }>("/api/training/check", asked, { signal });
    if (problems.length > 0) return tell({ state: "wrong", problems });
    tell({ state: "known", forecast: await api.post<Forecast>("/api/training/forecast", asked, { signal }) });
  } catch (error) {
    if (signal.aborted) return;
    tell({
      state: "refused",
      message: error instanceof Error ? error.message : String(error),
      hint: error instanceof ApiError ? error.hint : undefined,
    });
  }
}

/** The outlook, in words. */
export function ForecastCard(props: { outlook: Outlook }): JSX.Element {
  // The last figures stay, pale, while new ones are worked out: nothing jumps under the pointer.
  const known = createMemo<Forecast | undefined>((last) => (props.outlook.state === "known" ? props.outlook.forecast : last), undefined);
  const busy = () => props.outlook.state === "waiting" || props.outlook.state === "asking";
  const refused = () => (props.outlook.state === "refused" ? props.outlook : undefined);
  return (
    <Card title="What it will take" class="forecast">
      <div aria-live="polite" aria-busy={busy()} class={busy() ? "stale" : ""}>
        <Switch fallback={<p class="soft">Working it out…</p>}>
          <Match when={props.outlook.state === "wrong"}>
            <p class="wrong">Some settings cannot be so: see the fields.</p>
          </Match>
          <Match when={refused()}>
            {(why) => (
              <>
                <p class="wrong">{why().message}</p>
                <Show when={why().hint}>{(hint) => <p class="hint">Try: {hint()}</p>}</Show>
              </>
            )}
          </Match>
          <Match when={known()}>{(forecast) => <Figures forecast={forecast()} />}</Match>
        </Switch>
      </div>
    </Card>
  );
}

function Figures(props: { forecast: Forecast }): JSX.Element {
  const tight = () => props.forecast.memoryBytes > props.forecast.freeBytes;
  return (
    <dl class="facts">
      <dt>All steps</dt>
      <dd>
        <strong>
          {props.forecast.totalSeconds === null ? "as long as the text's epochs take" : `about ${duration(props.forecast.totalSeconds)}`}
        </strong>
      </dd>
      <dt>Steps</dt>
      <dd>{props.forecast.totalSteps === null ? "follow from the text" : props.forecast.totalSteps.toLocaleString("en")}</dd>
      <dt>A step</dt>
      <dd>about {duration(props.forecast.stepSeconds)}</dd>
      <dt>Memory</dt>
      <dd class={tight() ? "wrong" : ""}>
        about {byteSize(props.forecast.memoryBytes)}, {byteSize(props.forecast.freeBytes)} are free
      </dd>
      <dt>Parameters</dt>
      <dd>{shortNumber(props.forecast.parameters)}</dd>
    </dl>
  );
}
