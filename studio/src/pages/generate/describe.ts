import type { GalleryEntry, PictureRequest } from "../../../../src/studio/generate.ts";
import { spaced } from "./sampling-form.tsx";

/** A batch in a few words: "16 pictures of seed 3". */
export function describeBatch({ request, files }: Pick<GalleryEntry, "request" | "files">): string {
  const many = files.length === 1 ? "1 picture" : `${files.length} pictures`;
  switch (request.work) {
    case "fresh":
      return `${many} of seed ${request.seed}`;
    case "variations":
      return `${many} near another, seed ${request.seed}`;
    case "between":
      return `${files.length} pictures from one to another`;
    case "fill":
      return `${many} with a part painted anew, seed ${request.seed}`;
    case "from":
      return `${many} from a picture, seed ${request.seed}`;
    case "reconstruct":
      return "a picture given back";
  }
}

/** How a batch was made, as names and values for people. */
export function factsOf({ request, step, checkpoint, created, seconds }: GalleryEntry, index: number): [string, string][] {
  const facts: [string, string][] = [];
  if ("seed" in request) facts.push(["Seed", request.seed]);
  facts.push(["Number in its batch", `${index + 1} of ${"count" in request ? request.count : "steps" in request ? request.steps : 1}`]);
  if ("label" in request && request.label !== undefined) facts.push(["Class", request.label]);
  if ("attributes" in request && request.attributes !== undefined) facts.push(["Attributes", list(request.attributes)]);
  if ("amount" in request) facts.push(["How far", String(request.amount)]);
  if ("method" in request) facts.push(["Way", request.method === "linear" ? "straight" : "along the arc"]);
  for (const [name, value] of Object.entries(samplingOf(request))) facts.push([spaced(name), String(value)]);
  facts.push(
    ["Checkpoint", `step ${step} (${checkpoint.slice(0, 8)})`],
    ["Made", `${created.slice(0, 16).replace("T", " ")} UTC, ${seconds.toFixed(1)} s for the batch`],
  );
  return facts;
}

function samplingOf(request: PictureRequest): Readonly<Record<string, unknown>> {
  return ("sampling" in request && request.sampling) || {};
}

function list(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value === 1 ? "yes" : "no"}`)
    .join(", ");
}
