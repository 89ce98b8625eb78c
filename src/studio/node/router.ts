import { StudioError } from "./errors.ts";
import type { Route } from "./route.ts";

export interface Found {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

/** From method and path (without query) to the route, its `:names` decoded. @throws Error for two routes of one method and path */
export function router(routes: readonly Route[]): (method: string, path: string) => Found {
  const known = routes.map((route) => ({ route, parts: route.path.split("/") }));
  const places = routes.map(({ method, path }) => `${method} ${path.replace(/:[^/]+/g, ":")}`);
  const twice = places.find((place, i) => places.indexOf(place) !== i);
  if (twice !== undefined) throw new Error(`Two routes for ${twice}.`);
  // What is written out goes before what a name stands for.
  known.sort((a, b) => placeholders(a.parts) - placeholders(b.parts));
  return (method, path) => {
    const given = path.split("/");
    const fitting = known.filter(({ parts }) => fits(parts, given));
    if (fitting.length === 0) throw new StudioError(404, { what: "The studio has nothing at this address." });
    const found = fitting.find(({ route }) => route.method === (method === "HEAD" ? "GET" : method));
    if (found === undefined) {
      const expected = [...new Set(fitting.map(({ route }) => route.method))].join(", ");
      throw new StudioError(405, { what: "This address is not asked so.", got: method, expected });
    }
    const names = found.parts.flatMap((part, i) => (part.startsWith(":") ? [[part.slice(1), decoded(given[i])]] : []));
    return { route: found.route, parameters: Object.fromEntries(names) };
  };
}

function placeholders(parts: readonly string[]): number {
  return parts.filter((part) => part.startsWith(":")).length;
}

function fits(parts: readonly string[], given: readonly string[]): boolean {
  return parts.length === given.length && parts.every((part, i) => (part.startsWith(":") ? given[i] !== "" : part === given[i]));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StudioError(400, { what: "The address is not written as addresses are.", got: text });
  }
}
