/**
 * The few functions of Vitest that register tests, for many runs in one warm process: Vitest itself starts a thread for each file
 * and loads everything again, which takes ten times as long as most tests. `expect` and `vi` are Vitest's own.
 */
import { format } from "node:util";

type Body = (...values: never[]) => unknown;
interface Suite {
  readonly parent: Suite | null;
  readonly name: string;
  readonly hooks: Record<"beforeAll" | "afterAll" | "beforeEach" | "afterEach", Body[]>;
  readonly children: (Suite | { readonly name: string; readonly body: Body })[];
}

function suiteOf(parent: Suite | null, name: string): Suite {
  return { parent, name, hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] }, children: [] };
}

// What Vitest's `expect` asks its own worker.
Object.assign(globalThis, {
  __vitest_worker__: {
    config: { snapshotOptions: {}, expect: {} },
    filepath: "",
    environment: {},
    providedContext: {},
  },
});
const real = await import(import.meta.resolve("vitest", import.meta.url));
export const { expect, vi } = real;

let current = suiteOf(null, "");
const collectors: [suite: Suite, body: Body][] = [];
let finishers: Body[] = [];
const hook = (kind: keyof Suite["hooks"]) => (body: Body) => void current.hooks[kind].push(body);
export const [beforeAll, afterAll, beforeEach, afterEach] = [
  hook("beforeAll"),
  hook("afterAll"),
  hook("beforeEach"),
  hook("afterEach"),
];
export const onTestFinished = (body: Body): void => void finishers.push(body);

type Register = (name: string, ...rest: readonly unknown[]) => void;

/** The body stands last, or before a time limit. */
function bodyOf(rest: readonly unknown[]): Body {
  return rest.find((part) => typeof part === "function") as Body;
}

function withVariants(register: Register) {
  const each =
    (spread: boolean) =>
    (rows: readonly unknown[]) =>
    (name: string, ...rest: readonly unknown[]): void => {
      for (const row of rows) {
        const values = spread && Array.isArray(row) ? row : [row];
        register(format(name, ...values), () => (bodyOf(rest) as (...all: unknown[]) => unknown)(...values));
      }
    };
  return Object.assign(register, {
    each: each(true),
    for: each(false),
    skipIf: (isSkipped: unknown) => (isSkipped ? () => undefined : register),
  });
}

export const test = withVariants((name, ...rest) => void current.children.push({ name, body: bodyOf(rest) }));
export const it = test;
/** What stands in it is looked at when the whole file was loaded, as with Vitest. */
export const describe = withVariants((name, ...rest) => {
  const suite = suiteOf(current, name);
  current.children.push(suite);
  collectors.push([suite, bodyOf(rest)]);
});

/** Loads a file of tests and runs them. The name of the first test that fails; null: all passed. */
export async function runFile(load: () => Promise<unknown>): Promise<string | null> {
  const root = suiteOf(null, "");
  current = root;
  collectors.length = 0;
  try {
    await load();
    for (let next = collectors.shift(); next !== undefined; next = collectors.shift()) {
      [current] = next;
      await next[1]();
    }
  } catch (error) {
    return `it can't be loaded: ${error}`;
  }
  return await runSuite(root);
}

async function runSuite(suite: Suite): Promise<string | null> {
  let failed: string | null = null;
  try {
    for (const body of suite.hooks.beforeAll) await body();
    for (const child of suite.children) {
      failed = "body" in child ? await runTest(suite, child) : await runSuite(child);
      if (failed !== null) break;
    }
    for (const body of suite.hooks.afterAll.toReversed()) await body();
  } catch (error) {
    failed ??= `${suite.name}: ${error}`;
  }
  return failed === null || suite.name === "" ? failed : `${suite.name} > ${failed}`;
}

async function runTest(suite: Suite, { name, body }: { name: string; body: Body }): Promise<string | null> {
  const around = [suite];
  for (let outer = suite.parent; outer !== null; outer = outer.parent) around.unshift(outer);
  finishers = [];
  try {
    for (const { hooks } of around) for (const before of hooks.beforeEach) await before();
    await body();
    return null;
  } catch (error) {
    return process.env.MUTANTS_DEBUG === undefined ? name : `${name}: ${error instanceof Error ? error.stack : error}`;
  } finally {
    // The last one registered comes first, as with Vitest.
    for (const finish of finishers.reverse()) await finish();
    for (const { hooks } of around.reverse()) for (const after of hooks.afterEach.toReversed()) await after();
  }
}
