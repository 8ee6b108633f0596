/**
 * What `wait` and `expect` ask for: a map with one field a kind of condition, or conditions as `lab wait` takes them.
 */
import * as z from "zod";
import { NodeId } from "../../node/wire/ids.ts";
import { PeerState } from "../../node/wire/message.ts";
import { RUN_STATUSES } from "../cluster/condition-text.ts";
import { ConditionText, Expected, expectedText, Span } from "./values.ts";

const Id = z.string().regex(/^[1-9]\d{0,4}$/, "must be a node's number");
const byNode = <T extends z.ZodType>(value: T) => z.record(Id, value);

const Name = z.string().regex(/^[a-z][a-z0-9-]*$/, "must be a name such as leader");

/** YAML's `yes` is a word, not a truth: it is what people write. */
const Answer = z.union([z.boolean(), z.enum(["yes", "no"])]).transform((value) => value === true || value === "yes");

export const Conditions = z
  .strictObject({
    agree: z
      .literal(true)
      .optional()
      .meta({ description: "nodes that can hear each other follow the same coordinator" }),
    converged: z
      .literal(true)
      .optional()
      .meta({ description: "the nodes agree, all ledgers are equal, and nothing is held back or pending" }),
    conserved: z
      .literal(true)
      .optional()
      .meta({ description: "the balances in every node's ledger add up to all credits" }),
    ready: z.literal(true).optional().meta({ description: "every running node is READY" }),
    coordinator: z
      .union([Expected, byNode(NodeId)])
      .optional()
      .meta({ description: "the node that all follow; or by node, the one that this node follows" }),
    leader: z
      .union([Expected, byNode(NodeId)])
      .optional()
      .meta({ description: "the same as coordinator" }),
    elected: z
      .union([z.literal(true), byNode(Answer)])
      .optional()
      .meta({ description: "the coordinator has the votes of a majority; or by node, as this node knows" }),
    nodes: Expected.optional().meta({ description: "number of READY nodes" }),
    state: z
      .record(
        z.string().regex(/^[1-9]\d{0,4}(@[1-9]\d{0,4}(,[1-9]\d{0,4})*)?$/, "must be a node's number, or 3@1,2"),
        PeerState,
      )
      .optional()
      .meta({ description: "state of a node as all other running nodes see it; 3@1,2: as 1 and 2 see it" }),
    status: byNode(z.enum(RUN_STATUSES)).optional().meta({ description: "whether a node runs" }),
    balance: byNode(Expected).optional().meta({ description: "credits by node" }),
    holdback: z
      .union([Expected, byNode(Expected)])
      .optional()
      .meta({ description: "number of messages held back, at every node" }),
    pending: z
      .union([Expected, byNode(Expected)])
      .optional()
      .meta({ description: "number of open trades, at every node" }),
    fact: Name.optional().meta({
      description: "program of one's own: a fact, with `is`, and `of` which node (default: all)",
    }),
    log: z
      .union([NodeId, z.literal("all")])
      .optional()
      .meta({ description: "program of one's own: this node's output `matches` a pattern (`times`: so often)" }),
    ask: Name.optional().meta({
      description: "program of one's own: an answer, with `where` an expression, and `of` which node",
    }),
    expr: z.string().min(1).optional().meta({ description: "an expression over nodes and their facts, in JSONata" }),
    of: NodeId.optional(),
    is: z.union([z.string(), z.number(), z.boolean()]).optional(),
    where: z.string().min(1).optional(),
    matches: z.string().min(1).optional(),
    times: z.int().min(0).max(999_999).optional(),
    that: z.array(ConditionText).min(1).optional().meta({ description: "conditions as `lab wait` takes them" }),
    within: Span.optional().meta({ description: "time limit" }),
  })
  .superRefine((value, context) => {
    const lacks =
      value.fact !== undefined && value.is === undefined
        ? "a fact needs `is`"
        : value.log !== undefined && value.matches === undefined
          ? "a log needs `matches`"
          : value.ask !== undefined && value.where === undefined
            ? "an answer needs `where`"
            : null;
    if (lacks !== null) {
      const params = {
        hint: "write { fact: leader, is: 4 }, { log: 3, matches: elected } or { ask: members, of: 1, where: … }",
      };
      context.addIssue({ code: "custom", message: lacks, params });
      return;
    }
    if (listConditions(value).length > 0) return;
    const hint = "say what: agree, converged, coordinator: 4, balance: { 1: 70 }, …";
    context.addIssue({ code: "custom", message: "nothing is asked for", params: { hint } });
  });
export type Conditions = z.output<typeof Conditions>;

/** All of them in the form of the command line, in a fixed order. */
export function listConditions(conditions: Conditions): readonly string[] {
  const { agree, converged, conserved, ready, coordinator, leader, elected, nodes, that } = conditions;
  const { state, status, balance, holdback, pending } = conditions;
  const plain = Object.entries({ agree, converged, conserved, ready, elected: elected === true });
  return [
    ...plain.filter(([, wanted]) => wanted === true).map(([word]) => word),
    ...perNode("leader", coordinator),
    ...perNode("leader", leader),
    ...perNode("elected", typeof elected === "object" ? mapValues(elected, (yes) => (yes ? "yes" : "no")) : undefined),
    ...perNode("nodes", nodes),
    ...perNode("state", state),
    ...perNode("status", status),
    ...perNode("balance", balance),
    ...perNode("holdback", holdback),
    ...perNode("pending", pending),
    ...programConditions(conditions),
    ...(that ?? []),
  ];
}

function programConditions({ fact, log, ask, expr, of, is, where, matches, times }: Conditions): readonly string[] {
  const at = of === undefined ? "" : `:${of}`;
  const equals = is === undefined ? "" : ` = ${JSON.stringify(String(is))}`;
  return [
    ...(fact === undefined ? [] : [`fact:${fact}${at}=${is}`]),
    ...(log === undefined
      ? []
      : [`log${log === "all" ? "" : `:${log}`}${times === undefined ? "" : `#${times}`}=${matches}`]),
    ...(ask === undefined ? [] : [`ask:${ask}${at} ${is === undefined ? where : `$string(${where})`}${equals}`]),
    ...(expr === undefined ? [] : [`expr ${expr}`]),
  ];
}

function perNode(word: string, expected: string | Readonly<Record<string, string | number>> | undefined): string[] {
  if (expected === undefined) return [];
  if (typeof expected === "string") return [expectedText(word, expected)];
  return Object.entries(expected).map(([id, value]) => expectedText(`${word}:${id}`, String(value)));
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/** `leader=4 converged within 5s` */
export function readConditionWords(words: readonly string[]): object | null {
  const at = words.indexOf("within");
  const that = at < 0 ? words : words.slice(0, at);
  if (that.length === 0 || (at >= 0 && words.length !== at + 2)) return null;
  return { that, ...(at >= 0 && { within: words[at + 1] }) };
}
