import { createSignal, For, type JSX, Show } from "solid-js";
import {
  commonFolder,
  isUploadName,
  type Refused,
  sortFiles,
  type UploadResult,
  uploadKind,
  uploadNameFrom,
} from "../../../../src/studio/uploads.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { TextField } from "../../components/field.tsx";
import { tellError } from "../../components/notices.tsx";
import { Progress } from "../../components/progress.tsx";
import { TaskState } from "../../components/task-state.tsx";
import { address } from "../../route.ts";
import { watchTask } from "../../task.ts";
import { type Chosen, chosenFiles, droppedFiles } from "./dropped.ts";
import { sendFiles } from "./send.ts";
import { bytesText, countText } from "./words.ts";

/** A place to drop a folder of one's own pictures or texts. */
export function UploadOwn(props: { onDone: () => void }): JSX.Element {
  const [files, setFiles] = createSignal<readonly Chosen[]>([]);
  const [folder, setFolder] = createSignal("");
  const [result, setResult] = createSignal<UploadResult | undefined>();
  const watch = watchTask((task) => {
    setResult(task.result as UploadResult);
    props.onDone();
  });
  const take = (chosen: readonly Chosen[]) => {
    const common = commonFolder(chosen.map(({ path }) => path));
    setFolder(uploadNameFrom(common.slice(0, -1)));
    setResult(undefined);
    watch.forget();
    setFiles(chosen.map(({ path, file }) => ({ path: path.slice(common.length), file })));
  };
  return (
    <Card title="Your own pictures or texts">
      <div class="stack">
        <Show when={files().length === 0 && !watch.busy()}>
          <DropPlace onFiles={take} />
        </Show>
        <Show when={files().length > 0}>
          <Ready
            files={files()}
            folder={folder()}
            onCancel={() => setFiles([])}
            onSent={(task) => void watch.begin(task).then(() => setFiles([]))}
          />
        </Show>
        <TaskState watch={watch} label="Checking what was uploaded" />
        <Show when={result()}>{(found) => <Told result={found()} />}</Show>
      </div>
    </Card>
  );
}

function DropPlace(props: { onFiles: (files: readonly Chosen[]) => void }): JSX.Element {
  const [over, setOver] = createSignal(false);
  let folderInput!: HTMLInputElement;
  let fileInput!: HTMLInputElement;
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer !== null) void droppedFiles(event.dataTransfer).then(props.onFiles, tellError);
  };
  const chosen = (event: Event & { currentTarget: HTMLInputElement }) => {
    if (event.currentTarget.files !== null) props.onFiles(chosenFiles(event.currentTarget.files));
    event.currentTarget.value = "";
  };
  return (
    <section
      class={`drop ${over() ? "over" : ""}`}
      aria-label="Drop a folder"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <p>Drop a folder here: pictures (one sub-folder a class, or a labels.csv beside them), or texts.</p>
      <div class="row drop-actions">
        <Button onClick={() => folderInput.click()}>Choose a folder</Button>
        <Button onClick={() => fileInput.click()}>Choose files</Button>
      </div>
      <p class="hint">
        .png .jpg .webp, or .txt .md .jsonl .csv .tsv. They are copied into the folder of runs on this computer and go nowhere else.
      </p>
      <input
        ref={(input) => {
          folderInput = input;
          input.webkitdirectory = true;
        }}
        type="file"
        hidden
        multiple
        aria-label="A folder"
        onChange={chosen}
      />
      <input ref={fileInput} type="file" hidden multiple aria-label="Files" onChange={chosen} />
    </section>
  );
}

/** What was chosen, before and while it is sent. */
function Ready(props: {
  files: readonly Chosen[];
  folder: string;
  onCancel: () => void;
  onSent: (task: ReturnType<typeof sendFiles>) => void;
}): JSX.Element {
  const [name, setName] = createSignal(props.folder);
  const [sent, setSent] = createSignal<{ received: number; bytes: number } | undefined>();
  let stop = new AbortController();
  const kind = () => uploadKind(props.files.map(({ path }) => path));
  const sorted = () =>
    sortFiles(
      props.files.map(({ path, file }) => ({ path, bytes: file.size })),
      kind() ?? "pictures",
    );
  const bytes = () => sorted().accepted.reduce((sum, file) => sum + file.bytes, 0);
  const wrong = () => (isUploadName(name()) ? undefined : "1 to 64 letters, digits, - and _, beginning with a letter or digit");
  const send = async () => {
    stop = new AbortController();
    setSent({ received: 0, bytes: bytes() });
    try {
      const task = await sendFiles(name(), props.files, {
        onProgress: (received, all) => setSent({ received, bytes: all }),
        signal: stop.signal,
      });
      props.onSent(Promise.resolve(task));
    } catch (error) {
      if (!stop.signal.aborted) tellError(error);
      setSent(undefined);
    }
  };
  const cancel = () => {
    stop.abort();
    props.onCancel();
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong() === undefined && sent() === undefined) void send();
      }}
    >
      <p>
        {countText(sorted().accepted.length)} files, {bytesText(bytes())}
        <Show when={sorted().refused.length > 0}>; {countText(sorted().refused.length)} will be left out</Show>
      </p>
      <RefusedList refused={sorted().refused} summary="What will be left out" />
      <TextField label="Name of the data set" live value={name()} onValue={setName} error={wrong()} disabled={sent() !== undefined} />
      <Show when={sent()}>
        {(now) => (
          <Progress
            label="Sending"
            value={now().received / Math.max(1, now().bytes)}
            text={`${bytesText(now().received)} of ${bytesText(now().bytes)}`}
          />
        )}
      </Show>
      <div class="row">
        <button
          type="submit"
          class="button primary"
          disabled={sent() !== undefined || wrong() !== undefined || sorted().accepted.length === 0}
        >
          Take them in
        </button>
        <Button onClick={cancel}>Cancel</Button>
      </div>
    </form>
  );
}

function RefusedList(props: { refused: readonly Refused[]; summary: string }): JSX.Element {
  return (
    <Show when={props.refused.length > 0}>
      <details>
        <summary>
          {props.summary} ({countText(props.refused.length)})
        </summary>
        <ul>
          <For each={props.refused.slice(0, 200)}>
            {({ path, because }) => (
              <li>
                <code>{path}</code>: {because}
              </li>
            )}
          </For>
        </ul>
        <Show when={props.refused.length > 200}>
          <p class="hint">and {countText(props.refused.length - 200)} more</p>
        </Show>
      </details>
    </Show>
  );
}

function Told(props: { result: UploadResult }): JSX.Element {
  const name = () => props.result.name.replace(/^own:/, "");
  return (
    <div class="stack" role="status">
      <p>
        {countText(props.result.kept)} files are in <a href={address("data", [props.result.name])}>{name()}</a>.
        <Show when={props.result.refused.length > 0}> {countText(props.result.refused.length)} could not be used.</Show>
      </p>
      <For each={props.result.notes}>{(note) => <p class="hint">{note}</p>}</For>
      <RefusedList refused={props.result.refused} summary="What was left out" />
    </div>
  );
}
