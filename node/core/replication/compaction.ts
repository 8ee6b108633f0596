/**
 * Compaction: of debits that every member has on disk only their sum stays in memory (snapshot.ts), so memory is bounded whatever was traded.
 *
 * Heartbeats tell what is durable where. The longest beginning of the log that all members have, but for the most recent
 * records, is folded into the rows of its accounts. Members that are FAILED, LEFT or never heard don't hold it up, nor those
 * that take no records any more (HALTED, CONFLICT): a node that lacks some of them gets a snapshot. The records stay in the store.
 * Sources: JGroups STABLE; Wuu and Bernstein 1984 (what everybody is known to have may be discarded).
 */
import type { NodeId } from "../../wire/ids.ts";
import { type Cause, frontierOf } from "../causal/causes.ts";
import { count, persist } from "../kernel/outbox.ts";
import type { AccountBase, SnapshotRow } from "../kernel/rows.ts";
import { entry } from "../kernel/vector-clock.ts";
import { foldLog } from "../ledger/snapshot.ts";
import { tellBooks } from "../ledger/testimony.ts";
import { durableAt, isLive, type Member } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import { noteForgotten } from "../trading/refused-window.ts";

/** Records of the recent past that a node keeps: about 2 MB, and more than is missed in a restart or a short partition. */
export const KEEP_RECORDS = 4_096;
/** A member that is alive and doesn't get on is waited for until the log is this many times as long as it should be. */
const PATIENCE_FACTOR = 16;
/** A snapshot that somebody is fetching stays as it is for this long after the last request. */
const SERVING_MS = 1_000;

/** Folds the records that are due and returns their number. Run with every heartbeat, heard or sent: they say which records are durable where. */
export function compact(state: NodeState): number {
  const { ledger, config, causal } = state;
  const { keepRecords } = config;
  if (ledger.log.length < 2 * keepRecords || state.phase === "HALTED") return 0;
  const isOverdue = ledger.log.length >= PATIENCE_FACTOR * keepRecords;
  const isServing = causal.servedAtMs !== null && state.nowMs - causal.servedAtMs < SERVING_MS;
  if (isServing && !isOverdue) return 0;
  const stable = stablePrefix(state, ledger.log.length - keepRecords, isOverdue ? [] : holdersOf(state));
  // Small steps would write every row again for a few records.
  if (stable === 0 || stable < keepRecords / 2) return 0;
  if (!config.durable) {
    const own = ledger.log.slice(0, stable).filter((record) => record.seller_id === state.self.id);
    noteForgotten(state, own);
  }
  // After a boot it is made of the log, which must be whole for that: causes in what is folded would be forgotten.
  frontierOf(state);
  const folded = foldLog(ledger, stable);
  const rows = markCauses(state, folded);
  persist(state, [{ table: "snapshot", rows, ownSince: ledger.ownSince }]);
  count(state, "records_compacted", stable);
  tellBooks(state, "compaction", { folded: stable, kept: ledger.log.length });
  return stable;
}

/** The members whose disks are waited for. */
function holdersOf(state: NodeState): Member[] {
  const holders: Member[] = [];
  for (const member of state.members.values())
    if (isLive(member) && member.phase !== "HALTED" && member.phase !== "CONFLICT") holders.push(member);
  return holders;
}

/** Records at the log's beginning, `max` at most, that are on this disk and on those of all holders. */
function stablePrefix(state: NodeState, max: number, holders: readonly Member[]): number {
  const { log, durable } = state.ledger;
  const stable = new Map<NodeId, number>();
  const stableOf = (id: NodeId): number => {
    let least = entry(durable, id);
    for (const holder of holders) least = Math.min(least, durableAt(holder, id));
    stable.set(id, least);
    return least;
  };
  let length = 0;
  for (const { seller_id: origin, seq } of log) {
    if (length >= max || seq > (stable.get(origin) ?? stableOf(origin))) break;
    length += 1;
  }
  return length;
}

/** Notes in the rows which debits the next own record has to name; returns the rows that differ from those on disk. */
export function markCauses(state: NodeState, changed: readonly NodeId[]): SnapshotRow[] {
  const frontier = frontierOf(state);
  const differing = new Set(changed);
  for (const [id, account] of state.ledger.accounts) {
    const cause = causeIn(frontier.get(id), account.base.seq);
    if (cause === account.base.cause) continue;
    account.base = { ...account.base, cause };
    differing.add(id);
  }
  return [...differing]
    .sort((a, b) => a - b)
    .map((id) => ({ id, ...(state.ledger.accounts.get(id)?.base as AccountBase) }));
}

function causeIn(cause: Cause | undefined, seq: number): AccountBase["cause"] {
  if (cause === undefined || seq === 0 || cause.seq !== seq) return "none";
  return cause.paysSelf ? "money" : "order";
}
