import { type JSX, type Resource, Show } from "solid-js";
import { ApiError } from "../api.ts";
import { Button } from "./button.tsx";
import { EmptyState } from "./empty-state.tsx";

/** Something is on its way. @param props.what "the runs" */
export function Loading(props: { what: string }): JSX.Element {
  return (
    <p class="loading" role="status">
      Loading {props.what} …
    </p>
  );
}

export interface LoadedProps<T> {
  readonly resource: Resource<T>;
  /** What it is: "the runs". */
  readonly what: string;
  readonly retry?: () => void;
  readonly children: (value: T) => JSX.Element;
}

/** A resource's value when it is there; until then that it loads, or why it does not. */
export function Loaded<T>(props: LoadedProps<T>): JSX.Element {
  // An errored resource throws when it is read.
  const value = () => (props.resource.error === undefined ? props.resource.latest : undefined);
  return (
    <Show
      when={props.resource.error === undefined}
      fallback={<Problem error={props.resource.error} what={props.what} retry={props.retry} />}
    >
      <Show when={value() !== undefined} fallback={<Loading what={props.what} />}>
        {props.children(value() as T)}
      </Show>
    </Show>
  );
}

/** Why something is not there, and what to do. */
export function Problem(props: { error: unknown; what: string; retry?: (() => void) | undefined }): JSX.Element {
  const title = () => {
    const what = props.what.replace(/^the /, "");
    // It is there, and is not as it should be.
    return props.error instanceof ApiError && props.error.status === 422 ? `The ${what} cannot be opened` : `No ${what}`;
  };
  const hint = () => (props.error instanceof ApiError ? props.error.hint : undefined);
  return (
    <EmptyState title={title()} role="alert">
      <p class="told">{props.error instanceof Error ? props.error.message : String(props.error)}</p>
      <Show when={hint()}>{(text) => <p class="told">Try: {text()}</p>}</Show>
      <Show when={props.retry}>{(retry) => <Button onClick={() => retry()()}>Try again</Button>}</Show>
    </EmptyState>
  );
}
