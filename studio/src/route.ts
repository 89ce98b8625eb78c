import { createSignal } from "solid-js";

/** Where in the studio the page is: `#/runs/vae-001?tab=samples`. */
export interface Place {
  readonly path: string;
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

/** Read the part of an address that follows `#`. What is not encoded as addresses are stays as it is. */
export function parsePlace(hash: string): Place {
  const [words, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [path = "", ...rest] = words.split("/").map(decoded);
  return { path, rest: rest.filter((word) => word !== ""), query: new URLSearchParams(query) };
}

/** The address of a place: `address("runs", ["vae-001"], { tab: "samples" })` is `#/runs/vae-001?tab=samples`. */
export function address(path: string, rest: readonly string[] = [], query: Readonly<Record<string, string>> = {}): string {
  const asked = new URLSearchParams(query).toString();
  return `#/${[path, ...rest].map(encodeURIComponent).join("/")}${asked === "" ? "" : `?${asked}`}`;
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

const [place, setPlace] = createSignal(parsePlace(globalThis.location?.hash ?? ""));
globalThis.addEventListener?.("hashchange", () => setPlace(parsePlace(location.hash)));

/** Where the page is now; followed wherever it is read. */
export { place };

/** Go to a place. @param replace whether the place that is left is forgotten by the browser's "back" */
export function go(to: string, replace = false): void {
  if (!replace) {
    location.hash = to;
    return;
  }
  history.replaceState(null, "", to);
  setPlace(parsePlace(to));
}
