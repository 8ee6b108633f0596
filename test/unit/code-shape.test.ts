// Rules for the code itself that neither the compiler nor the linter checks: functions stay short, and code never reads English.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listSources, PROJECT_ROOT } from "../support/sources.ts";
import { countLines, lineOf, type SyntaxNode, walkSyntax } from "../support/syntax.ts";

const functionLinesMax = 70;

/** How long they are today; a function may leave this list, none may join it or grow. */
const knownLong: Readonly<Record<string, number>> = {};

/** Something in a file that the rules forbid, and the line on which it begins. */
interface Finding {
  readonly rule: "long" | "reads text";
  readonly line: number;
  readonly lines: number;
}

/** All findings in one walk: parsing is what takes time. */
function findBreaches(file: string, text: string, linesMax = functionLinesMax): Finding[] {
  const found: Finding[] = [];
  walkSyntax(file, text, (node, around) => {
    const add = (rule: Finding["rule"]): void => {
      found.push({ rule, line: lineOf(text, node), lines: countLines(text, node) });
    };
    if (isFunction(node) && countLines(text, node) > linesMax) add("long");
    const parent = around.at(-1);
    if (isMsg(node) && parent !== undefined && isDecision(parent, node, around.at(-2))) add("reads text");
  });
  return found;
}

function isFunction({ type, body }: SyntaxNode): boolean {
  return /^(?:ArrowFunctionExpression|FunctionDeclaration|FunctionExpression)$/.test(type) && body !== null;
}

const textMethods = new Set([
  "endsWith",
  "exec",
  "includes",
  "indexOf",
  "match",
  "matchAll",
  "search",
  "startsWith",
  "test",
]);

/** `line.msg`, `line?.msg`, or a variable `msg`. */
function isMsg(node: SyntaxNode): boolean {
  const named = (value: unknown): boolean => (value as SyntaxNode | undefined)?.name === "msg";
  return node.type === "MemberExpression" ? named(node.property) : node.type === "Identifier" && named(node);
}

function isDecision(parent: SyntaxNode, node: SyntaxNode, above: SyntaxNode | undefined): boolean {
  switch (parent.type) {
    case "BinaryExpression":
      return /^[!=]==?$/.test(String(parent.operator)) && !comparesWithNothing(parent);
    case "SwitchStatement":
      return parent.discriminant === node;
    case "MemberExpression":
      return parent.object === node && textMethods.has(String((parent.property as SyntaxNode).name));
    case "CallExpression": {
      const callee = parent.callee as SyntaxNode;
      return textMethods.has(String((callee.property as SyntaxNode | undefined)?.name));
    }
    case "ChainExpression":
      return above !== undefined && isDecision(above, parent, undefined);
    default:
      return false;
  }
}

/** `msg === undefined` asks whether there is a text, not what it says. */
function comparesWithNothing({ left, right }: SyntaxNode): boolean {
  return [left, right].some((side) => {
    const { type, name, value } = side as SyntaxNode;
    return name === "undefined" || (type === "Literal" && (value === null || value === ""));
  });
}

describe("the code", () => {
  const breaches = listSources("node", "lab").flatMap((file) => {
    const text = readFileSync(join(PROJECT_ROOT, file), "utf8");
    return findBreaches(file, text, knownLong[file]).map((found) => ({ ...found, file }));
  });

  test(`a function must not be longer than ${functionLinesMax} lines`, () => {
    const long = breaches.filter(({ rule }) => rule === "long");
    expect(long.map(({ file, line, lines }) => `${file}:${line}: ${lines} lines`)).toEqual([]);
  });

  test("must not decide by the text of a journal line", () => {
    const reads = breaches.filter(({ rule }) => rule === "reads text");
    expect(reads.map(({ file, line }) => `${file}:${line}`)).toEqual([]);
  });
});

/** Matchers that compare values: a regular expression in them matches anything (Vitest 5), so that such a test can't fail. */
const valueMatchers = /^(?:objectContaining|toContainEqual|toEqual|toHaveBeenCalledWith|toMatchObject|toStrictEqual)$/;

function findVoidMatches(file: string, text: string): string[] {
  const found: string[] = [];
  walkSyntax(file, text, (node, around) => {
    if (node.type !== "Literal" || node.regex === undefined) return;
    const callee = around.findLast(({ type }) => type === "CallExpression")?.callee as SyntaxNode | undefined;
    const { name } = (callee?.property ?? {}) as { name?: string };
    if (name !== undefined && valueMatchers.test(name)) found.push(`${file}:${lineOf(text, node)}`);
  });
  return found;
}

describe("the tests", () => {
  test("must not compare a value with a regular expression: expect.stringMatching does", () => {
    const read = (file: string): string => readFileSync(join(PROJECT_ROOT, file), "utf8");
    expect(listSources("test").flatMap((file) => findVoidMatches(file, read(file)))).toEqual([]);
    expect(findVoidMatches("a.ts", "expect(a).toMatchObject({ b: /c/ });")).toEqual(["a.ts:1"]);
    expect(findVoidMatches("a.ts", "expect(a).toEqual({ b: expect.stringMatching(/c/) });")).toEqual([]);
  });
});

describe("the check itself", () => {
  test("must find a long function of every form", () => {
    const body = "\n  f();".repeat(3);
    for (const text of [
      `function a() {${body}\n}`,
      `const a = () => {${body}\n};`,
      `class A {\n  a() {${body}\n  }\n}`,
      `const a = { async *a() {${body}\n} };`,
    ]) {
      expect(findBreaches("a.ts", text, 4), text).toMatchObject([{ rule: "long", line: expect.any(Number), lines: 5 }]);
      expect(findBreaches("a.ts", text, 5), text).toEqual([]);
    }
  });

  test.each([
    'if (line.msg === " is READY") f();',
    'const x = line?.msg.includes("LEADER");',
    'const x = line.msg?.startsWith("LEADER");',
    'const { msg } = line; if (msg !== "READY") f();',
    "const x = /READY/.test(line.msg);",
    'switch (line.msg) { case "READY": f(); }',
  ])("must find %j", (text) => {
    expect(findBreaches("a.ts", text)).toMatchObject([{ rule: "reads text", line: 1 }]);
  });

  test.each([
    "print(line.msg);",
    `const x = line.msg === undefined ? "" : \`\${line.msg}\\n\`;`,
    'const x = { msg: "READY" };',
    'if (line.event === "ready") print(line.msg);',
  ])("must leave %j alone", (text) => {
    expect(findBreaches("a.ts", text)).toEqual([]);
  });
});
