import { afterEach, expect, test, vi } from "vitest";
import { findDevices, openProvider, unavailable } from "./devices.ts";
import { locateLibrary } from "./locate.ts";
import { providers } from "./providers.ts";

const library = locateLibrary()!.path;
afterEach(() => vi.unstubAllEnvs());

test.each(providers)("says what $device needs", (provider) => {
  expect(unavailable(provider, "ONNX Runtime built with CPUExecutionProvider").message).toMatchSnapshot();
});

test.runIf(process.platform === "linux" && process.arch === "x64")(
  "tells a missing driver and missing provider libraries apart",
  async () => {
    vi.stubEnv("VK_ICD_FILENAMES", "/nowhere/driver.json");
    const refused = (device: string) =>
      openProvider(library, providers.find((known) => known.device === device)!).catch((error: Error) => error.message);
    expect(await refused("webgpu")).toMatch(/"webgpu" is not available.\n {2}got: {6}no such driver file: \/nowhere\/driver.json\n/);
    expect(await refused("cuda")).toMatch(/"cuda" is not available.*Failed to load shared library.*unpack ONNX Runtime's own GPU build/s);
    expect(await refused("dml")).toMatch(/"dml" is not available.*ONNX Runtime built with .*comes with ONNX Runtime for Windows only/s);
  },
);

test("finds the CPU, and for every other device either nothing or what it lacks", async () => {
  vi.stubEnv("VK_ICD_FILENAMES", "/nowhere/driver.json");
  const found = await findDevices(library);
  expect(found.map(({ device }) => device)).toEqual(["cpu", "webgpu", "cuda", "coreml", "dml"]);
  expect(found[0].problem).toBeUndefined();
});
