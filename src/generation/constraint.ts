/**
 * What may come next in a text that must follow a rule, such as a grammar or a JSON schema. One object follows one text from its begin: it is made for
 * one request and cannot be used for a second.
 */
export interface TokenConstraint {
  /**
   * Which tokens may come next, given the tokens so far: 1 at each allowed id, [vocabulary]. Tokens that end a text (`complete`) and special tokens are
   * not among them. The array is shared by all who are in the same state and must not be changed.
   */
  allowed(): Uint8Array;
  /** Whether the text may end here: the tokens that end a text are then allowed, too. */
  readonly complete: boolean;
  /** Whether the text is complete and nothing can follow: generation ends without asking the network. */
  readonly finished: boolean;
  /** Take one more token. @throws UsageError for one that is not allowed */
  advance(id: number): void;
}
