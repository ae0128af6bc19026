import { defineConfig } from "vitest/config";

// Three projects: `unit` needs nothing but Node; `lab` needs the deployed service on the local lab; both run by `npm test`.
export default defineConfig({
  test: {
    passWithNoTests: false,
    reporters: ["default"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/infra/**", "node_modules/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: { name: "infra", include: ["test/infra/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 240_000, fileParallelism: false },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 900_000,
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
    ],
  },
});
