// Test projects, one a folder of tests. No retries anywhere: a test that passes the second time is a finding.
//
// Unit and simulator tests are pure and share the two cores. The files of a worker share its modules too: loading and compiling them
// again for each file would take a third of the unit tests' time. So a module that keeps state between two tests is a finding as well.
// Integration and docker tests wait for real sockets, processes and containers: their files run one at a time, or several where
// test/run.ts knows that they leave each other alone.
import { defineConfig } from "vitest/config";

const workers = Number(process.env.LAB_TEST_WORKERS ?? 2);
const sideBySide = process.env.LAB_TEST_WORKERS !== undefined;

// Software-emulated machines are many times slower; this variable says how much.
const timeFactor = Number(process.env.LAB_TEST_TIME_FACTOR ?? 1);

function project(
  name: string,
  folder: string,
  options: {
    testTimeoutMs: number;
    parallel: boolean;
    isolate?: boolean;
    exclude?: string;
    globalSetup?: string;
    pollMs?: number;
  },
) {
  return {
    test: {
      name,
      include: [`${folder}/**/*.test.ts`],
      exclude: options.exclude === undefined ? [] : [options.exclude],
      testTimeout: options.testTimeoutMs * timeFactor,
      hookTimeout: options.testTimeoutMs * timeFactor,
      // How long `expect.poll` waits for what it expects.
      expect: { poll: { timeout: (options.pollMs ?? 1_000) * timeFactor } },
      fileParallelism: options.parallel,
      isolate: options.isolate ?? true,
      retry: 0,
      globalSetup: options.globalSetup ?? [],
    },
  };
}

export default defineConfig({
  test: {
    maxWorkers: workers,
    projects: [
      project("unit", "test/unit", { testTimeoutMs: 30_000, parallel: true, isolate: false }),
      project("sim", "test/sim", { testTimeoutMs: 60_000, parallel: true, isolate: false }),
      project("integration", "test/integration", { testTimeoutMs: 60_000, parallel: sideBySide }),
      project("docker", "test/docker", {
        testTimeoutMs: 120_000,
        parallel: sideBySide,
        exclude: "test/docker/netem/**",
        globalSetup: "test/support/on-swarm.ts",
      }),
      project("browser", "test/browser", { testTimeoutMs: 30_000, parallel: sideBySide, pollMs: 5_000 }),
      project("swarm", "test/swarm", { testTimeoutMs: 120_000, parallel: false }),
      project("netem", "test/docker/netem", { testTimeoutMs: 120_000, parallel: false }),
    ],
  },
});
