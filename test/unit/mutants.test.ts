// The list of mutants stays small enough to play, and leaves alone what no test could notice.
import { describe, expect, test } from "vitest";
import { coveredParts, hasRun } from "../mutants/coverage.ts";
import { listMutants } from "../mutants/mutate.ts";
import { readTestGraph } from "../mutants/tests-of.ts";

function changes(text: string): string[] {
  return listMutants("a.ts", text).map(
    ({ start, end, replacement }) => text.slice(0, start) + replacement + text.slice(end),
  );
}

describe("the mutants of a file", () => {
  test.each([
    ["f(a < b);", [";", "f(a <= b);", "f(a >= b);"]],
    ["const x = a && !b;", ["const x = a || !b;", "const x = a && b;"]],
    ["const x = a - 1;", ["const x = a + 1;", "const x = a - 2;"]],
    ["const x = a ? b : c;", ["const x = true ? b : c;", "const x = false ? b : c;"]],
    ["if (a) b = true;", ["if (true) b = true;", "if (false) b = true;", "if (a) ;", "if (a) b = false;"]],
    ["const x = a.every(f);", ["const x = a.some(f);"]],
    ["i++;", [";", "i--;"]],
  ])("of %j must be %j", (text, expected) => {
    expect(changes(text)).toEqual(expected);
  });

  test.each([
    "const x: 1 | 2 = y;",
    "interface A { readonly b: true }",
    'import { a } from "b.ts";',
    'const x = a + " text";',
    'const x = "text";',
    "const x = a.toString(f);",
  ])("must not change %j", (text) => {
    expect(changes(text)).toEqual([]);
  });
});

test("the tests of a file must be those that reach it, the most specific first", () => {
  const graph = readTestGraph();
  const tests = graph.testsOf("node/wire/sha256.ts", "test/unit");
  expect(tests[0]).toBe("test/unit/money-sha256.test.ts");
  expect(tests).toContain("test/unit/core-doubts.test.ts");
  expect(graph.testsOf("lab/page/model/causality.ts", "test/unit")).not.toContain("test/unit/core-doubts.test.ts");
});

test("code within code that ran must count as run only where it ran itself", () => {
  const range = (startOffset: number, endOffset: number, count: number) => ({ startOffset, endOffset, count });
  const outer = { functionName: "", isBlockCoverage: true, ranges: [range(0, 100, 1), range(20, 60, 0)] };
  const inner = { functionName: "f", isBlockCoverage: true, ranges: [range(30, 40, 2)] };
  const { a } = coveredParts([{ scriptId: "1", url: "a?run=1", functions: [inner, outer] }], () => "a");
  expect(a).toEqual([0, 20, 30, 40, 60, 100]);
  expect([0, 19, 20, 35, 59, 60, 99, 100].map((offset) => hasRun(a, offset))).toEqual([
    true,
    true,
    false,
    true,
    false,
    true,
    true,
    false,
  ]);
  expect(hasRun(undefined, 0)).toBe(false);
});
