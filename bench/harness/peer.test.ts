import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Peer, Unavailable } from "./peer.ts";

const greeting = { ready: true, peer: "toy", version: "1", modes: ["plain"], workloads: { sum: ["plain"] } };

/** A peer process of a few lines: `answer` is the body of (request) => answer. */
function toy(answer: string, opening = `say(${JSON.stringify(greeting)})`): string[] {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "bench-peer-")), "toy.mjs");
  const source = `import { createInterface } from "node:readline";
const say = (message) => console.log(JSON.stringify(message));
const answer = (request) => { ${answer} };
${opening};
for await (const line of createInterface({ input: process.stdin })) say(answer(JSON.parse(line)));
`;
  writeFileSync(file, source);
  return [process.execPath, file];
}

async function started(answer: string): Promise<Peer> {
  const peer = await Peer.spawn("toy", toy(answer));
  if (peer instanceof Unavailable) throw new Error(peer.reason);
  return peer;
}

describe("Peer", () => {
  it("greets, prepares, runs steps and ends", async () => {
    const peer = await started("return request.steps ? { ms: Array(request.steps).fill(1.5), loss: 0 } : { prepared: request.prepare };");
    expect(peer.greeting).toMatchObject({ peer: "toy", version: "1" });
    expect(peer.modesOf("sum")).toEqual(["plain"]);
    expect(peer.modesOf("other")).toEqual([]);
    await peer.prepare("sum", "plain");
    expect(await peer.steps("sum", "plain", 3)).toEqual([1.5, 1.5, 1.5]);
    await peer.close();
    await expect(peer.steps("sum", "plain", 1)).rejects.toThrow("toy has ended");
  });

  it("answers requests made at once in their order", async () => {
    const peer = await started("return { ms: Array(request.steps).fill(request.steps) };");
    const all = await Promise.all([1, 2, 3].map((n) => peer.steps("sum", "plain", n)));
    expect(all).toEqual([[1], [2, 2], [3, 3, 3]]);
    await peer.close();
  });

  it("passes on the peer's own error and goes on", async () => {
    const peer = await started('return request.prepare ? { error: "no kernel" } : { ms: [1] };');
    await expect(peer.prepare("sum", "plain")).rejects.toThrow("toy: no kernel");
    expect(await peer.steps("sum", "plain", 1)).toEqual([1]);
    await peer.close();
  });

  it("tells what a process that dies in the middle said last", async () => {
    const peer = await started('console.error("out of memory"); process.exit(3);');
    await expect(peer.prepare("sum", "plain")).rejects.toThrow(/exit code 3[\s\S]*out of memory/);
    await peer.close();
  });

  it("calls a peer that is not there unavailable, and why", async () => {
    const missing = await Peer.start("pytorch", "/nonexistent");
    expect(missing).toBeInstanceOf(Unavailable);
    expect((missing as Unavailable).reason).toContain("install.sh");
    expect(await Peer.start("nobody", "/nonexistent")).toBeInstanceOf(Unavailable);
    expect(await Peer.spawn("gone", ["/nonexistent/program"])).toBeInstanceOf(Unavailable);
    expect(await Peer.spawn("broken", toy("", 'throw new Error("no library")'))).toMatchObject({
      reason: expect.stringContaining("no library"),
    });
    expect(await Peer.spawn("odd", toy("", "say({ hello: 1 })"))).toBeInstanceOf(Unavailable);
  });
});
