import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts", "bench/**/*.test.ts", "studio/**/*.test.ts"],
    exclude: ["**/node_modules/**", "tests/slow/**"],
    globalSetup: "tests/global-setup.ts",
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/lower/onnx_pb.ts", "src/**/*.test.ts"],
      reporter: ["text-summary", "json-summary"],
    },
  },
});
