/**
 * The fields of each verb of a scenario, and for the common case the words that the command line takes (`sell: 1 2 30`).
 *
 * Both forms come out as fields, so the code that runs, writes or draws a scenario sees one form only.
 */
import * as z from "zod";
import { NODES_MAX } from "../cluster/plan-lab.ts";
import { Conditions, readConditionWords } from "./condition-schema.ts";
import { Amount, Chance, Delay, Flight, Nodes, PerSecond, Rate, Span } from "./values.ts";

const SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGSTOP", "SIGCONT"] as const;
const Signal = z.preprocess(
  (value) => (typeof value === "string" ? `SIG${value.toUpperCase().replace(/^SIG/, "")}` : value),
  z.enum(SIGNALS),
);

/** `count: Too big: expected number to be <=1000`: what a number must be, in the schema's own words. */
function reasonOf({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}

const Item = z.union([z.string(), z.number()]);
/** The one-line form of a verb's fields; nothing (null); or the same as a list: `[1, 2, 30]`, `[[1, 2], [3, 4, 5]]`. */
const Words = z
  .union([z.string(), z.number(), z.null(), z.array(z.union([Item, z.array(Item).min(1)])).min(1)])
  .meta({ id: "words" });

function joinWords(list: readonly (string | number | readonly (string | number)[])[], separator: string): string {
  return list.map((part) => (Array.isArray(part) ? part.join(",") : String(part))).join(separator);
}

/** A verb's fields, or its words. @param fromWords null: the words can't be read */
function verb<S extends z.ZodType>(
  fields: S,
  fromWords: (words: readonly string[]) => object | null,
  usage: string,
  separator: " " | "," = " ",
) {
  const short = Words.transform((value, context): z.output<S> => {
    const complain = (message: string, hint = `write it as \`${usage}\``) => {
      context.issues.push({ code: "custom", message, input: value, params: { hint } });
      return z.NEVER;
    };
    const text = Array.isArray(value) ? joinWords(value, separator) : String(value ?? "").trim();
    const read = fromWords(text.split(/\s+/).filter(Boolean));
    if (read === null) return complain(text === "" ? "nothing is said" : `"${text}" can't be read`);
    const parsed = fields.safeParse(read);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    if (issue?.code === "custom" && typeof issue.params?.hint === "string")
      return complain(issue.message, issue.params.hint);
    return complain(
      issue?.code === "invalid_type" || issue === undefined ? `"${text}" can't be read` : reasonOf(issue),
    );
  });
  return z.union([short, fields]).meta({ description: usage });
}

/** A verb whose words are nodes, and maybe `for` a span. A list is one of nodes. */
function verbOnNodes<S extends z.ZodType>(fields: S, usage: string) {
  return verb(fields, readNodesWords, usage, ",");
}

function readNodesWords(words: readonly string[]): object | null {
  const at = words.indexOf("for");
  const nodes = at < 0 ? words : words.slice(0, at);
  if (nodes.length === 0 || (at >= 0 && words.length !== at + 2)) return null;
  return { nodes: nodes.join(","), ...(at >= 0 && { for: words[at + 1] }) };
}

const Trade = z.strictObject({
  node: Nodes.meta({ description: "the node that proposes the trade" }),
  peer: Nodes.meta({ description: "the node that it trades with" }),
  amount: Amount,
  expect: z
    .enum(["settled", "refused", "open"])
    .optional()
    .meta({ description: "expected outcome (default: settled); open: no answer in time" }),
  code: z.string().optional().meta({ description: "expected code of a refusal: INSUFFICIENT_CREDITS, NODE_FAILED, …" }),
  within: Span.optional().meta({ description: "time limit for the answer (default: 15s)" }),
});

function readTradeWords(words: readonly string[]): object | null {
  const [node, peer, amount] = words;
  return words.length === 3 && /^\d+$/.test(amount ?? "") ? { node, peer, amount: Number(amount) } : null;
}

const Load = z
  .strictObject({
    rate: PerSecond.optional(),
    for: Span.optional().meta({
      description: "length of the load; without it, in the background until `load: stop` or the end",
    }),
    background: z.literal(true).optional().meta({ description: "with `for`: the next step begins immediately" }),
    pairs: z
      .array(z.tuple([Nodes, Nodes]))
      .min(1)
      .optional()
      .meta({ description: "pairs of nodes that trade, in turn (default: random pairs of running nodes)" }),
    amount: z
      .union([Amount, z.tuple([Amount, Amount]).refine(([least, most]) => least <= most, "the least comes first")])
      .optional()
      .meta({ description: "credits of a trade, or the least and the most (default: 1)" }),
    settled: Chance.optional().meta({ description: "least share of trades that must settle" }),
    stop: z.literal(true).optional().meta({ description: "end all loads, and wait for the open trades" }),
  })
  .superRefine((load, context) => {
    const isStop = load.stop === true;
    if (isStop === (load.rate === undefined) && !(isStop && Object.keys(load).length > 1)) return;
    const message = isStop ? "a load that stops has no other fields" : "a load needs a rate";
    context.addIssue({ code: "custom", message, params: { hint: "write `load: 20/s for 10s` or `load: stop`" } });
  });

function readLoadWords(words: readonly string[]): object | null {
  if (words.join(" ") === "stop") return { stop: true };
  const [rate = "", preposition, span] = words;
  if (!/^[.\d]/.test(rate) || (preposition ?? "for") !== "for" || words.length > 3) return null;
  if (preposition !== undefined && span === undefined) return null;
  return { rate, ...(span !== undefined && { for: span }) };
}

const OnNodes = z.strictObject({ nodes: Nodes });
const OnNodesFor = z.strictObject({
  nodes: Nodes,
  for: Span.optional().meta({ description: "the fault ends by itself after this time" }),
});
const Kill = z.strictObject({ nodes: Nodes, signal: Signal.optional() });
const Stop = z.strictObject({ nodes: Nodes, grace: Span.optional().meta({ description: "time until SIGKILL" }) });
const Freeze = z.strictObject({
  nodes: Nodes,
  for: Span.meta({ description: "how long the node's clock stands still; the step takes as long" }),
  vanish: z
    .literal(true)
    .optional()
    .meta({ description: "lose the datagrams sent to it meanwhile, instead of keeping them in its sockets" }),
});

const Partition = z
  .strictObject({
    groups: z.array(Nodes).min(1).optional().meta({
      description:
        "groups to cut from each other; a single group is cut off from the rest, and nodes in no group reach all others",
    }),
    oneWay: z
      .literal(true)
      .optional()
      .meta({ description: "cut only the direction from the first group to the second" }),
    shape: z.enum(["ring", "bridge"]).optional().meta({
      description:
        "ring: each node hears a majority, and no two nodes hear the same one; bridge: two halves, and one node that reaches both",
    }),
    bridge: Nodes.optional().meta({ description: "node that reaches both halves (default: random)" }),
    for: Span.optional().meta({ description: "the fault ends by itself after this time" }),
  })
  .superRefine((partition, context) => {
    const { groups, shape, oneWay, bridge } = partition;
    const ok =
      (groups === undefined) !== (shape === undefined) &&
      (oneWay === undefined || groups?.length === 2 || groups?.length === 1) &&
      (bridge === undefined || shape === "bridge");
    if (ok) return;
    const hint = "write `partition: 1,2 3-5`, `partition: minority`, `partition: ring` or `partition: bridge`";
    const message = "a partition has groups (two at most with oneWay), or a shape (a bridge with shape: bridge only)";
    context.addIssue({ code: "custom", message, params: { hint } });
  });

function readPartitionWords(words: readonly string[]): object | null {
  const at = words.indexOf("for");
  const rest = at < 0 ? words : words.slice(0, at);
  if (rest.length === 0 || (at >= 0 && words.length !== at + 2)) return null;
  const time = at >= 0 ? { for: words[at + 1] } : {};
  const [shape, bridge] = rest;
  if (shape === "ring" && rest.length === 1) return { shape, ...time };
  if (shape === "bridge" && rest.length <= 2) return { shape, ...(bridge !== undefined && { bridge }), ...time };
  const groups = rest.filter((word) => word !== "one-way");
  return { groups, ...(groups.length < rest.length && { oneWay: true }), ...time };
}

const Netem = z
  .strictObject({
    nodes: Nodes.meta({ description: "nodes whose packets are impaired" }),
    delay: Delay.optional(),
    jitter: Delay.optional(),
    loss: Chance.optional(),
    dup: Chance.optional(),
    reorder: Chance.optional(),
    rate: Rate.optional(),
    from: Nodes.optional().meta({ description: "impair only what these nodes send to `nodes`" }),
    to: Nodes.optional().meta({ description: "impair only what `nodes` send to these nodes" }),
    both: z.literal(true).optional().meta({ description: "impair the opposite direction too" }),
    egress: z
      .literal(true)
      .optional()
      .meta({ description: "impair the sender's own interface: all receivers lose the same packets" }),
    for: Span.optional().meta({ description: "the fault ends by itself after this time" }),
  })
  .superRefine(({ delay, jitter, loss, dup, reorder, rate }, context) => {
    if ([delay, jitter, loss, dup, reorder, rate].some((value) => value !== undefined)) return;
    const hint = "say what: delay: 100ms, loss: 10%, …";
    context.addIssue({ code: "custom", message: "netem without anything to impair", params: { hint } });
  });

/** `3 delay 100ms loss 10%`, also with dashes as on the command line */
function readNetemWords(words: readonly string[]): object | null {
  const [nodes, ...rest] = words.map((word) => word.replace(/^--/, ""));
  if (nodes === undefined) return null;
  const fields: Record<string, string | true> = { nodes };
  for (let i = 0; i < rest.length; i++) {
    const name = rest[i] ?? "";
    if (name === "both" || name === "egress") fields[name] = true;
    else {
      i += 1;
      if (rest[i] === undefined) return null;
      fields[name] = rest[i] ?? "";
    }
  }
  return fields;
}

const Scale = z.strictObject({ to: z.int().min(1).max(NODES_MAX) });
const Join = z.strictObject({ count: z.int().min(1).max(NODES_MAX) });
const readCount =
  (field: string, fallback: number | null) =>
  (words: readonly string[]): object | null => {
    const count = words.length === 0 ? fallback : words.length === 1 ? Number(words[0]) : null;
    return count === null || Number.isNaN(count) ? null : { [field]: count };
  };

const Deliver = z.strictObject({
  message: Flight,
  before: Flight.optional().meta({ description: "directly before this one arrives (default: now)" }),
});

/** `3-1.17>2`, and maybe a word with a value. */
const readFlightWords =
  (field: string) =>
  ([message, word, value, ...rest]: readonly string[]): object | null => {
    if (message === undefined || rest.length > 0) return null;
    if (word === undefined) return { message };
    return word === field && value !== undefined ? { message, [field]: value } : null;
  };

/** Every verb that changes or looks at the lab, without those that hold other steps. */
export const ACTIONS = {
  sell: verb(Trade, readTradeWords, "sell: NODE PEER AMOUNT"),
  buy: verb(Trade, readTradeWords, "buy: NODE PEER AMOUNT"),
  load: verb(Load, readLoadWords, "load: TRADES_A_SECOND [for SPAN], load: stop"),
  kill: verbOnNodes(Kill, "kill: NODES"),
  stop: verbOnNodes(Stop, "stop: NODES"),
  start: verbOnNodes(OnNodes, "start: NODES"),
  restart: verbOnNodes(Stop, "restart: NODES"),
  wipe: verbOnNodes(OnNodes, "wipe: NODES"),
  "save-disk": verbOnNodes(OnNodes, "save-disk: NODES"),
  "restore-disk": verbOnNodes(OnNodes, "restore-disk: NODES"),
  pause: verbOnNodes(OnNodesFor, "pause: NODES [for SPAN]"),
  resume: verbOnNodes(OnNodes, "resume: NODES"),
  freeze: verbOnNodes(Freeze, "freeze: NODES for SPAN"),
  scale: verb(Scale, readCount("to", null), "scale: COUNT"),
  join: verb(Join, readCount("count", 1), "join: HOW_MANY_MORE"),
  leave: verbOnNodes(OnNodes, "leave: NODES"),
  remove: verbOnNodes(OnNodes, "remove: NODES"),
  netem: verb(Netem, readNetemWords, "netem: NODES delay 100ms loss 10%"),
  partition: verb(Partition, readPartitionWords, "partition: GROUP GROUP [one-way] [for SPAN], partition: ring"),
  isolate: verbOnNodes(OnNodesFor, "isolate: NODES [for SPAN]"),
  unplug: verbOnNodes(OnNodes, "unplug: NODES"),
  plug: verbOnNodes(OnNodes, "plug: NODES"),
  heal: verb(
    z
      .strictObject({
        nodes: Nodes.optional(),
        fault: z
          .string()
          .regex(/^f\d+$/, "must be f1, f2, …")
          .optional()
          .meta({ description: "only this fault" }),
      })
      .refine(({ nodes, fault }) => nodes === undefined || fault === undefined, "name nodes or a fault"),
    (words) => (words.length === 0 || words.join(" ") === "all" ? {} : readNodesWords(words)),
    "heal: [NODES], heal: { fault: f1 }",
    ",",
  ),
  deliver: verb(Deliver, readFlightWords("before"), "deliver: MESSAGE [before MESSAGE]"),
  drop: verb(z.strictObject({ message: Flight }), readFlightWords(""), "drop: MESSAGE"),
  duplicate: verb(z.strictObject({ message: Flight }), readFlightWords(""), "duplicate: MESSAGE"),
  delay: verb(z.strictObject({ message: Flight, by: Span }), readFlightWords("by"), "delay: MESSAGE by SPAN"),
  election: verb(
    z.strictObject({ node: Nodes.optional() }),
    (words) => (words.length === 0 ? {} : words.length === 1 ? { node: words[0] } : null),
    "election: [NODE]",
  ),
  recover: verb(
    z.strictObject({ node: Nodes, acceptLoss: z.literal(true).optional() }),
    (words) => (words.length === 1 ? { node: words[0] } : null),
    "recover: NODE",
  ),
  wait: verb(Conditions, readConditionWords, "wait: CONDITION… [within SPAN]"),
  expect: verb(Conditions, readConditionWords, "expect: CONDITION… [within SPAN]"),
  sleep: verb(z.strictObject({ for: Span }), (words) => (words.length === 1 ? { for: words[0] } : null), "sleep: SPAN"),
} as const;

type Actions = { readonly [V in keyof typeof ACTIONS]: z.output<(typeof ACTIONS)[V]> };
export type ActionVerb = keyof Actions;
/** A verb's fields in their long form. */
export type ActionFields<V extends ActionVerb> = Actions[V];
