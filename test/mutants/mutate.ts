/**
 * All mutants of a source file: small changes to its code, each of which some test should notice.
 *
 * Source: DeMillo, Lipton, Sayward, "Hints on Test Data Selection" (1978); the set of changes follows Offutt et al., "An Experimental
 * Determination of Sufficient Mutant Operators" (1996), with removed statements and swapped array methods added. Strings are left
 * alone: most of them are sentences for people.
 */
import { lineOf, type SyntaxNode, walkSyntax } from "../support/syntax.ts";

export interface Mutant {
  readonly file: string;
  /** Offsets into the file's text. */
  readonly start: number;
  readonly end: number;
  /** Where what it is a part of begins: `a` of `a ?? b`, which runs although `?? b` may not. */
  readonly from: number;
  readonly replacement: string;
  /** From 1. */
  readonly line: number;
  readonly original: string;
}

const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  "===": ["!=="],
  "!==": ["==="],
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "&": ["|"],
  "|": ["&"],
  "^": ["&"],
  "<<": [">>"],
  ">>": ["<<"],
  ">>>": ["<<"],
  "&&": ["||"],
  "||": ["&&"],
  "??": ["&&"],
  "+=": ["-="],
  "-=": ["+="],
  "++": ["--"],
  "--": ["++"],
};

const METHODS = new Map(
  Object.entries({
    every: "some",
    some: "every",
    min: "max",
    max: "min",
    startsWith: "endsWith",
    add: "delete",
    ceil: "floor",
    floor: "ceil",
  }),
);

/** Types, and what only the compiler reads. */
function isTypeOnly(node: SyntaxNode): boolean {
  return (
    /^TS/.test(node.type) &&
    !/^TS(AsExpression|NonNullExpression|SatisfiesExpression|ParameterProperty)$/.test(node.type)
  );
}

export function listMutants(file: string, text: string): Mutant[] {
  const found: Mutant[] = [];
  walkSyntax(file, text, (node, around) => {
    if (isTypeOnly(node) || around.some(isTypeOnly) || /^(Import|Export(All|Named))/.test(node.type)) return;
    if (around.some((outer) => outer.type === "ImportDeclaration")) return;
    for (const [start, end, replacement] of changesOf(node, around.at(-1), text))
      found.push({
        file,
        start,
        end,
        from: node.start,
        replacement,
        line: lineOf(text, { ...node, start }),
        original: text.slice(start, end),
      });
  });
  return found;
}

type Change = readonly [start: number, end: number, replacement: string];

function changesOf(node: SyntaxNode, parent: SyntaxNode | undefined, text: string): Change[] {
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression":
    case "AssignmentExpression":
      return joinsText(node) ? [] : swapOperator(node, text);
    case "UpdateExpression":
      return replaceWithin(node.start, node.end, text, String(node.operator));
    case "UnaryExpression":
      return node.operator === "!" || node.operator === "-" ? [[node.start, node.start + 1, ""]] : [];
    case "ConditionalExpression":
    case "IfStatement":
      return whole(node.test, ["true", "false"]);
    case "WhileStatement":
      return whole(node.test, ["false"]);
    case "Literal":
      return literal(node, parent);
    case "ExpressionStatement":
      return [[node.start, node.end, ";"]];
    case "MemberExpression":
      return swapMethod(node, parent);
    default:
      return [];
  }
}

/** `+` that puts sentences together. */
function joinsText({ operator, left, right }: SyntaxNode): boolean {
  const isText = (side: unknown): boolean => {
    const { type, value } = side as SyntaxNode;
    return type === "TemplateLiteral" || typeof value === "string";
  };
  return (operator === "+" || operator === "+=") && (isText(left) || isText(right));
}

function swapOperator({ left, right, operator }: SyntaxNode, text: string): Change[] {
  return replaceWithin((left as SyntaxNode).end, (right as SyntaxNode).start, text, String(operator));
}

function replaceWithin(from: number, to: number, text: string, operator: string): Change[] {
  const at = text.indexOf(operator, from);
  if (at < 0 || at + operator.length > to) return [];
  return (OPERATORS[operator] ?? []).map((other) => [at, at + operator.length, other]);
}

function whole(node: unknown, values: readonly string[]): Change[] {
  const { start, end } = node as SyntaxNode;
  return values.map((value) => [start, end, value]);
}

function literal({ start, end, value }: SyntaxNode, parent: SyntaxNode | undefined): Change[] {
  if (typeof value === "boolean") return [[start, end, String(!value)]];
  if (typeof value !== "number" || parent?.type === "Property") return [];
  return [[start, end, String(value + 1)]];
}

function swapMethod({ property, computed }: SyntaxNode, parent: SyntaxNode | undefined): Change[] {
  const { name, start, end } = property as SyntaxNode;
  const other = METHODS.get(String(name));
  if (other === undefined || computed === true || parent?.type !== "CallExpression") return [];
  return [[start, end, other]];
}
