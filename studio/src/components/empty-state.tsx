import type { JSX } from "solid-js";

/** Where there is nothing to show: says why, and what to do. */
export function EmptyState(props: { title: string; role?: "alert" | "status"; children?: JSX.Element }): JSX.Element {
  return (
    <div class="empty" role={props.role}>
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}
