/** One published npm package, pinned so exactly that only its true bytes are accepted. */
export interface PackageSpec {
  name: string;
  version: string;
  /** The registry's subresource integrity string: `sha512-` and the base64 digest of the tarball. */
  integrity: string;
  /** Size of the tarball: told to the user before fetching it. */
  bytes: number;
  /** Size of the uncompressed tar archive, headers and padding included: more than this is refused while unpacking. */
  unpackedBytes: number;
}
