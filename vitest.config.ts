import { defineConfig } from "vitest/config";

/** Tests of what keeps nothing outside of its own objects: files of a process share the modules that the first one loaded. */
const shared = "autodiff core generation graph lower metrics models nn optim play pretrained report sample tokenizers train"
  .split(" ")
  .map((folder) => `src/${folder}/**/*.test.ts`);
const slow = ["**/node_modules/**", "tests/slow/**"];

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    projects: [
      { extends: true, test: { name: "shared", include: shared, exclude: slow, isolate: false } },
      {
        extends: true,
        test: {
          name: "apart",
          include: ["src/**/*.test.ts", "tests/**/*.test.ts", "bench/**/*.test.ts", "studio/**/*.test.ts"],
          exclude: [...slow, ...shared],
          globalSetup: "tests/global-setup.ts",
        },
      },
    ],
    pool: "forks",
    maxWorkers: 2,
    // Against what hangs, not against what is slow: a busy machine takes several times as long as an idle one.
    testTimeout: 400_000,
    hookTimeout: 200_000,
    expect: { poll: { timeout: 100_000 } },
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/lower/onnx_pb.ts", "src/**/*.test.ts"],
      reporter: ["text-summary", "json-summary"],
    },
  },
});
