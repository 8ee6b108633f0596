/**
 * State transfer: members, accounts and records for any node that asks, in causal order, cut into chunks that fit a datagram.
 *
 * The responder keeps no state: the request's vector says what is missing, one window of chunks answers it, and the last chunk says
 * where to go on. A vector of a large group fits no datagram, so a transfer goes through the group in pages of ids. Records leave in
 * the order in which they were delivered here, which is a causal order.
 */
import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { Genesis, MessageOf, Payload, SnapshotPart, TradeRecord } from "../../wire/message.ts";
import {
  continuePull,
  endPull,
  ID_MAX,
  isIn,
  notePullProgress,
  type OfferedSnapshot,
  PAGE_IDS,
  type Page,
} from "../causal/pull.ts";
import { count, journal, unicast } from "../kernel/outbox.ts";
import type { Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountIds, accountOf, adoptAccount } from "../ledger/ledger.ts";
import type { Account } from "../ledger/ledger-state.ts";
import { mergeMemberRow } from "../membership/gossip.ts";
import { memberRows } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import { type Chunk, ChunkPacker } from "./chunk-packer.ts";
import { drainHeld, receiveRecords } from "./delivery.ts";
import { noteEquivocation } from "./equivocation.ts";
import { isBaseDurable, onSnapshotParts, snapshotFor } from "./snapshot-transfer.ts";

export function onStateRequest(state: NodeState, message: MessageOf<"STATE_REQUEST">, from: Origin): void {
  const chunks = planChunks(state, message.payload);
  if (chunks.some((chunk) => chunk.snapshot !== undefined)) state.causal.servedAtMs = state.nowMs;
  count(state, "state_chunks_sent", chunks.length);
  for (const chunk of chunks) unicast(state, from.sender, "STATE_CHUNK", chunk);
}

export function onStateChunk(state: NodeState, message: MessageOf<"STATE_CHUNK">, from: Origin): void {
  const { members, accounts, records, snapshot, last, next } = message.payload;
  for (const row of members) mergeMemberRow(state, row, from.sender);
  for (const genesis of accounts) {
    // Whether this node has an account, and which, is for the join to find out.
    if (genesis.id === state.self.id && accountOf(state, genesis.id) === undefined) continue;
    if (adoptAccount(state, genesis) === "conflict") reportConflict(state, genesis, from.sender);
  }
  onSnapshotParts(state, snapshot, from.sender);
  receiveRecords(state, records, from.sender);
  if (accounts.length > 0 || snapshot !== undefined) drainHeld(state);
  const pull = state.causal.pull;
  if (pull === null || pull.responder !== from.sender) return;
  if (!last) notePullProgress(state);
  // All parts of a snapshot have to come before the accounts of the next page are of any use.
  else if (state.causal.staged !== null) continuePull(state, pull.after);
  else if (next !== null) continuePull(state, next);
  else endPull(state);
}

/**
 * The answer to one request: at least one chunk, so that the asker knows when it has everything; none while the answer would contain
 * what isn't on this disk yet. `snapshot`: the one that the asker is collecting, and where it has to go on.
 */
export function planChunks(
  state: NodeState,
  { have, want, after, up_to, snapshot: cursor }: Payload<"STATE_REQUEST">,
): Chunk[] {
  const page = pageOf(state, after, up_to);
  const snapshot = want === "members" ? null : snapshotFor(state, have, page);
  if (snapshot !== null && !isBaseDurable(state.ledger)) return [];
  const packer = new ChunkPacker(state.self.id, state.config.bodyBytesMax);
  if (want !== "records") for (const row of memberRows(state)) if (isIn(page, row.id)) packer.addMember(row);
  if (want !== "members") {
    for (const id of accountIds(state)) {
      const account = accountOf(state, id);
      const isMissing = isIn(page, id) && !have.has(id) && state.ledger.durable.has(id);
      if (account !== undefined && isMissing) packer.addAccount(account.genesis);
    }
    if (snapshot !== null) packSnapshot(snapshot, cursor?.of === snapshot.of ? cursor.from : 0, packer);
    packRecords(state, have, page, packer);
  }
  return packer.finish(packer.isFull ? after : page.upTo === ID_MAX ? null : page.upTo);
}

/** The first ids behind `after` that are known here. */
function pageOf(state: NodeState, after: NodeId | 0, upTo: NodeId): Page {
  const ids = [...new Set([...state.ledger.accounts.keys(), ...state.members.keys(), state.self.id])]
    .filter((id) => id > after && id <= upTo)
    .sort((a, b) => a - b);
  return { after, upTo: ids.length > PAGE_IDS ? (ids[PAGE_IDS - 1] as NodeId) : upTo };
}

function packSnapshot({ of, parts }: OfferedSnapshot, from: number, packer: ChunkPacker): void {
  for (let index = from; index < parts.length && !packer.isFull; index++)
    packer.addPart({ of, total: parts.length, first: index, parts: [parts[index] as SnapshotPart] });
}

/** Durable records of the page's accounts that `have` lacks, in order of delivery, until the window is full. */
function packRecords(state: NodeState, have: Clock, page: Page, packer: ChunkPacker): void {
  const { log, dropped, durable, accounts } = state.ledger;
  let start = log.length;
  for (const [id, account] of accounts)
    if (isIn(page, id)) start = Math.min(start, firstPosition(account, entry(have, id)) - dropped);
  for (let at = start; at < log.length && !packer.isFull; at++) {
    const record = log[at] as TradeRecord;
    // Writes complete in order: from the first record that isn't on disk yet, none is.
    if (record.seq > entry(durable, record.seller_id)) return;
    if (isIn(page, record.seller_id) && record.seq > entry(have, record.seller_id)) packer.addRecord(record);
  }
}

function firstPosition(account: Account, have: number): number {
  return account.positions[Math.max(0, have - account.base.seq)] ?? Number.MAX_SAFE_INTEGER;
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
