import type { RandomStream } from "../core/random.ts";
import type { Module } from "../nn/module.ts";
import type { ConfigFields } from "./config-fields.ts";

/** Where a parameter stands in a file. */
export interface StoredName {
  readonly name: string;
  /** Whether the file holds the matrix the other way round. */
  readonly transposed: boolean;
}

/** A family of networks as Hugging Face's files describe it: configuration, names, layout, both ways. `C` is our configuration, `N` our network. */
export interface Architecture<C = unknown, N extends Module = Module> {
  /** The name of the family here. */
  readonly kind: string;
  /** What `model_type` in `config.json` may be; what is written is up to `write`. */
  readonly modelTypes: readonly string[];
  /** @throws FileError for fields that are missing, not valid, or ask for what is not supported */
  read(fields: ConfigFields): C;
  /** A configuration with what only the names and shapes in a file tell, such as which heads there are. */
  adapt?(config: C, tensors: ReadonlyMap<string, readonly number[]>): C;
  /** The fields of `config.json` that follow from a configuration, `model_type` and `architectures` among them. */
  write(config: C): Record<string, unknown>;
  /** Without a stream the weights are zeros, to be read from a file. */
  build(config: C, rng?: RandomStream): N;
  /** Whether a network is of this family. */
  owns(network: Module): network is N;
  /** The settings of a network, for config.json. */
  configOf(network: N): C;
  /** How many numbers the network has, without building it. */
  parameterCount(config: C): number;
  /** Where the parameter with this path stands in a file. */
  stored(path: string): StoredName;
  /**
   * The present name for one in a file, which may be old or that of a network without its head. `undefined` for what carries no weights (masks and
   * tables that are computed).
   */
  present(name: string): string | undefined;
  /** Names that a file may hold though the network shares another's weight: name by name. Their numbers must be equal. */
  shared(config: C): Readonly<Record<string, string>>;
  /** Parameters that Hugging Face's network has and one of this configuration has not: written as zeros, by name, in the file's layout. */
  zeros?(config: C): Readonly<Record<string, readonly number[]>>;
}

/** Give an architecture its exact types; the list of them forgets them. */
export function defineArchitecture<C, N extends Module>(architecture: Architecture<C, N>): Architecture<C, N> {
  return architecture;
}
