import { accessSync, constants } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

/** Where distributions put it; `CHROMIUM` names another. */
const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser's program, if this machine has one. */
export function findChromium(): string | undefined {
  return places.find((place) => {
    try {
      if (place) accessSync(place, constants.X_OK);
      return Boolean(place);
    } catch {
      return false;
    }
  });
}

/** No sandbox, since tests may run as root in a container; a software graphics card; nothing that calls home. */
const flags = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: flags });
}

/** Open an address; errors of the page are collected for the test to see. */
export async function openPage(browser: Browser, address: string): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(address);
  await page.waitForFunction(() => "train" in globalThis);
  return { page, errors };
}
