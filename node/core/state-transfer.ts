/**
 * State transfer: members, accounts and records for whoever asks, in causal order, cut into chunks that fit a datagram.
 *
 * The responder keeps no state: the request's vector says what is missing, one window of chunks answers it, and the last chunk says
 * whether there is more. Records leave in the order in which they were delivered here, which is a causal order.
 */
import type { Clock } from "../wire/clock.ts";
import { encodeClock } from "../wire/clock.ts";
import { encodeMessage } from "../wire/codec.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Genesis, MemberRow, Message, MessageOf, TradeRecord } from "../wire/message.ts";
import { drainHeld, noteEquivocation, receiveRecords } from "./causal-broadcast.ts";
import { accountIds, accountOf, adoptAccount } from "./ledger.ts";
import { memberRows, mergeMemberRow } from "./membership.ts";
import { count, journal, unicastTo } from "./outbox.ts";
import { continuePull, endPull, notePullProgress } from "./pull.ts";
import type { Account, NodeState, Origin } from "./types.ts";
import { entry } from "./vector-clock.ts";

type Chunk = MessageOf<"STATE_CHUNK">["payload"];

/** Chunks for one request: about 35 kB, which every socket buffer takes. */
const CHUNKS_MAX = 32;
const ITEMS_MAX = 32;
/** The shell stamps the wall clock into the frame when it sends. */
const TIMESTAMP_BYTES = 24;

export function onStateRequest(state: NodeState, message: MessageOf<"STATE_REQUEST">, from: Origin): void {
  const { have, want } = message.payload;
  const chunks = planChunks(state, have, want);
  count(state, "state_chunks_sent", chunks.length);
  for (const chunk of chunks) unicastTo(state, from.sender, from.address, "STATE_CHUNK", chunk);
}

export function onStateChunk(state: NodeState, message: MessageOf<"STATE_CHUNK">, from: Origin): void {
  const { members, accounts, records, last, more } = message.payload;
  for (const row of members) mergeMemberRow(state, row);
  for (const genesis of accounts) {
    // Whether this node has an account, and which, is for the join to find out.
    if (genesis.id === state.self.id && accountOf(state, genesis.id) === undefined) continue;
    if (adoptAccount(state, genesis) === "conflict") reportConflict(state, genesis, from.sender);
  }
  receiveRecords(state, records, from.sender);
  if (accounts.length > 0) drainHeld(state);
  const pull = state.causal.pull;
  if (pull === null || pull.responder !== from.sender) return;
  if (!last) notePullProgress(state);
  else if (more) continuePull(state);
  else endPull(state);
}

/** The answer to one request: at least one chunk, so that the asker knows when it has everything. */
export function planChunks(state: NodeState, have: Clock, want: "members" | "records" | "both"): Chunk[] {
  const room = state.config.bodyBytesMax - emptyChunkBytes(state);
  const packer = new Packer(room);
  if (want !== "records") for (const row of memberRows(state)) packer.addMember(row);
  if (want !== "members") {
    for (const id of accountIds(state)) {
      const account = accountOf(state, id);
      if (account !== undefined && !have.has(id) && state.ledger.durable.has(id)) packer.addAccount(account.genesis);
    }
    packRecords(state, have, packer);
  }
  return packer.finish();
}

/** Durable records that `have` lacks, in order of delivery, until the window is full. */
function packRecords(state: NodeState, have: Clock, packer: Packer): void {
  const { log, durable, accounts } = state.ledger;
  let start = log.length;
  for (const [id, account] of accounts) start = Math.min(start, firstPosition(account, entry(have, id)));
  for (let at = start; at < log.length && !packer.isFull; at++) {
    const record = log[at] as TradeRecord;
    // Writes complete in order: from the first record that isn't on disk yet, none is.
    if (record.seq > entry(durable, record.seller_id)) return;
    if (record.seq > entry(have, record.seller_id)) packer.addRecord(record);
  }
}

function firstPosition(account: Account, have: number): number {
  return account.positions[have] ?? Number.MAX_SAFE_INTEGER;
}

/** Fills chunk after chunk by measured bytes. */
class Packer {
  readonly chunks: Chunk[] = [];
  isFull = false;
  private bytes = 0;
  private readonly room: number;

  constructor(room: number) {
    this.room = room;
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

  finish(): Chunk[] {
    if (this.chunks.length === 0) this.chunks.push(emptyChunk(0));
    const last = this.chunks.at(-1) as Chunk;
    last.last = true;
    last.more = this.isFull;
    return this.chunks;
  }

  private chunkFor(bytes: number, items: (chunk: Chunk) => number): Chunk | undefined {
    if (this.isFull) return undefined;
    // One more for the comma.
    const needed = bytes + 1;
    const current = this.chunks.at(-1);
    if (current !== undefined && this.bytes + needed <= this.room && items(current) < ITEMS_MAX) {
      this.bytes += needed;
      return current;
    }
    if (this.chunks.length >= CHUNKS_MAX) {
      this.isFull = true;
      return undefined;
    }
    const next = emptyChunk(this.chunks.length);
    this.chunks.push(next);
    this.bytes = needed;
    return next;
  }
}

function emptyChunk(index: number): Chunk {
  return { index, more: false, last: false, members: [], accounts: [], records: [] };
}

function emptyChunkBytes(state: NodeState): number {
  const message = {
    message_type: "STATE_CHUNK",
    sender_id: state.self.id,
    sender_priority: state.self.id,
    vector_clock: null,
    payload: emptyChunk(CHUNKS_MAX),
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

function reportConflict(state: NodeState, genesis: Genesis, from: NodeId): void {
  count(state, "account_conflicts");
  if (!noteEquivocation(state, genesis.id)) return;
  journal(state, {
    kind: "drop",
    level: "error",
    msg: `EQUIVOCATION: Node ${from} knows another account ${genesis.id} (nonce ${genesis.nonce}), ignored`,
    from,
    to: genesis.id,
  });
}
