/** Debits that replicas applied, read from their lines. */
import type { Entry } from "../entry.ts";

/** A debit that a replica applied. */
export interface Delivery {
  readonly entry: Entry;
  readonly origin: number;
  readonly seq: number;
  readonly payee: number;
  readonly amount: number;
  readonly trade: string;
  /** `initiator/request`; null: no control request is behind it, or the line doesn't tell. */
  readonly request: string | null;
  readonly causes: ReadonlyMap<number, number>;
  /** The log goes on here after its disk was lost (node/protocol/recovery.md). */
  readonly isFence: boolean;
}

/** Null: the line is about something else. */
export function readDelivery(entry: Entry): Delivery | null {
  const { kind, from, to, record_seq: seq, id: trade, amount = 0 } = entry;
  if (seq === undefined || from === undefined || to === undefined || trade === undefined) return null;
  const isApplied = kind === "deliver" || (kind === "trade" && entry.outcome === "committed") || kind === "state";
  if (!isApplied) return null;
  const initiator = trade.slice(0, trade.indexOf("-"));
  const request = typeof entry.request === "string" ? `${initiator}/${entry.request}` : null;
  const causes = readVector(entry.vc);
  return { entry, origin: from, seq, payee: to, amount, trade, request, causes, isFence: from === to };
}

export function readVector(vector: unknown): Map<number, number> {
  const read = new Map<number, number>();
  if (typeof vector !== "object" || vector === null) return read;
  for (const [id, value] of Object.entries(vector)) read.set(Number(id), Number(value));
  return read;
}

/** `3/17`: the seventeenth debit of node 3. */
export function nameOf({ origin, seq }: { readonly origin: number; readonly seq: number }): string {
  return `${origin}/${seq}`;
}
