import { defineConfig } from "vitest/config";

// Three projects: `unit` needs nothing but Node, `infra` packages the service, `lab` runs on the local AWS and Kubernetes.
export default defineConfig({
  test: {
    passWithNoTests: false,
    reporters: ["default"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/contracts/**", "test/infra/**", "node_modules/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: { name: "infra", include: ["test/infra/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 240_000, fileParallelism: false },
      },
      {
        test: {
          name: "lab",
          include: ["test/e2e/**/*.test.ts", "test/contracts/**/*.test.ts"],
          globalSetup: ["test/lab-setup.ts"],
          testTimeout: 180_000,
          hookTimeout: 900_000,
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
    ],
  },
});
