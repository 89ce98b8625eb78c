/** Trainings that the studio was asked for, as files: `.studio/jobs/RUN.json` in the folder of runs, until the run's own folder says all there is to say. */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../core/node/files.ts";

const troubleSchema = z.looseObject({ kind: z.string(), what: z.string(), got: z.string().optional(), hint: z.string().optional() });

const jobSchema = z.object({
  format: z.literal(1),
  /** The run's name, which is the job's. */
  run: z.string(),
  kind: z.enum(["new", "resume"]),
  /** The words after `atelier`. */
  words: z.array(z.string()),
  threads: z.int(),
  /** What was asked for, to be shown while there is no run yet. */
  about: z.object({ model: z.string(), preset: z.string().nullable(), data: z.string().nullable(), seed: z.string() }),
  /** ISO 8601, UTC. */
  created: z.string(),
  state: z.enum(["waiting", "running", "ended"]),
  /** Of `running`: the process, and when it started, as the system tells it. */
  pid: z.int().optional(),
  started: z.string().optional(),
  /** Of `ended`: why it failed. */
  trouble: troubleSchema.optional(),
});

export type Job = z.infer<typeof jobSchema>;

/** Reads and writes the jobs' files. */
export class JobFiles {
  readonly #folder: string;

  constructor(runsFolder: string) {
    this.#folder = path.join(runsFolder, ".studio", "jobs");
  }

  /** Every job, oldest first; what cannot be read is passed over. */
  async list(): Promise<Job[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const jobs = await Promise.all(names.filter((name) => name.endsWith(".json")).map((name) => this.#read(name)));
    return jobs.filter((job) => job !== undefined).sort((a, b) => (a.created < b.created ? -1 : 1));
  }

  async #read(name: string): Promise<Job | undefined> {
    try {
      const job = jobSchema.parse(JSON.parse(await readFile(path.join(this.#folder, name), "utf8")));
      return `${job.run}.json` === name ? job : undefined;
    } catch {
      return undefined;
    }
  }

  /** @throws FileError when it cannot be written */
  async write(job: Job): Promise<void> {
    await mkdir(this.#folder, { recursive: true }).catch(() => undefined);
    await writeFileAtomic(path.join(this.#folder, `${job.run}.json`), `${JSON.stringify(job, null, 2)}\n`);
  }

  async remove(run: string): Promise<void> {
    await rm(path.join(this.#folder, `${run}.json`), { force: true }).catch(() => undefined);
  }
}
