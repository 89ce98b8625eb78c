/** The simple way to continue a text with any language model: read tokens, get the scores of the next one. */
import { UsageError } from "../core/errors.ts";
import { isWindow } from "../data/token-set.ts";
import { gather } from "../graph/ops/gather.ts";
import type { Module } from "../nn/module.ts";
import type { InputSpec } from "../runtime/program.ts";
import { type ModelRecord, type Recurrence, type SampleContext, textShape } from "./model.ts";

/** One text that is being read. */
export interface NextToken {
  /** The most tokens that count; what lies further back is forgotten. Infinite for recurrent models. */
  readonly context: number;
  /**
   * Read tokens that follow those read before.
   * @returns scores [V] of the token that comes next, the reader's own array until it reads again
   */
  read(tokens: ArrayLike<number>): Promise<Float32Array>;
  /** Forget all that was read. */
  reset(): void;
  close(): Promise<void>;
}

export interface NextTokenOptions {
  record: ModelRecord;
  config: unknown;
  network: Module;
  compile: SampleContext["compile"];
}

/** Whether a model can continue texts in this way. */
export function continuesText(record: Pick<ModelRecord, "recurrence" | "logits">): boolean {
  return record.recurrence !== undefined || record.logits !== undefined;
}

/**
 * A reader for a model: recurrent ones carry their state from token to token, others read their whole context anew each time.
 * @throws UsageError for a model that predicts no next token
 */
export async function openNextToken(options: NextTokenOptions): Promise<NextToken> {
  const { record, config } = options;
  if (record.recurrence !== undefined) return await recurrentReader(options, record.recurrence);
  const shape = textShape(record, config);
  if (record.logits === undefined || shape === undefined || !isWindow(shape)) {
    throw new UsageError({ what: `The model "${record.name}" does not continue texts.` });
  }
  return await windowReader(options, shape.tokens);
}

async function recurrentReader({ network, compile }: NextTokenOptions, { state, step }: Recurrence<Module>): Promise<NextToken> {
  const shapes = Object.entries(state(network, 1));
  const inputs: Record<string, InputSpec> = { tokens: { shape: [1], dtype: "int32" } };
  for (const [name, shape] of shapes) inputs[name] = { shape };
  const program = await compile<string, string>(
    ({ tokens, ...given }) => {
      const { logits, state: after } = step(network, tokens, given);
      return { logits, ...Object.fromEntries(Object.entries(after).map(([name, value]) => [`after:${name}`, value])) };
    },
    { inputs },
  );
  return {
    context: Number.POSITIVE_INFINITY,
    async read(tokens) {
      let logits: Float32Array | undefined;
      for (let i = 0; i < tokens.length; i++) {
        program.inputs.tokens[0] = tokens[i];
        const outputs = await program.run();
        for (const [name] of shapes) (program.inputs[name] as Float32Array).set(outputs[`after:${name}`] as Float32Array);
        logits = outputs.logits as Float32Array;
      }
      return requireRead(logits);
    },
    reset() {
      for (const [name] of shapes) (program.inputs[name] as Float32Array).fill(0);
    },
    close: () => program.dispose(),
  };
}

async function windowReader({ record, network, compile }: NextTokenOptions, context: number): Promise<NextToken> {
  const program = await compile<"tokens" | "last", "logits">(
    ({ tokens, last }) => {
      const logits = record.logits!(network, tokens);
      return { logits: gather(logits.reshape([context, logits.shape[2]]), last, 0) };
    },
    { inputs: { tokens: { shape: [1, context], dtype: "int32" }, last: { shape: [1], dtype: "int32" } } },
  );
  let kept: number[] = [];
  return {
    context,
    async read(tokens) {
      for (let i = 0; i < tokens.length; i++) kept.push(tokens[i]);
      kept = kept.slice(-context);
      if (kept.length === 0) return requireRead(undefined);
      // What stands behind the last token is not looked at.
      const inputs = program.inputs.tokens as Int32Array;
      inputs.fill(0);
      inputs.set(kept);
      program.inputs.last[0] = kept.length - 1;
      return (await program.run()).logits as Float32Array;
    },
    reset() {
      kept = [];
    },
    close: () => program.dispose(),
  };
}

function requireRead(logits: Float32Array | undefined): Float32Array {
  if (logits !== undefined) return logits;
  throw new UsageError({ what: "There is no token to go on from.", hint: "give a prompt of at least one token" });
}
