/**
 * Aliases of a YAML document (`*name`) that can't be followed: to no anchor, into themselves, or to so much that a small file stands for
 * more than memory holds. The package counts uses of an anchor instead, and refuses harmless files.
 */
import { type Document, isAlias, isMap, isPair, isSeq, type Node } from "yaml";
import { suggest } from "./suggest.ts";

/** Values that a file may stand for, aliases followed. */
const VALUES_MAX = 200_000;

export interface BadAlias {
  readonly offset: number;
  readonly message: string;
  readonly hint: string;
}

/** Null: all of them can be followed. */
export function findBadAlias(document: Document.Parsed): BadAlias | null {
  /** Values below each anchor; null: it is being counted. */
  const anchors = new Map<string, number | null>();
  let bad: BadAlias | null = null;

  function refuse(node: Node, message: string, hint: string): number {
    bad ??= { offset: node.range?.[0] ?? 0, message, hint };
    return 0;
  }

  function countAlias(node: Node, name: string): number {
    const below = anchors.get(name);
    if (below === null) return refuse(node, `"*${name}" stands for something that contains it`, "write it out");
    if (below !== undefined) return below;
    const near = suggest(name, [...anchors.keys()]);
    const hint = near === undefined ? `mark it first, above this line: \`&${name}\`` : `did you mean "*${near}"?`;
    return refuse(node, `there is no anchor "&${name}" above`, hint);
  }

  function count(node: unknown): number {
    if (bad !== null) return 0;
    if (isPair(node)) return count(node.key) + count(node.value);
    if (isAlias(node)) return countAlias(node, node.source);
    const anchor = isMap(node) || isSeq(node) ? node.anchor : (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined) anchors.set(anchor, null);
    let values = 1;
    if (isMap(node) || isSeq(node)) for (const item of node.items) values += count(item);
    if (anchor !== undefined) anchors.set(anchor, values);
    if (values > VALUES_MAX)
      refuse(node as Node, `this stands for more than ${VALUES_MAX} values`, "use fewer aliases of aliases");
    return values;
  }

  count(document.contents);
  return bad;
}
