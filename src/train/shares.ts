import { AtelierError } from "../core/errors.ts";
import type { Parameter } from "../graph/leaf.ts";
import { type Module, namedParameters } from "../nn/module.ts";

/**
 * The parameters of a module by player, under their paths in the module.
 * @throws AtelierError for a module without parameters, a parameter of no player, of two players, or of none of the module's, and a player without any
 */
export function shareParameters(
  module: Module,
  parts: Readonly<Record<string, Module | readonly Module[]>>,
): Map<string, [string, Parameter][]> {
  const all = namedParameters(module);
  if (all.size === 0) {
    throw new AtelierError({
      what: "The module has no parameters to train.",
      hint: "keep layers in fields of the module (or in lists in fields)",
    });
  }
  const owners = new Map<Parameter, string>();
  for (const [player, part] of Object.entries(parts)) {
    for (const inner of [part].flat() as Module[]) {
      for (const [path, parameter] of namedParameters(inner)) {
        const other = owners.get(parameter);
        if (other !== undefined && other !== player) throw notShared(path, `it belongs to the players "${other}" and "${player}"`);
        owners.set(parameter, player);
      }
    }
  }
  const shares = new Map<string, [string, Parameter][]>(Object.keys(parts).map((player) => [player, []]));
  for (const [path, parameter] of all) {
    const owner = owners.get(parameter);
    if (owner === undefined) throw notShared(path, "it belongs to no player");
    shares.get(owner)!.push([path, parameter]);
    owners.delete(parameter);
  }
  for (const [parameter, player] of owners)
    throw notShared(parameter.path ?? "a parameter", `the player "${player}" has it, the module has not`);
  for (const [player, share] of shares) if (share.length === 0) throw notShared(`player "${player}"`, "it has no parameters");
  return shares;
}

function notShared(where: string, got: string): AtelierError {
  return new AtelierError({
    what: "The players do not share out the module's parameters.",
    where,
    got,
    expected: "every parameter with exactly one player",
  });
}
