// A real studio and a real browser for the tests of this folder: one of each for a file, a page for each visit.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { serveStudio } from "../../src/studio/node/server.ts";
import { openStudio } from "../../src/studio/node/studio.ts";
import { findChromium, launch } from "../browser/chromium.ts";

const root = path.resolve(import.meta.dirname, "../..");
const artifacts = path.join(root, "test-artifacts");

/** The browser's program; undefined, with a word about it, where there is none. */
export const program = findChromium();
if (program === undefined)
  console.warn("Tests of the studio's page are skipped: no Chromium here (Debian's package chromium; CHROMIUM names another program).");

export interface VisitOptions {
  /** Pixels. Default 1280 x 800. */
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

/** A page of the studio in the browser. */
export interface Visit {
  readonly page: Page;
  /** Errors in the console, exceptions, requests that would leave the machine, answers of 500 and above: a test expects none. */
  readonly problems: readonly string[];
  /** Keep a picture in test-artifacts. @param name without ending */
  picture(name: string): Promise<void>;
}

export interface StudioUnderTest {
  readonly url: string;
  readonly runsFolder: string;
  readonly browser: Browser;
  /** Open a place, `#/garden`, in a page of its own. */
  visit(place: string, options?: VisitOptions): Promise<Visit>;
  close(): Promise<void>;
}

/** A studio on any free port. @param runsFolder default: an empty one, removed at the end */
export async function startStudio(runsFolder?: string): Promise<StudioUnderTest> {
  const home = runsFolder ?? mkdtempSync(path.join(tmpdir(), "atelier-studio-"));
  const faults: string[] = [];
  const studio = openStudio({ runsFolder: home });
  const onError = (error: unknown) => faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const [server, browser] = await Promise.all([
    serveStudio(studio, { port: 0, page: path.join(root, "dist/studio/page"), onError }),
    launch(program!),
  ]);
  return {
    url: server.url,
    runsFolder: home,
    browser,
    visit: (place, options) => visit(browser, server.url, place, faults, options),
    close: async () => {
      await browser.close();
      await server.close();
      if (runsFolder === undefined) rmSync(home, { recursive: true, force: true });
    },
  };
}

async function visit(
  browser: Browser,
  url: string,
  place: string,
  faults: string[],
  { width = 1280, height = 800, dark = false }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
  const page = await context.newPage();
  const problems = faults;
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(url) && !/^(blob|data):/.test(to)) problems.push(`a request to ${to}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) problems.push(`${response.status()} from ${response.url()}`);
  });
  await page.goto(`${url}${place}`);
  return {
    page,
    problems,
    picture: async (name) => {
      mkdirSync(artifacts, { recursive: true });
      await page.screenshot({ path: path.join(artifacts, `${name}.png`) });
    },
  };
}

/** How far a page is wider than its window, in pixels: 0 where it fits. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
