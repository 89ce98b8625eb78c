import type { JSX } from "solid-js";

/** Where there is nothing to show: says why, and what to do. */
export function EmptyState(props: {
  title: string;
  /** 1 where it is the whole page. Default 2. */
  level?: 1 | 2;
  role?: "alert" | "status";
  children?: JSX.Element;
}): JSX.Element {
  return (
    <div class="empty" role={props.role}>
      {props.level === 1 ? <h1>{props.title}</h1> : <h2>{props.title}</h2>}
      {props.children}
    </div>
  );
}
