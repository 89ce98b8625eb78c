import { createEffect, createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import type { SampleFile } from "../../../../src/studio/training.ts";
import { Card } from "../../components/card.tsx";
import { RangeField } from "../../components/field.tsx";
import { Picture } from "../../components/picture.tsx";
import { sampleAddress } from "../../components/run-picture.tsx";

const titles: Readonly<Record<string, string>> = {
  samples: "Samples",
  text: "Text",
  reconstructions: "Given pictures (above) and what the model makes of them (below)",
  alignment: "Where it looks",
  latent: "Codes of held-out pictures",
  training: "How the points came about",
};

/** What people look at first stands first. */
function rank(view: string): number {
  const place = Object.keys(titles).indexOf(view);
  return place < 0 ? Number.MAX_SAFE_INTEGER : place;
}

/** What the model made on the way, with a slider back through the training. New ones are shown while the slider stands at its end. */
export function Samples(props: { run: string; samples: readonly SampleFile[] }): JSX.Element {
  const films = createMemo(() => props.samples.filter(({ view }) => view === "training"));
  const steps = createMemo(() => [...new Set(props.samples.filter(({ view }) => view !== "training").map(({ step }) => step))]);
  const [chosen, setChosen] = createSignal(Number.POSITIVE_INFINITY);
  const at = () => Math.min(chosen(), steps().length - 1);
  const shown = createMemo(() =>
    props.samples.filter(({ step, view }) => view !== "training" && step === steps()[at()]).sort((a, b) => rank(a.view) - rank(b.view)),
  );
  // The neighbours are fetched ahead, so that the slider shows them at once.
  createEffect(() => {
    for (const near of [at() - 1, at() + 1]) {
      for (const sample of props.samples.filter(({ step, kind }) => step === steps()[near] && kind === "picture"))
        new Image().src = sampleAddress(props.run, sample);
    }
  });
  return (
    <Card title="Samples on the way">
      <Show when={steps().length > 0} fallback={<p class="soft">The first samples come after a tenth of the training.</p>}>
        <RangeField
          label="Step"
          value={at()}
          min={0}
          max={Math.max(0, steps().length - 1)}
          step={1}
          onValue={(value) => setChosen(value >= steps().length - 1 ? Number.POSITIVE_INFINITY : value)}
          shown={(value) => (steps()[value] ?? 0).toLocaleString("en")}
        />
        <div class="samples" data-step={steps()[at()]}>
          <For each={shown()}>{(sample) => <Sample run={props.run} sample={sample} />}</For>
        </div>
      </Show>
      <For each={films()}>{(sample) => <Sample run={props.run} sample={sample} />}</For>
    </Card>
  );
}

function Sample(props: { run: string; sample: SampleFile }): JSX.Element {
  const title = () => titles[props.sample.view] ?? props.sample.view;
  return (
    <Show
      when={props.sample.kind === "picture"}
      fallback={<WrittenSample address={sampleAddress(props.run, props.sample)} title={title()} />}
    >
      <Picture
        src={sampleAddress(props.run, props.sample)}
        alt={`${title()} at step ${props.sample.view === "training" ? "by step" : props.sample.step}`}
        caption={title()}
        lazy={false}
        pixelated={props.sample.view !== "latent" && props.sample.view !== "training"}
        class={`sample ${props.sample.view}`}
      />
    </Show>
  );
}

function WrittenSample(props: { address: string; title: string }): JSX.Element {
  const [text] = createResource(
    () => props.address,
    async (address) => (await fetch(address)).text(),
    // From the beginning, so that the page around it does not wait for it.
    { initialValue: "" },
  );
  return (
    <figure class="picture">
      <section class="written" tabindex={0} aria-label={props.title}>
        {text.latest}
      </section>
      <figcaption>{props.title}</figcaption>
    </figure>
  );
}
