/**
 * Cuts what a state transfer sends into datagrams: each STATE_CHUNK is filled by measured bytes, and one request gets a window of them.
 */
import { encodeClock } from "../../wire/clock.ts";
import { encodeMessage } from "../../wire/codec.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { Genesis, MemberRow, Message, MessageOf, SnapshotPart, TradeRecord } from "../../wire/message.ts";

export type Chunk = MessageOf<"STATE_CHUNK">["payload"];

/** Chunks for one request: about 35 kB, which every socket buffer takes. */
const CHUNKS_MAX = 32;
const ITEMS_MAX = 32;
/** `"snapshot":{"of":"0123456789abcdef","total":42000,"first":42000,"parts":[]}` and a comma. */
const SNAPSHOT_FRAME_BYTES = 78;
/** The shell stamps the wall clock into the frame when it sends. */
const TIMESTAMP_BYTES = 24;

/** Fills chunk after chunk by measured bytes. */
export class ChunkPacker {
  readonly chunks: Chunk[] = [];
  isFull = false;
  private bytes = 0;
  private readonly room: number;

  constructor(self: NodeId, bodyBytesMax: number) {
    this.room = bodyBytesMax - emptyChunkBytes(self);
  }

  addMember(row: MemberRow): void {
    this.chunkFor(jsonBytes(row), (chunk) => chunk.members.length)?.members.push(row);
  }

  addAccount(genesis: Genesis): void {
    this.chunkFor(jsonBytes(genesis), (chunk) => chunk.accounts.length)?.accounts.push(genesis);
  }

  addRecord(record: TradeRecord): void {
    const bytes = jsonBytes({ ...record, deps: encodeClock(record.deps) });
    this.chunkFor(bytes, (chunk) => chunk.records.length)?.records.push(record);
  }

  /** Parts that follow each other share one frame in their chunk. */
  addPart(snapshot: NonNullable<Chunk["snapshot"]>): void {
    const [part] = snapshot.parts as [SnapshotPart];
    const bytes = jsonBytes({ ...part, paid: encodeClock(part.paid), named: encodeClock(part.named) });
    const chunk = this.chunkFor(
      bytes,
      (into) => into.snapshot?.parts.length ?? 0,
      (into) => (into?.snapshot === undefined ? SNAPSHOT_FRAME_BYTES : 0),
    );
    if (chunk === undefined) return;
    if (chunk.snapshot !== undefined) chunk.snapshot.parts.push(part);
    else chunk.snapshot = snapshot;
  }

  /** `next`: where the asker has to go on. */
  finish(next: NodeId | 0 | null): Chunk[] {
    if (this.chunks.length === 0) this.chunks.push(emptyChunk(0));
    const last = this.chunks.at(-1) as Chunk;
    last.last = true;
    last.next = next;
    return this.chunks;
  }

  /** The chunk that an item of `bytes` goes into; `frame`: bytes that its first one in a chunk takes besides. */
  private chunkFor(
    bytes: number,
    items: (chunk: Chunk) => number,
    frame: (chunk: Chunk | null) => number = () => 0,
  ): Chunk | undefined {
    if (this.isFull) return undefined;
    const current = this.chunks.at(-1);
    if (current !== undefined && items(current) < ITEMS_MAX) {
      // One more for the comma.
      const grown = this.bytes + bytes + 1 + frame(current);
      if (grown <= this.room) {
        this.bytes = grown;
        return current;
      }
    }
    if (this.chunks.length >= CHUNKS_MAX) {
      this.isFull = true;
      return undefined;
    }
    const next = emptyChunk(this.chunks.length);
    this.chunks.push(next);
    this.bytes = bytes + 1 + frame(null);
    return next;
  }
}

function emptyChunk(index: number): Chunk {
  return { index, next: null, last: false, members: [], accounts: [], records: [] };
}

function emptyChunkBytes(self: NodeId): number {
  const message = {
    message_type: "STATE_CHUNK",
    sender_id: self,
    sender_priority: self,
    vector_clock: null,
    payload: { ...emptyChunk(CHUNKS_MAX), next: 65_535 },
    timestamp: 0,
  } as unknown as Message;
  return encodeMessage(message).length + TIMESTAMP_BYTES;
}

function jsonBytes(item: unknown): number {
  const text = JSON.stringify(item);
  let bytes = text.length;
  // Request ids may hold any characters; in UTF-8 none takes more than three bytes for each UTF-16 unit.
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) bytes += 2;
  return bytes;
}
