// The page of `atelier export --format html`: everything that it needs stands in the file itself.
import { createResource, type JSX, Match, Show, Switch } from "solid-js";
import { render } from "solid-js/web";
import { PlayClient } from "../../../src/play/client.ts";
import type { Play } from "../play/extras.ts";
import { Playground } from "../play/playground.tsx";
import { bytesOf, type PageFacts, readFacts, textOf, unpack } from "./contents.ts";
import "../styles/base.css";
import "../styles/components.css";
import "./page.css";

/** Unpack the runtime, the model's code and its weights, and open it in a worker. */
async function open(facts: PageFacts): Promise<Play> {
  const [code, wasm, weights] = await Promise.all([textOf("worker"), unpack(bytesOf("wasm")), unpack(bytesOf("weights"))]);
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const client = new PlayClient(new Worker(address));
  const { model, config, tokenizer, sourceTokenizer } = facts;
  const opened = await client.open({ ...{ model, config, tokenizer, sourceTokenizer, wasm, weights }, device: "cpu" });
  const { examples, directions, conditions } = facts;
  const play: Play = {
    ...{ client, opened },
    extras: {
      conditions,
      examples: examples === undefined ? undefined : { ...examples, codes: Float32Array.from(examples.codes) },
      directions: directions?.map(({ name, vector }) => ({ name, vector: Float32Array.from(vector) })),
    },
  };
  // For whoever drives the page from its console.
  (globalThis as { atelier?: Play }).atelier = play;
  return play;
}

function Page(props: { facts: PageFacts }): JSX.Element {
  const { facts } = props;
  const [play] = createResource(() => open(facts));
  return (
    <main class="page">
      <header>
        <h1>{facts.title}</h1>
        <p class="soft">{facts.summary}</p>
      </header>
      <Switch>
        <Match when={play.error}>
          <p class="card" role="alert">
            {play.error instanceof Error ? play.error.message : String(play.error)}
          </p>
        </Match>
        <Match when={play.loading}>
          <p role="status">Unpacking the model …</p>
        </Match>
        <Match when={play()}>{(ready) => <Playground play={ready()} />}</Match>
      </Switch>
      <footer class="hint">
        <p>
          {facts.run}: {facts.model}, {facts.parameters.toLocaleString("en")} trained numbers ({facts.precision}),{" "}
          {facts.steps.toLocaleString("en")} steps
          <Show when={facts.data}>{(data) => <> on {data()}</>}</Show>. {facts.paper}
        </p>
        <p>
          Everything runs in this page, on one processor, without a network: {play()?.opened.device ?? "WebAssembly"}. Made with atelier{" "}
          {facts.version}.
        </p>
      </footer>
    </main>
  );
}

render(() => <Page facts={readFacts()} />, document.getElementById("page")!);
