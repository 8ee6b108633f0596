// The project's own code as syntax trees, for tests of its shape. Vite's parser reads TypeScript and TSX and comes with the bundler.
import { parseAst } from "vite";

/** A node of the tree (ESTree with TypeScript); `start` and `end` are offsets into the text. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** Calls `visit` for each node of `text`, parents first, with the nodes around it from the outermost to the nearest. */
export function walkSyntax(
  file: string,
  text: string,
  visit: (node: SyntaxNode, around: readonly SyntaxNode[]) => void,
): void {
  const around: SyntaxNode[] = [];
  const go = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(go);
    if (!isNode(value)) return;
    visit(value, around);
    around.push(value);
    for (const field of Object.values(value)) if (typeof field === "object" && field !== null) go(field);
    around.pop();
  };
  go(parseAst(text, { lang: file.endsWith("x") ? "tsx" : "ts" }).body);
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** The lines from `node`'s first to its last, both counted. */
export function countLines(text: string, node: SyntaxNode): number {
  return text.slice(node.start, node.end).split("\n").length;
}

/** The line on which `node` begins, from 1. */
export function lineOf(text: string, node: SyntaxNode): number {
  return text.slice(0, node.start).split("\n").length;
}
