/**
 * The whole state of a node as plain data (`structuredClone` works): one slice for each idea, declared by the module that owns it.
 *
 * Modules import the type `NodeState` from here, against the direction of all other imports: types leave no trace at run time.
 */

import type { NodeId } from "../wire/ids.ts";
import type { Phase, TradeRecord } from "../wire/message.ts";
import type { CausalState } from "./causal/causal-state.ts";
import type { ElectionState } from "./election/roles.ts";
import type { RandomState } from "./kernel/random.ts";
import type { Rules } from "./kernel/rules.ts";
import type { TimerTable } from "./kernel/timers.ts";
import type { CoreConfig, Effect, Self } from "./kernel/types.ts";
import type { LedgerState } from "./ledger/ledger-state.ts";
import type { BeatState } from "./lifecycle/heartbeat.ts";
import type { JoinState } from "./lifecycle/join-state.ts";
import type { AddressState } from "./membership/address-proof.ts";
import type { DetectorState } from "./membership/failure-detector.ts";
import type { Member } from "./membership/members.ts";
import type { RumourQueue } from "./membership/rumours.ts";
import type { RecoveryState } from "./recovery/recovery-state.ts";
import type { TradingState } from "./trading/trade-table.ts";

export interface NodeState {
  readonly config: CoreConfig;
  /** All true, except in a simulation that asks what happens without one. */
  readonly rules: Rules;
  /** Replaced by one with a higher incarnation when JOIN was refused as stale: seal datagrams with this one. */
  self: Self;
  /** Instant of the running step. */
  nowMs: number;
  phase: Phase;
  /** Own refutation counter. */
  rinc: number;
  readonly random: RandomState;
  readonly timers: TimerTable;
  outbox: Effect[];
  /** The record that the running step's input brought from the store. */
  recalled: TradeRecord | null;
  nextWriteId: number;
  nextMsgId: number;
  readonly members: Map<NodeId, Member>;
  readonly counters: Map<string, number>;
  readonly addresses: AddressState;
  readonly rumours: RumourQueue;
  readonly detector: DetectorState;
  readonly election: ElectionState;
  readonly join: JoinState;
  readonly ledger: LedgerState;
  readonly causal: CausalState;
  readonly trading: TradingState;
  readonly recovery: RecoveryState;
  readonly beat: BeatState;
  /** Not null while the node leaves. */
  leaving: { readonly startedAtMs: number; announced: number } | null;
}
