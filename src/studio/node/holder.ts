/** In a worker: a run or a folder that is opened, with what was made for it once. */
import { UsageError } from "../../core/errors.ts";
import type { ExampleSet } from "../../data/dataset.ts";
import { isText } from "../../data/token-set.ts";
import { findModel } from "../../models/index.ts";
import { listCheckpoints } from "../../runs/checkpoint.ts";
import { openTextWriter, type TextWriter } from "../../runs/continue-text.ts";
import { Codec } from "../../runs/latent/codec.ts";
import { type LoadedModel, loadModel, loadSplit } from "../../runs/load.ts";
import { openRun, type Run } from "../../runs/registry.ts";
import type { ViewContext } from "../../runs/sampling.ts";
import { engineOf, type LoadedText, loadText, type OpenedText } from "../../runs/text-engine.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openDevice } from "../../runtime/node/device.ts";
import { type KeptPrograms, keepPrograms } from "./kept-programs.ts";

/** What a worker holds: a run's folder, or a folder with a pretrained model. */
export interface Target {
  readonly name: string;
  readonly path: string;
  readonly kind: "run" | "folder";
}

/** Programs kept for the next batch of pictures. */
const PROGRAMS = 8;
/** Pictures that go through the coder at once. */
const CODED = 16;
/** Conversations at a time; each needs room for keys and values. */
const SLOTS = 2;

/** Tells what is done on the way. */
export type Note = (text: string) => void;

/** A trained run in memory. */
export interface OpenedModel {
  readonly run: Run;
  readonly model: LoadedModel;
  readonly view: ViewContext;
}

/** The model of a worker, opened when first asked for, and anew when its run has a newer checkpoint. */
export class Holder {
  readonly target: Target;
  readonly #programs: KeptPrograms = keepPrograms(PROGRAMS);
  #backend: Backend | undefined;
  /** Of the newest checkpoint's step when it was loaded. */
  #newest: number | undefined;
  #opened: OpenedModel | undefined;
  #loaded: LoadedText | undefined;
  #held: Promise<ExampleSet> | undefined;
  #codec: Codec | undefined;
  #text: OpenedText | undefined;
  #writer: TextWriter | undefined;

  constructor(target: Target) {
    this.target = target;
  }

  /** The run with its newest weights. @throws UsageError for a folder, a run that is gone, a model that is not known; FileError for damage */
  async open(note: Note): Promise<OpenedModel> {
    if (this.target.kind === "folder")
      throw new UsageError({ what: "A folder of a pretrained model writes texts and nothing else.", got: this.target.name });
    const run = await openRun(this.target.path);
    const newest = (await listCheckpoints(run)).at(-1);
    if (this.#opened !== undefined && newest === this.#newest) return { ...this.#opened, run };
    if (this.#opened !== undefined) await this.#forget();
    const backend = await this.#openBackend(note);
    note(`opening ${run.name}`);
    const record = findModel(run.record.model);
    if (isText(record.data.shape(run.record.config))) this.#loaded = await loadText(run.folder, { onWarning: note }).catch(notText);
    const model = this.#loaded?.model ?? (await loadModel(run, note));
    this.#newest = newest;
    this.#opened = { run, model, view: { ...model, backend, compile: this.#programs.compile } };
    return this.#opened;
  }

  /** What continues texts, with its template for chats. @throws UsageError for a model that does not */
  async text(note: Note): Promise<OpenedText> {
    const backend = await this.#openBackend(note);
    if (this.target.kind === "run") await this.open(note);
    else if (this.#loaded === undefined) {
      note(`opening ${this.target.name}`);
      this.#loaded = await loadText(this.target.path, { onWarning: note });
    }
    if (this.#loaded === undefined) throw new UsageError({ what: `The run "${this.target.name}" does not write texts.` });
    this.#text ??= await engineOf(this.#loaded, { backend, slots: SLOTS });
    return this.#text;
  }

  /** What continues texts beyond the context of its network, forgetting what lies further back; undefined for folders. */
  async writer(note: Note): Promise<TextWriter | undefined> {
    if (this.target.kind === "folder") return undefined;
    const { model, view } = await this.open(note);
    if (model.tokenizers === undefined) return undefined;
    this.#writer ??= await openTextWriter(view, model.tokenizers.tokenizer);
    return this.#writer;
  }

  /** Whether it is a folder's network, whose tokenizer puts special tokens around a prompt. */
  get pretrained(): boolean {
    return this.target.kind === "folder";
  }

  /** Held-out data of the run. @throws FileError where they cannot be had */
  async held(note: Note): Promise<ExampleSet> {
    const { run, model } = await this.open(note);
    const { data } = run.record;
    this.#held ??= loadSplit(model.record, model.config, data?.name ?? model.record.data.sets[0], "test", undefined, {
      ...{ onProgress: note, tokenizers: model.tokenizers, field: data?.field, targetField: data?.targetField },
    });
    // A failure may pass, such as a network that is away.
    this.#held.catch(() => {
      this.#held = undefined;
    });
    return this.#held;
  }

  /** The way to codes and back. */
  async codec(note: Note): Promise<Codec> {
    const { model, view } = await this.open(note);
    this.#codec ??= new Codec(model, view.backend, CODED);
    return this.#codec;
  }

  async close(): Promise<void> {
    await this.#forget();
  }

  async #openBackend(note: Note): Promise<Backend> {
    this.#backend ??= await openDevice("cpu", { onProgress: note, onNotice: note });
    return this.#backend;
  }

  async #forget(): Promise<void> {
    const [codec, text, writer] = [this.#codec, this.#text, this.#writer];
    this.#codec = this.#text = this.#writer = this.#opened = this.#loaded = this.#newest = undefined;
    await codec?.dispose();
    await text?.engine.close();
    await writer?.close();
    await this.#programs.release();
  }
}

/** Models of text without a tokenizer of their own are opened like all others. */
function notText(error: unknown): undefined {
  if (error instanceof UsageError) return undefined;
  throw error;
}
