/**
 * Vitest: a lab for a test, and what it did on disk when the test fails. `import { labTest } from "energy-lab/vitest"`.
 *
 *   labTest("must elect the next one", async ({ lab, expect }) => { … });
 *   describe("in virtual time", () => { labTest.override({ labOptions: { nodes: 5, runtime: "sim" } }); … });
 *
 * A test that makes labs in another way calls `recordFailures(lab, context)` afterwards. The run is collected before the lab is taken down, since
 * `await using` does that before anybody knows how the test ends; it is written only if the test fails. Its path is added to the
 * failure's message: annotations can't be made any more by then, and every reporter, JUnit's too, shows the message.
 */
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type TestContext, test } from "vitest";
import { type CollectedRun, judgeRun } from "../report/judged-run.ts";
import { writeReport } from "../report/write-report.ts";
import { Lab } from "./lab.ts";
import type { LabOptions } from "./public-types.ts";

/** Where runs of failed tests are kept: `ENERGY_LAB_RESULTS`, else `test-results` in the working directory. */
export function resultsFolder(): string {
  return process.env.ENERGY_LAB_RESULTS || join(process.cwd(), "test-results");
}

/** Vitest's `test` with a lab of its own for each test, and with `labOptions` that say which. */
export const labTest = test
  .extend("labOptions", {} as LabOptions)
  .extend("lab", async ({ labOptions, task, onTestFailed, signal }, { onCleanup }): Promise<Lab> => {
    const lab = await Lab.up({ signal, ...labOptions });
    recordFailures(lab, { task, onTestFailed });
    onCleanup(() => lab.down());
    return lab;
  });

/**
 * If this test fails, what the lab did until then (or until it was taken down) is kept in a folder of its own.
 * @param context the test's: `({ task, onTestFailed }) => …`
 */
export function recordFailures(
  lab: Lab,
  context: Pick<TestContext, "task" | "onTestFailed">,
  options: { readonly folder?: string } = {},
): void {
  const collected = new Once(() => lab.collect());
  lab.beforeDown(async () => {
    // Known to have passed: nobody will ask.
    if (context.task.result?.state !== "pass") await collected.get();
  });
  context.onTestFailed(async ({ task }) => {
    const [error] = task.result?.errors ?? [];
    const failure = stripVTControlCharacters(error?.message ?? "the test failed");
    const said = await keep(options.folder ?? resultsFolder(), collected, { title: fullNameOf(task), failure });
    if (error === undefined) console.error(said);
    else error.message = `${error.message}\n\n${said}`;
  });
}

/** @returns what to tell about it: never throws, since the test's own failure matters more */
async function keep(
  folder: string,
  collected: Once<CollectedRun>,
  words: { readonly title: string; readonly failure: string },
): Promise<string> {
  try {
    const { path } = await writeReport(folder, judgeRun(await collected.get(), words));
    return `the run is kept in ${relative(process.cwd(), path)}: see report.html`;
  } catch (error) {
    return `the run couldn't be kept: ${error instanceof Error ? error.message : String(error)}`;
  }
}

class Once<T> {
  readonly #make: () => Promise<T>;
  #made: Promise<T> | null = null;

  constructor(make: () => Promise<T>) {
    this.#make = make;
  }

  get(): Promise<T> {
    this.#made ??= this.#make();
    return this.#made;
  }
}

function fullNameOf(task: TestContext["task"]): string {
  const names: string[] = [];
  for (let current: { name: string; suite?: typeof task.suite } | undefined = task; current; current = current.suite)
    names.unshift(current.name);
  return names.join(" ");
}
