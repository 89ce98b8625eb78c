import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError } from "../errors.ts";
import type { PackageSpec } from "../package-spec.ts";
import { makeTar } from "../testing/make-tar.ts";
import { extractFile, fetchFailure, readPackage, readTarball } from "./npm-package.ts";

const digest = (bytes: Uint8Array) => `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

const large = new Uint8Array(3_000_000).map((_, i) => (i * 2654435761) >>> 24);
const tar = makeTar([
  { name: "package/package.json", data: '{"name":"tiny-set","version":"1.2.3"}' },
  { name: "package/large.bin", data: large },
]);
const tarball = gzipSync(tar);
const spec: PackageSpec = {
  name: "tiny-set",
  version: "1.2.3",
  integrity: digest(tarball),
  bytes: tarball.length,
  unpackedBytes: tar.length,
};

/** A registry on this machine with one package. */
let registry: Server;
let address: string;
let folder: string;
/** Whether the registry answers nothing but errors. */
let down = false;

beforeAll(async () => {
  registry = createServer((request, response) => {
    if (down) {
      response.writeHead(503).end("{}");
    } else if (request.url === "/tiny-set") {
      const dist = { tarball: `${address}/tiny-set.tgz`, integrity: digest(tarball) };
      const versions = { "1.2.3": { name: "tiny-set", version: "1.2.3", dist } };
      response.end(JSON.stringify({ name: "tiny-set", "dist-tags": { latest: "1.2.3" }, versions }));
    } else if (request.url === "/tiny-set.tgz") {
      response.end(tarball);
    } else {
      response.writeHead(404).end("{}");
    }
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
});
afterAll(() => void registry.close());

beforeEach(async () => {
  down = false;
  folder = await mkdtemp(path.join(tmpdir(), "package-test-"));
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
  vi.stubEnv("npm_config_registry", address);
  vi.stubEnv("npm_config_cache", path.join(folder, "npm"));
  vi.stubEnv("npm_config_noproxy", "127.0.0.1");
  vi.stubEnv("npm_config_fetch_retries", "0");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function leftovers(): Promise<string[]> {
  return await readdir(path.join(folder, "cache", "tmp"));
}

describe("readPackage", () => {
  it("fetches through npm, checks and hands over the wanted files; works again without the registry", async () => {
    const told: string[] = [];
    const read = async () => {
      const found: [string, number][] = [];
      const onProgress = (message: string) => void told.push(message);
      await readPackage(
        spec,
        (name) => name.endsWith(".bin"),
        (name, bytes) => void found.push([name, bytes.length]),
        { onProgress },
      );
      return found;
    };
    expect(await read()).toEqual([["package/large.bin", large.length]]);
    expect(told[0]).toMatch(/^fetching tiny-set@1\.2\.3 \(\d+ MB\)$/);
    expect(told).toContain("unpacking tiny-set@1.2.3");
    down = true;
    expect(await read()).toHaveLength(1);
    expect(await leftovers()).toEqual([]);
  });

  it("refuses another package's bytes and keeps nothing", async () => {
    const other = { ...spec, integrity: digest(tar) };
    const destination = path.join(folder, "out", "large.bin");
    const error = await extractFile(other, "package/large.bin", destination).catch((e) => e);
    expect(error).toBeInstanceOf(FileError);
    expect(error.message.replaceAll(/sha512-\S+/g, "sha512-...").replaceAll(/\d+ bytes/g, "N bytes")).toMatchInlineSnapshot(`
      "The package tiny-set@1.2.3 that was fetched is not the one expected; nothing of it was kept.
        got:      sha512-... (N bytes)
        expected: sha512-... (N bytes)
        try:      run \`npm cache verify\` and try again; if it stays so, your registry or mirror serves other bytes under this name"
    `);
    expect(existsSync(destination)).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  it("says what to do for an unknown version and without a network", async () => {
    await expect(
      readPackage(
        { ...spec, version: "9.9.9" },
        () => true,
        () => undefined,
      ),
    ).rejects.toThrow("npm: ETARGET");
    await expect(
      readPackage(
        { ...spec, name: "no-such-set" },
        () => true,
        () => undefined,
      ),
    ).rejects.toThrow("npm: E404");
    vi.stubEnv("npm_config_registry", "http://127.0.0.1:9");
    await expect(
      readPackage(
        spec,
        () => true,
        () => undefined,
      ),
    ).rejects.toThrow(/ECONNREFUSED.*connect to the network once/s);
    expect(await leftovers()).toEqual([]);
  });

  it("stops when aborted", async () => {
    const abort = new AbortController();
    const reading = readPackage(
      spec,
      () => true,
      () => undefined,
      { signal: abort.signal },
    );
    abort.abort();
    await expect(reading).rejects.toThrow("aborted");
    expect(await leftovers()).toEqual([]);
  });
});

describe("extractFile", () => {
  it("writes one file, and names a missing one", async () => {
    const destination = path.join(folder, "deep", "large.bin");
    await extractFile(spec, "package/large.bin", destination);
    expect((await readFile(destination)).equals(large)).toBe(true);
    await expect(extractFile(spec, "package/none", destination)).rejects.toThrow("Package tiny-set@1.2.3 has no file package/none.");
  });
});

describe("readTarball", () => {
  const all = async (bytes: Uint8Array, limits = spec) => {
    const file = path.join(folder, "x.tgz");
    await writeFile(file, bytes);
    await readTarball(
      file,
      limits,
      () => true,
      () => undefined,
    );
  };

  it("refuses damage and more bytes than declared", async () => {
    await expect(all(tarball)).resolves.toBeUndefined();
    await expect(all(tarball.subarray(0, tarball.length / 2))).rejects.toBeInstanceOf(FileError);
    await expect(all(new Uint8Array(1000))).rejects.toThrow("The archive of tiny-set@1.2.3 is damaged.");
    await expect(all(tarball, { ...spec, unpackedBytes: 10_000 })).rejects.toThrow("longer than declared");
  });

  it("passes the receiver's own errors through", async () => {
    const file = path.join(folder, "x.tgz");
    await writeFile(file, tarball);
    const failing = readTarball(
      file,
      spec,
      () => true,
      () => {
        throw new TypeError("mine");
      },
    );
    await expect(failing).rejects.toThrow(TypeError);
  });
});

describe("fetchFailure", () => {
  it("tells what to do", () => {
    vi.stubEnv("ATELIER_CACHE", path.resolve("/cache"));
    const summary = "request to https://registry/tiny-set failed, reason: getaddrinfo ENOTFOUND registry";
    expect(fetchFailure(spec, { ok: false, code: "ENOTFOUND", summary }).message).toMatchInlineSnapshot(`
      "Could not fetch the package tiny-set@1.2.3, and the cache does not have it.
        where:    cache /cache
        got:      npm: ENOTFOUND: request to https://registry/tiny-set failed, reason: getaddrinfo ENOTFOUND registry
        try:      connect to the network once, or copy a filled cache folder from another machine and set ATELIER_CACHE to it"
    `);
  });
});
