/** Low-rank adapters as PEFT, Hugging Face's library of adapters, keeps them: `adapter_config.json` and `adapter_model.safetensors`. */
import { z } from "zod";
import { FileError } from "../core/errors.ts";
import { Linear } from "../nn/linear.ts";
import { Lora, type LoraOptions, type LoraWeights } from "../nn/lora.ts";
import { type Module, namedModules } from "../nn/module.ts";
import type { Architecture } from "./architecture.ts";
import { architectureOf } from "./architectures.ts";
import type { FileTensor } from "./safetensors.ts";

const PREFIX = "base_model.model.";
const empty = z.union([z.null(), z.array(z.unknown()).max(0), z.strictObject({})]).optional();

const adapterConfig = z.object({
  peft_type: z.literal("LORA"),
  r: z.int().min(1),
  lora_alpha: z.number().gt(0),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  base_model_name_or_path: z.string().nullish(),
  use_rslora: z.boolean().default(false),
  rank_pattern: z.record(z.string(), z.int().min(1)).nullish(),
  // What would change the result, and is not done here.
  use_dora: z.literal(false).default(false),
  bias: z.literal("none").default("none"),
  modules_to_save: empty,
  trainable_token_indices: empty,
  alpha_pattern: empty,
});
/** What is used of an `adapter_config.json`. */
export type AdapterConfig = z.infer<typeof adapterConfig>;

/** The parsed JSON of an `adapter_config.json`, checked. @throws FileError naming the field that is not right or not supported */
export function readAdapterConfig(value: unknown, where: string): AdapterConfig {
  const checked = adapterConfig.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const field = issue.path.join(".");
  throw new FileError({
    what: "The adapter is not one that can be used here.",
    where: `${where}${field === "" ? "" : `, ${field}`}`,
    got: issue.message,
    expected: "a LoRA adapter of PEFT without DoRA, trained biases or whole modules",
  });
}

/** What `adapter_config.json` says of adapters. `base` is the name or folder of the model they were trained on. @throws AtelierError for a network without a form in these files */
export function adapterConfigOf(lora: Lora, network: Module, base: string): Record<string, unknown> {
  const { rank, alpha = 2 * rank, dropout = 0, rankStabilised = false } = lora.options;
  const architecture = architectureOf(network);
  const other = [...lora.weights].filter(([, own]) => own.rank !== rank);
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rankStabilised,
    target_modules: targetModules(lora, network, architecture),
    rank_pattern: Object.fromEntries(other.map(([name, own]) => [moduleName(architecture, name), own.rank])),
    alpha_pattern: {},
    fan_in_fan_out: lora.names.some((name) => architecture.stored(`${name}.weight`).transposed),
    bias: "none",
    use_dora: false,
    modules_to_save: null,
    init_lora_weights: true,
    inference_mode: true,
  };
}

/** The tensors of `adapter_model.safetensors`: A [r, in] and B [out, r] of each map. @throws AtelierError for a network without a form in these files */
export function adapterTensors(lora: Lora, network: Module): Map<string, FileTensor> {
  const architecture = architectureOf(network);
  const tensors = new Map<string, FileTensor>();
  for (const [name, { A, B, rank }] of lora.weights) {
    const module = `${PREFIX}${moduleName(architecture, name)}`;
    tensors.set(`${module}.lora_A.weight`, { dtype: "float32", shape: [rank, A.length / rank], data: A });
    tensors.set(`${module}.lora_B.weight`, { dtype: "float32", shape: [B.length / rank, rank], data: B });
  }
  return tensors;
}

/**
 * Put the adapters of a file onto a network.
 * @throws FileError for an adapter of another base: maps that the network has not, or of another size, all of them listed
 */
export function adapterFrom(network: Module, config: AdapterConfig, tensors: ReadonlyMap<string, FileTensor>, where: string): Lora {
  const architecture = architectureOf(network);
  const maps = new Map([...namedModules(network, Linear)].map(([name, map]) => [moduleName(architecture, name), { name, map }]));
  const found = new Map<string, { A?: FileTensor; B?: FileTensor }>();
  for (const [key, tensor] of tensors) {
    const parts = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(key);
    if (parts === null)
      throw new FileError({ what: "A tensor of the adapter is not known here.", where, got: key, expected: `${PREFIX}...lora_A.weight` });
    found.set(parts[1], { ...found.get(parts[1]), [parts[2]]: tensor });
  }
  const weights = new Map<string, LoraWeights>();
  const wrong: string[] = [];
  for (const [module, { A, B }] of found) {
    const place = maps.get(module);
    if (place === undefined) wrong.push(`no ${module}`);
    else {
      const [out, width] = place.map.weight.shape;
      if (A?.dtype !== "float32" || B?.dtype !== "float32" || A.shape.length !== 2 || B.shape.length !== 2 || A.shape[0] !== B.shape[1])
        throw new FileError({
          what: "The adapter's matrices do not fit each other.",
          where,
          got: module,
          expected: "lora_A [r, in] and lora_B [out, r]",
        });
      if (A.shape[1] !== width || B.shape[0] !== out) wrong.push(`${module} is [${out}, ${width}], not [${B.shape[0]}, ${A.shape[1]}]`);
      weights.set(place.name, { A: A.data, B: B.data, rank: A.shape[0] });
    }
  }
  if (wrong.length > 0 || found.size === 0) throw anotherBase(wrong, config, where);
  requireRanks(weights, config, where);
  const options: LoraOptions = {
    rank: config.r,
    alpha: config.lora_alpha,
    dropout: config.lora_dropout,
    rankStabilised: config.use_rslora,
  };
  return Lora.of(network, options, weights);
}

/** What is added is divided by the rank: matrices of another rank than the file says would be added too strongly or too weakly. @throws FileError */
function requireRanks(weights: ReadonlyMap<string, LoraWeights>, { r, rank_pattern }: AdapterConfig, where: string): void {
  const known = new Set([r, ...Object.values(rank_pattern ?? {})]);
  const other = [...weights].find(([, { rank }]) => !known.has(rank));
  if (other === undefined) return;
  throw new FileError({
    what: "The adapter's matrices are not of the rank that its configuration says.",
    where,
    got: `${other[0]} of rank ${other[1].rank}`,
    expected: `r or one of rank_pattern in adapter_config.json: ${[...known].join(", ")}`,
    hint: "both files must be of one adapter: copy or fetch them again",
  });
}

function anotherBase(wrong: readonly string[], { base_model_name_or_path: base }: AdapterConfig, where: string): FileError {
  const more = wrong.length > 4 ? `; and ${wrong.length - 4} more` : "";
  return new FileError({
    what: "The adapter was trained on another model.",
    where,
    got: wrong.length === 0 ? "no matrices" : `in this model: ${wrong.slice(0, 4).join("; ")}${more}`,
    expected: base ? `the model it was made for: ${base}` : "the model it was made for",
  });
}

/** `transformer.h.0.attn.c_attn`, as it is called in Hugging Face's network. */
function moduleName(architecture: Architecture, path: string): string {
  return architecture.stored(`${path}.weight`).name.replace(/\.weight$/, "");
}

/** The last parts of the names where they mean just these maps, else whole names. */
function targetModules(lora: Lora, network: Module, architecture: Architecture): string[] {
  const names = lora.names.map((name) => moduleName(architecture, name));
  const all = [...namedModules(network, Linear).keys()].map((name) => moduleName(architecture, name));
  const ends = [...new Set(names.map((name) => name.split(".").at(-1)!))];
  const meant = all.filter((name) => ends.includes(name.split(".").at(-1)!));
  return meant.length === names.length ? ends.sort() : names;
}
