/** The slice of the state about lost disks: those of others (fence.ts) and the own one (lost-disk.ts). */
import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { Phase, TradeRecord } from "../../wire/message.ts";
import type { Departure, Recovered } from "../kernel/rows.ts";
import type { FencePromise } from "./promises.ts";

/** A promise in an older ledger is kept, even if its owner is heard. */
const ASKER_UNKNOWN = Number.MAX_SAFE_INTEGER;

export interface RecoveryState {
  /** Nodes that have said LEAVE, and no process of them was heard since: what they had delivered. */
  readonly departures: Map<NodeId, Departure>;
  /** By account. */
  readonly promises: Map<NodeId, FencePromise>;
  /** Debits that turned up although their loss was accepted, by payer, number and trade, oldest first, bounded. */
  readonly lost: Map<string, TradeRecord>;
  /** The members' answers about the own lost log. */
  readonly answers: Map<NodeId, FenceAnswer>;
  /** The last question to each member: a new one doesn't wait for its turn. */
  readonly asked: Map<NodeId, string>;
  attempts: number;
  /** The command that accepts the loss of what absent members may hold. */
  acceptLoss: { readonly requestId: string } | null;
  /** The write of the own fence; null: none under way. */
  fenceWriteId: number | null;
  /** The last line that was journalled about what this node waits for. */
  told: string;
}

export interface FenceAnswer {
  readonly incarnation: number;
  readonly have: number;
  /** It lacks the debit after this one, so it can't deliver later ones; -1: it may have it. */
  readonly endsAt: number;
  /** -1: nothing promised. */
  readonly promisedAt: number;
  readonly phase: Phase;
  readonly absent: Clock;
}

export function createRecovery(recovered: Recovered | undefined): RecoveryState {
  return {
    departures: new Map(recovered?.departures?.map((departure) => [departure.node, departure])),
    promises: new Map(
      recovered?.fences?.map(({ account, at, asker = ASKER_UNKNOWN }) => [
        account,
        { at, incarnation: asker, readySinceMs: null },
      ]),
    ),
    lost: new Map(),
    answers: new Map(),
    asked: new Map(),
    attempts: 0,
    acceptLoss: null,
    fenceWriteId: null,
    told: "",
  };
}
