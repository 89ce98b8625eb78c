import { createResource, createSignal, type JSX, Match, Show, Switch } from "solid-js";
import { type DataEntry, type DataOverview, dataPath } from "../../../../src/studio/data.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Facts } from "../../components/facts.tsx";
import { SelectField } from "../../components/field.tsx";
import { tellError } from "../../components/notices.tsx";
import { Part } from "../../components/part.tsx";
import { address, go } from "../../route.ts";
import { Parameters } from "./parameters.tsx";
import { PictureSet } from "./pictures.tsx";
import { PointSetView } from "./points.tsx";
import { PrepareButton } from "./prepare.tsx";
import { TextSetView } from "./texts.tsx";
import { kindWords, readiness, sizeWords, trainAddress } from "./words.ts";

export type SplitName = "train" | "test";

/** One data set: its card, and what is in it. */
export function DataSet(props: { name: string }): JSX.Element {
  const [entry, { refetch }] = createResource(() => api.get<DataEntry>(dataPath(props.name)));
  return (
    <>
      <p>
        <a href={address("data")}>All data</a>
      </p>
      <Show when={entry.error !== undefined}>
        <h1>{props.name}</h1>
      </Show>
      <Part resource={entry} what="the data set" retry={() => void refetch()}>
        {(found) => <Found entry={found} onChanged={() => void refetch()} />}
      </Part>
    </>
  );
}

function Found(props: { entry: DataEntry; onChanged: () => void }): JSX.Element {
  const state = () => readiness(props.entry);
  const ready = () => props.entry.prepared && props.entry.broken === undefined;
  return (
    <>
      <div class="page-head">
        <div>
          <h1>{props.entry.title}</h1>
          <p>{props.entry.summary}</p>
        </div>
        <div class="row">
          <span class={`tag ${state().look}`}>{state().text}</span>
          <Show when={props.entry.broken === undefined}>
            <Button look="primary" href={trainAddress(props.entry)}>
              Train on it
            </Button>
          </Show>
          <Show when={props.entry.own}>
            <RemoveOwn entry={props.entry} />
          </Show>
        </div>
      </div>
      <div class="stack">
        <Show when={props.entry.broken}>{(because) => <p class="told-bad">It cannot be used: {because()}.</p>}</Show>
        <DataCardFacts entry={props.entry} />
        <Show when={props.entry.parameters.length > 0}>
          <Parameters entry={props.entry} />
        </Show>
        <Show when={!props.entry.prepared}>
          <Card title="Not here yet">
            <div class="stack">
              <p>It is fetched or drawn once, into the cache of this computer, and then at hand.</p>
              <div class="row">
                <PrepareButton entry={props.entry} onDone={props.onChanged} look="primary" />
              </div>
            </div>
          </Card>
        </Show>
        <Show when={ready()}>
          <Contents entry={props.entry} />
        </Show>
      </div>
    </>
  );
}

function DataCardFacts(props: { entry: DataEntry }): JSX.Element {
  const facts = () => {
    const { kind, source, licence, shape, splitNote, formula, bias, use, notes } = props.entry;
    const rows: (readonly [string, string | undefined])[] = [
      ["kind", kindWords[kind].one],
      ["source", source],
      ["licence", licence],
      ["size", sizeWords(props.entry)],
      ["shape", shape?.join(" × ")],
      ["held out", splitNote],
      ["density", formula],
      ["known bias", bias],
      ["as an option", `--data ${use}`],
      ...notes.map((note) => ["note", note] as const),
    ];
    return rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
  };
  return (
    <Card title="Card">
      <Facts facts={facts()} />
    </Card>
  );
}

function Contents(props: { entry: DataEntry }): JSX.Element {
  const [split, setSplit] = createSignal<SplitName>("train");
  const [overview, { refetch }] = createResource(split, (chosen) =>
    api.get<DataOverview>(dataPath(props.entry.name, `/overview?split=${chosen}`)),
  );
  return (
    <>
      <div class="controls">
        <SelectField
          label="Split"
          value={split()}
          onValue={(value) => setSplit(value as SplitName)}
          options={[
            { value: "train", label: "to train on" },
            { value: "test", label: "held out" },
          ]}
        />
      </div>
      <Part resource={overview} what={`the ${kindWords[props.entry.kind].examples}`} retry={() => void refetch()}>
        {(about) => (
          <Switch>
            <Match when={about.kind === "pictures" && about}>
              {(found) => <PictureSet entry={props.entry} split={split()} overview={found()} />}
            </Match>
            <Match when={about.kind === "points" && about}>{(found) => <PointSetView overview={found()} />}</Match>
            <Match when={(about.kind === "text" || about.kind === "pairs") && about}>
              {(found) => <TextSetView entry={props.entry} split={split()} overview={found()} />}
            </Match>
          </Switch>
        )}
      </Part>
    </>
  );
}

function RemoveOwn(props: { entry: DataEntry }): JSX.Element {
  const [asking, setAsking] = createSignal(false);
  const remove = async () => {
    try {
      await api.delete(dataPath(props.entry.name));
      setAsking(false);
      go(address("data"));
    } catch (error) {
      tellError(error);
    }
  };
  return (
    <>
      <Button look="danger" onClick={() => setAsking(true)}>
        Remove
      </Button>
      <Dialog open={asking()} title={`Remove ${props.entry.title}?`} onClose={() => setAsking(false)}>
        <div class="stack">
          <p>
            The copy in the studio is deleted; the files that you uploaded stay where they were. Runs that learnt from it can then not be
            resumed.
          </p>
          <div class="row">
            <Button look="danger" onClick={() => void remove()}>
              Remove it
            </Button>
            <Button onClick={() => setAsking(false)}>Keep it</Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}
