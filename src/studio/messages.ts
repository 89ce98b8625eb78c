// What the studio's server and page tell each other everywhere; each area has a file of its own beside this one.

/** What the server answers where it cannot do what was asked. */
export interface Failure {
  readonly error: {
    /** The kind of error: `UsageError`, `FileError`, ...; `Unexpected` for a fault of ours. */
    readonly kind: string;
    /** One or two sentences: what went wrong, what was given, what would have been right. */
    readonly message: string;
    /** What the user can do now. */
    readonly hint?: string | undefined;
  };
}

/** What a page needs to know of the studio that it talks to. */
export interface StudioFacts {
  /** The version of the package. */
  readonly version: string;
  /** The folder of runs, as the user named it: to be shown, never to be sent back. */
  readonly runsFolder: string;
  /** Processors of the machine that the studio runs on. */
  readonly processors: number;
}
