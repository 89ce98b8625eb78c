import { FileError } from "../core/errors.ts";
import { packageInfo } from "../core/node/package-info.ts";
import type { ModelRecord } from "../models/index.ts";
import type { Run } from "./registry.ts";

/**
 * A run's configuration, when this version's model takes it: it may lack settings that came later.
 * @throws FileError naming the settings that it lacks or that cannot have their values: the run is of another version
 */
export function runConfig(run: Pick<Run, "folder" | "record">, record: ModelRecord): Record<string, unknown> {
  const { config, versions } = run.record;
  const madeBy: string | undefined = versions.atelier;
  const { error } = record.config.safeParse({ ...record.later, ...config });
  if (error === undefined) return config;
  throw new FileError({
    what: `The run's settings are not those of this version's model "${record.name}".`,
    where: run.folder,
    got: error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)).join("; "),
    expected: `the settings that \`atelier models ${record.name}\` lists`,
    hint: `train it again${madeBy === undefined || madeBy === packageInfo().version ? "" : `, or open it with the version that made it (${madeBy})`}`,
  });
}
