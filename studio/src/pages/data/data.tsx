import { type JSX, Show } from "solid-js";
import type { PageProps } from "../../pages.ts";
import "../../styles/data.css";
import { DataList } from "./list.tsx";
import { DataSet } from "./set.tsx";

/** Data sets: all of them, or one. */
export default function Data(props: PageProps): JSX.Element {
  return (
    <Show when={props.rest[0]} fallback={<DataList />} keyed>
      {(name) => <DataSet name={name} />}
    </Show>
  );
}
