import { AtelierError, FileError } from "../core/errors.ts";
import type { Module } from "../nn/module.ts";
import type { Architecture } from "./architecture.ts";
import { bertArchitecture } from "./bert.ts";
import { ConfigFields } from "./config-fields.ts";
import { gpt2Architecture } from "./gpt2.ts";
import { llamaArchitecture } from "./llama.ts";

/** Every family of networks that is read from and written to Hugging Face's files. */
export const architectures: readonly Architecture[] = [
  gpt2Architecture,
  llamaArchitecture,
  bertArchitecture,
] as unknown as readonly Architecture[];

/** The family and configuration that a `config.json` names. @throws FileError when it is not known or not valid */
export function readConfig(value: unknown, where: string): { architecture: Architecture; config: unknown } {
  const fields = new ConfigFields(value, where);
  const type = fields.values.model_type;
  const architecture = architectures.find(({ modelTypes }) => modelTypes.includes(String(type)));
  if (architecture === undefined) {
    throw new FileError({
      what: "This kind of model is not known.",
      where: `${where}, model_type`,
      got: type === undefined ? "nothing" : JSON.stringify(type),
      expected: `one of: ${architectures.flatMap(({ modelTypes }) => modelTypes).join(", ")}`,
    });
  }
  return { architecture, config: architecture.read(fields) };
}

/** The family of a network. @throws AtelierError for one that Hugging Face's files have no form for */
export function architectureOf(network: Module): Architecture {
  const architecture = architectures.find((candidate) => candidate.owns(network));
  if (architecture !== undefined) return architecture;
  throw new AtelierError({
    what: "This network has no form in Hugging Face's files.",
    got: network.constructor.name,
    expected: architectures.map(({ kind }) => kind).join(", "),
  });
}
