import { createSignal } from "solid-js";
import { type GalleryEntry, type GenerateInfo, type PictureRequest, packMask } from "../../../../src/studio/generate.ts";
import type { Mask } from "./brush.ts";
import { type Followed, followWork, generatePath } from "./follow.ts";
import { type Frame, frameOf } from "./frames.ts";
import type { Picked } from "./picked.tsx";
import { type Chosen, nextSeed, type Wanted } from "./sampling-form.tsx";

export type Mode = PictureRequest["work"];

/** What each mode is called, and what it does. */
export const modes: Readonly<Record<Mode, { readonly title: string; readonly about: string; readonly begin: string }>> = {
  fresh: { title: "New pictures", about: "drawn from chance alone", begin: "Generate" },
  variations: { title: "Variations", about: "pictures near one that is there", begin: "Vary" },
  between: { title: "Between two", about: "a strip from one picture to another", begin: "Interpolate" },
  fill: { title: "Paint a part", about: "mark with a brush what shall be painted anew", begin: "Paint" },
  from: { title: "From a picture", about: "a picture of yours as the beginning", begin: "Generate" },
  reconstruct: { title: "Give back", about: "a picture through the model's eye", begin: "Give back" },
};

/** The modes that a model has. */
export function modesOf({ pictures }: GenerateInfo): Mode[] {
  if (pictures === undefined) return [];
  const { fresh, fills, starts, reconstructs, between, variations } = pictures;
  // Models without codes vary only what they could have drawn; other draws are no variations.
  const varies = variations === "codes" ? between : fresh && variations !== "seeds";
  const has: Readonly<Record<Mode, boolean>> = {
    ...{ fresh, variations: varies, between, fill: fills && fresh, from: starts !== false, reconstruct: reconstructs },
  };
  return (Object.keys(modes) as Mode[]).filter((mode) => has[mode]);
}

/** Everything that the page of pictures works on. */
export function pictureState(info: GenerateInfo, onMade: (entry: GalleryEntry) => void) {
  const [mode, setMode] = createSignal<Mode>(modesOf(info)[0] ?? "fresh");
  const [seed, setSeed] = createSignal("1");
  const [count, setCount] = createSignal(16);
  const [amount, setAmount] = createSignal(0.3);
  const [steps, setSteps] = createSignal(8);
  const [method, setMethod] = createSignal<"spherical" | "linear">("spherical");
  const [chosen, setChosen] = createSignal<Chosen>({});
  const [wanted, setWanted] = createSignal<Wanted>({});
  const [source, setSource] = createSignal<Picked | undefined>();
  const [end, setEnd] = createSignal<Picked | undefined>();
  const [, height, width] = info.shape ?? [1, 8, 8];
  const [mask, setMask] = createSignal<Mask>(new Uint8Array(height * width));
  const [frames, setFrames] = createSignal<readonly Frame[]>([]);
  const [entry, setEntry] = createSignal<GalleryEntry | undefined>();
  const work: Followed = followWork((event) => {
    if (event.type === "frame") setFrames((all) => [...all, frameOf(event)]);
    if (event.type === "done" && event.result.kind === "pictures") {
      setEntry(event.result.entry);
      onMade(event.result.entry);
    }
  });
  const ask = (request: PictureRequest) => {
    setFrames([]);
    setEntry(undefined);
    return work.begin(generatePath(info.name, "pictures"), request);
  };
  const state = {
    ...{
      mode,
      setMode,
      seed,
      setSeed,
      count,
      setCount,
      amount,
      setAmount,
      steps,
      setSteps,
      method,
      setMethod,
      chosen,
      setChosen,
      wanted,
      setWanted,
    },
    ...{ source, setSource, end, setEnd, mask, setMask, frames, entry, work, ask, size: { width, height } },
    /** Why it cannot begin yet; undefined where it can. */
    missing: (): string | undefined => missingOf(mode(), source(), end(), mask()),
    begin: () => {
      const request = requestOf(state);
      if (request === undefined) return;
      void ask(request);
      // The next click makes others.
      if ("seed" in request) setSeed(nextSeed(request.seed));
    },
  };
  return state;
}

export type PictureState = ReturnType<typeof pictureState>;

function missingOf(mode: Mode, source: Picked | undefined, end: Picked | undefined, mask: Mask): string | undefined {
  if (mode === "fresh") return undefined;
  if (source === undefined) return "Choose a picture first.";
  if (mode === "between" && end === undefined) return "Choose the second picture.";
  if (mode === "fill" && !mask.some(Boolean)) return "Mark what shall be painted.";
  if (mode === "fill" && mask.every(Boolean)) return "Leave something as it is.";
  return undefined;
}

/** What the server is asked; undefined while something is missing. */
function requestOf(state: PictureState): PictureRequest | undefined {
  if (state.missing() !== undefined) return undefined;
  const [mode, of] = [state.mode(), state.source()?.ref];
  const chosen = state.chosen();
  const sampling = Object.keys(chosen).length === 0 ? {} : { sampling: { ...chosen } };
  const drawn = { count: state.count(), seed: state.seed(), ...sampling, ...state.wanted() };
  switch (mode) {
    case "fresh":
      return { work: "fresh", ...drawn };
    case "variations":
      return { work: "variations", of: of!, amount: state.amount(), ...drawn };
    case "between":
      return { work: "between", from: of!, to: state.end()!.ref, steps: state.steps(), method: state.method(), ...state.wanted() };
    case "fill":
      return { work: "fill", of: of!, known: packMask(state.mask().map((value) => 1 - value)), ...drawn };
    case "from":
      return { work: "from", of: of!, ...drawn };
    case "reconstruct":
      return { work: "reconstruct", of: of!, ...state.wanted() };
  }
}
