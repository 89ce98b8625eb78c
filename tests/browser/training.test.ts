import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../src/runtime/node/open.ts";
import { expectClose } from "../devices/close.ts";
import { lossesOf, sessionOptions } from "../devices/training.ts";
import { findChromium, launch, openPage } from "./chromium.ts";
import { type PageServer, servePage } from "./server.ts";
import type { Outcome, Task } from "./task.ts";

const program = findChromium();
if (program === undefined)
  console.warn("Browser tests are skipped: no Chromium here (Debian's package chromium; CHROMIUM names another program).");

test.runIf(process.env.CI)("continuous integration has a browser", () => {
  expect(program).toBeDefined();
});

describe.skipIf(program === undefined)("the same sources in a page", () => {
  let server: PageServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([servePage(), launch(program!)]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  async function train(task: Task): Promise<Outcome> {
    const { page, errors } = await openPage(browser, server.address);
    try {
      return await page.evaluate((given) => (globalThis as unknown as { train(task: Task): Promise<Outcome> }).train(given), task);
    } catch (error) {
      throw new Error([(error as Error).message, ...errors].join("\n"));
    } finally {
      await page.close();
    }
  }

  // A software graphics card takes a second for a step of the VAE.
  test.each([
    { model: "mlp", device: "cpu", threads: 2, steps: 5 },
    { model: "vae", device: "cpu", threads: 1, steps: 5 },
    { model: "mlp", device: "webgpu", steps: 3 },
    { model: "vae", device: "webgpu", steps: 2 },
  ] as const)("$model on $device trains to Node's losses", async (task) => {
    const outcome = await train(task);
    const expected = await lossesOf(sessionOptions(task.model, await openBackend()), task.steps);
    expect(outcome.isolated).toBe(true);
    expect(outcome.description).toMatch(task.device === "cpu" ? /WebAssembly/ : /WebGPU/);
    expectClose(outcome.losses, expected, 1e-4);
  });
});
