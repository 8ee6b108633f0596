/**
 * Traces in OpenTelemetry's JSON (OTLP 1.x, `ExportTraceServiceRequest`): a trade is a trace, with a span at each node that
 * had to do with it; a node is a resource. `curl -d @trace.json -H 'content-type: application/json' host:4318/v1/traces` takes it.
 *
 * By hand: the SDK records what happens while it happens; these spans are of the past, with ids and times that a journal gives.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { sha256Hex } from "../../node/wire/sha256.ts";
import type { Entry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import { type ExportOptions, selectEntries } from "./export-options.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: readonly Attribute[];
  }[];
  readonly status: { readonly code: number; readonly message?: string };
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string } | { readonly boolValue: boolean };
}

/** OTLP's numbers for kinds of spans and for status. */
const [INTERNAL, PRODUCER, CONSUMER] = [1, 4, 5];
const [UNSET, OK, ERROR] = [0, 1, 2];

export function exportOtlp(journal: Journal, options: ExportOptions = {}): string {
  const { lab, run, runtime, profile } = journal.facts;
  const byNode = new Map<NodeId, Span[]>();
  for (const [trade, entries] of groupByTrade(selectEntries(journal, options)))
    for (const { node, span } of traceTrade(`${run ?? lab} ${trade}`, trade, entries))
      byNode.set(node, [...(byNode.get(node) ?? []), span]);
  const resourceSpans = [...byNode]
    .sort(([a], [b]) => a - b)
    .map(([node, spans]) => ({
      resource: {
        attributes: describe({
          "service.name": "energy-node",
          "service.namespace": lab,
          "service.instance.id": `${lab}-${node}`,
          "energy.node.id": node,
          "energy.run": run ?? "",
          "energy.runtime": runtime,
          "energy.profile": profile,
        }),
      },
      scopeSpans: [{ scope: { name: "energy-lab" }, spans }],
    }));
  return `${JSON.stringify({ resourceSpans })}\n`;
}

/** Lines about trades, by trade, in causal order. Messages have ids of their own and aren't among them. */
function groupByTrade(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const trades = new Map<string, Entry[]>();
  for (const entry of entries) {
    const isTrade =
      entry.kind === "trade" || ((entry.kind === "deliver" || entry.kind === "hold") && entry.record_seq !== undefined);
    if (!isTrade || entry.id === undefined || entry.node === 0) continue;
    const list = trades.get(entry.id);
    if (list === undefined) trades.set(entry.id, [entry]);
    else list.push(entry);
  }
  return trades;
}

function traceTrade(seed: string, trade: string, entries: readonly Entry[]): readonly { node: NodeId; span: Span }[] {
  const committed = entries.find(({ record_seq }) => record_seq !== undefined);
  const [payer, payee] = [committed?.from ?? entries[0]?.from, committed?.to ?? entries[0]?.to];
  const amount = entries.find((entry) => entry.amount !== undefined)?.amount;
  const nodes = [...new Set(entries.map(({ node }) => node))];
  const root = nodes[0];
  const traceId = hash(seed, 16);
  const spanIdOf = (node: NodeId): string => hash(`${seed} at ${node}`, 8);
  return nodes.map((node) => {
    const own = entries.filter((entry) => entry.node === node);
    const role = node === payer ? "payer" : node === payee ? "payee" : "witness";
    // The node that began it is the root; the payer's decision is what all others follow.
    const parent =
      node === root ? null : payer !== undefined && nodes.includes(payer) && node !== payer ? payer : (root ?? null);
    const span = {
      traceId,
      spanId: spanIdOf(node),
      ...(parent !== null && { parentSpanId: spanIdOf(parent) }),
      name: role === "witness" ? "deliver" : `trade ${role}`,
      kind: role === "payer" ? PRODUCER : role === "payee" ? CONSUMER : INTERNAL,
      startTimeUnixNano: toNanos(Math.min(...own.map(({ time }) => time))),
      endTimeUnixNano: toNanos(Math.max(...own.map(({ time }) => time))),
      attributes: describe({
        "energy.trade.id": trade,
        "energy.trade.role": role,
        ...(amount !== undefined && { "energy.trade.amount": amount }),
        ...(payer !== undefined && { "energy.trade.payer": payer }),
        ...(payee !== undefined && { "energy.trade.payee": payee }),
      }),
      events: own.map((entry) => ({
        timeUnixNano: toNanos(entry.time),
        name: entry.msg,
        attributes: describe(fieldsOf(entry)),
      })),
      status: statusOf(own, committed !== undefined),
    };
    return { node, span };
  });
}

function statusOf(own: readonly Entry[], isCommitted: boolean): Span["status"] {
  const refused = own.find(({ outcome }) => outcome !== undefined && outcome !== "committed");
  if (refused !== undefined && !isCommitted) return { code: ERROR, message: refused.msg };
  return { code: isCommitted ? OK : UNSET };
}

function fieldsOf({ kind, inc, seq, balance, record_seq, vc }: Entry): Readonly<Record<string, string | number>> {
  return {
    "energy.kind": kind,
    "energy.incarnation": inc,
    "energy.line": seq,
    ...(balance !== undefined && { "energy.balance": balance }),
    ...(record_seq !== undefined && { "energy.record": record_seq }),
    ...(vc !== undefined && { "energy.clock": JSON.stringify(vc) }),
  };
}

function describe(fields: Readonly<Record<string, string | number | boolean>>): readonly Attribute[] {
  return Object.entries(fields).map(([key, value]) => {
    if (typeof value === "boolean") return { key, value: { boolValue: value } };
    // 64-bit numbers are strings in protobuf's JSON.
    return typeof value === "number" && Number.isInteger(value)
      ? { key, value: { intValue: String(value) } }
      : { key, value: { stringValue: String(value) } };
  });
}

function toNanos(timeMs: number): string {
  return String(BigInt(Math.round(timeMs * 1_000)) * 1_000n);
}

/** Hex; the same for the same run and trade, and never all zeros. */
function hash(text: string, bytes: number): string {
  return sha256Hex(text).slice(0, bytes * 2);
}
