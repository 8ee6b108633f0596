/**
 * From datagrams that the tap saw at both ends to messages: each receive and each drop is given the name of its send, by addresses, IP
 * id and content; of equal ones by time, since all ends share the host's clock. Pure.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Datagram } from "./pcap.ts";

/** What one node's interface, or its rules, saw. */
export interface Capture {
  readonly node: NodeId;
  /** It was thrown away by a fault. */
  readonly isDrop: boolean;
  readonly datagrams: readonly Datagram[];
}

export interface TapEvent {
  readonly node: NodeId;
  readonly atMs: number;
  readonly kind: "send" | "recv" | "drop" | "duplicate";
  readonly from: NodeId;
  /** Absent: to a group. */
  readonly to?: NodeId;
  /** Of the send; every end of a message has the same. */
  readonly send: number;
  readonly datagram: Datagram;
}

/** What a datagram's content is. */
export interface Decoded {
  readonly type: string;
  readonly summary: string;
}

/** A receive can be stamped a little before its send, a drop after its arrival: the stamps are of several places in the kernel. */
const SLACK_MS = 5;
/** A datagram that is delayed longer isn't known again. */
const TRIP_MS_MAX = 60_000;

export function matchDatagrams(
  captures: readonly Capture[],
  addresses: ReadonlyMap<string, NodeId>,
): readonly TapEvent[] {
  const events: TapEvent[] = [];
  const sends = new Map<string, { readonly number: number; readonly atMs: number; readonly seenBy: Set<NodeId> }[]>();
  const all = captures.flatMap(({ node, isDrop, datagrams }) =>
    datagrams.map((datagram) => ({ node, isDrop, datagram, key: keyOf(datagram) })),
  );
  all.sort((a, b) => a.datagram.atMs - b.datagram.atMs);
  const describe = ({ source, target, atMs }: Datagram) => {
    const to = addresses.get(target);
    return { atMs, from: addresses.get(source) ?? 0, ...(to !== undefined && { to }) };
  };
  let number = 0;
  for (const { node, datagram, key } of all.filter(({ isDrop, datagram: { isOutgoing } }) => isOutgoing && !isDrop)) {
    const list = sends.get(key) ?? [];
    sends.set(key, list);
    list.push({ number: ++number, atMs: datagram.atMs, seenBy: new Set() });
    events.push({ node, kind: "send", send: number, datagram, ...describe(datagram), from: node });
  }
  // What a rule drops is seen coming in as well: the drop says what came of it.
  const drops = Map.groupBy(
    all.filter(({ isDrop }) => isDrop),
    ({ node, key }) => `${node} ${key}`,
  );
  for (const { node, isDrop, datagram, key } of all) {
    if (datagram.isOutgoing && !isDrop) continue;
    if (!addresses.has(datagram.source) || addresses.get(datagram.source) === node) continue;
    const near = (sends.get(key) ?? []).filter(
      ({ atMs }) => atMs <= datagram.atMs + SLACK_MS && datagram.atMs - atMs < TRIP_MS_MAX,
    );
    const fresh = near.find(({ seenBy }) => !seenBy.has(node));
    const dropped = isDrop ? [] : (drops.get(`${node} ${key}`) ?? []);
    if (dropped.some((other) => Math.abs(other.datagram.atMs - datagram.atMs) < SLACK_MS)) continue;
    const send = fresh ?? near.at(-1);
    if (send === undefined) continue;
    send.seenBy.add(node);
    const kind = isDrop ? "drop" : fresh === undefined ? "duplicate" : "recv";
    events.push({ node, kind, send: send.number, datagram, ...describe(datagram) });
  }
  return events.sort((a, b) => a.atMs - b.atMs);
}

function keyOf({ source, sourcePort, target, targetPort, ipId, payload, bytes }: Datagram): string {
  let hash = 0x811c9dc5;
  for (const byte of payload) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `${source}:${sourcePort} ${target}:${targetPort} ${ipId} ${bytes} ${hash}`;
}
