import { type JSX, Suspense } from "solid-js";
import { Loaded, type LoadedProps, Loading } from "./loading.tsx";

/** As `Loaded`, for a part of a page: the rest of the page stays while it loads. */
export function Part<T>(props: LoadedProps<T>): JSX.Element {
  return (
    <Suspense fallback={<Loading what={props.what} />}>
      <Loaded resource={props.resource} what={props.what} retry={props.retry}>
        {props.children}
      </Loaded>
    </Suspense>
  );
}
