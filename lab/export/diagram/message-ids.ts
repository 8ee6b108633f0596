/**
 * The names of messages, taken apart again: `<sender>-<incarnation>.<packet>[/index]` (node/runtime/wire-lines.ts). And the sends that a
 * killed node's log lost: who received a message knows that it was sent, by whom, and after which of the others.
 */
import { type Entry, processOf } from "../../journal/entry.ts";

export interface MessageId {
  readonly sender: number;
  readonly inc: number;
  readonly packet: number;
  readonly index: number;
}

/** Null: no message's name (a trade's id, say). */
export function parseMessageId(id: string | undefined): MessageId | null {
  const match = /^(\d+)-(\d+)\.(\d+)(?:\/(\d+))?$/.exec(id ?? "");
  if (match === null) return null;
  return { sender: Number(match[1]), inc: Number(match[2]), packet: Number(match[3]), index: Number(match[4] ?? 0) };
}

/** Name of the datagram in which a message travels: what is dropped unread has only that. */
export function datagramOf(id: string): string {
  const slash = id.indexOf("/");
  return slash < 0 ? id : id.slice(0, slash);
}

/**
 * Sends that no line tells of, as lines of their sender: behind its last send with a smaller number. Their `seq` lies between those of
 * their neighbours, and `reconstructed` is true.
 */
export function reconstructSends(entries: readonly Entry[]): readonly Entry[] {
  const sent = new Set(entries.filter(({ kind }) => kind === "send").map(({ id }) => id));
  const missing = new Map<string, Entry>();
  for (const entry of entries)
    if (entry.kind === "recv" && entry.id !== undefined && !sent.has(entry.id) && !missing.has(entry.id))
      missing.set(entry.id, entry);
  const anchors = findAnchors(entries);
  const found = [...missing.values()].flatMap((received) => {
    const name = parseMessageId(received.id);
    if (name === null || name.sender !== received.from) return [];
    return [{ received, name, anchor: findBefore(anchors.get(`${name.sender}.${name.inc}`) ?? [], name) }];
  });
  found.sort((a, b) => a.name.packet - b.name.packet || a.name.index - b.name.index);
  // Between two whole numbers there is room for all, in the order in which they were sent.
  return found.map(({ received, name, anchor }, rank) => ({
    node: name.sender,
    inc: name.inc,
    seq: (anchor?.seq ?? 0) + (rank + 1) / (found.length + 1),
    time: Math.min(anchor?.time ?? received.time, received.time),
    mono: anchor?.mono ?? 0,
    kind: "send",
    level: "info",
    msg: `-> node ${received.node}  ${received.type ?? "message"} ${received.id} (its sender's line is lost)`,
    ...(received.type !== undefined && { type: received.type }),
    id: received.id as string,
    from: name.sender,
    ...(received.vc !== undefined && { vc: received.vc }),
    reconstructed: true,
  }));
}

interface Anchor {
  readonly packet: number;
  readonly seq: number;
  readonly time: number;
  readonly mono: number;
}

/** The sends of each process, by the number of their packet. */
function findAnchors(entries: readonly Entry[]): Map<string, Anchor[]> {
  const anchors = new Map<string, Anchor[]>();
  for (const entry of entries) {
    const name = entry.kind === "send" ? parseMessageId(entry.id) : null;
    if (name === null) continue;
    const { seq, time, mono } = entry;
    const anchor = { packet: name.packet, seq, time, mono };
    const others = anchors.get(processOf(entry));
    if (others === undefined) anchors.set(processOf(entry), [anchor]);
    else others.push(anchor);
  }
  for (const list of anchors.values()) list.sort((a, b) => a.packet - b.packet || a.seq - b.seq);
  return anchors;
}

function findBefore(anchors: readonly Anchor[], { packet }: MessageId): Anchor | undefined {
  return anchors.findLast((anchor) => anchor.packet <= packet);
}
