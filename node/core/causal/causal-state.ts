/** The slice of the state about records that are missing, held back or on their way; each module declares its own part. */

import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import type { Cause } from "./causes.ts";
import type { Gap } from "./gaps.ts";
import type { OfferedSnapshot, Pull, StagedSnapshot } from "./pull.ts";

export interface CausalState {
  readonly holdback: Map<NodeId, Map<number, TradeRecord>>;
  held: number;
  /** Causes of the next own record: the latest records since the last own one. Null: rebuild it from the log (after a boot). */
  frontier: Map<NodeId, Cause> | null;
  /** Records that are known to exist and missing here, by origin. */
  readonly gaps: Map<NodeId, Gap>;
  /** Repairs sent within the last NAK backoff, by `origin/seq`, oldest first. */
  readonly repairs: Map<string, { readonly atMs: number; askers: number }>;
  /** Contradictions seen in the log of an account, by account, since this node started. */
  readonly equivocations: Map<NodeId, number>;
  /** Accounts of which other nodes have another log: the lowest number known to differ. */
  readonly diverged: Map<NodeId, number>;
  pull: Pull | null;
  /** Another node's snapshot, of which some parts have come. */
  staged: StagedSnapshot | null;
  /** The own snapshot, once somebody has asked for it. */
  offered: OfferedSnapshot | null;
  /** When parts of the own snapshot were last asked for: it stays as it is for a while. */
  servedAtMs: number | null;
  /** The vector that a joiner waits for; `isPulled`: a transfer has ended since, or need not. */
  sync: { readonly target: Map<NodeId, number>; responder: NodeId; isPulled: boolean } | null;
}

export function createCausal(): CausalState {
  return {
    holdback: new Map(),
    held: 0,
    frontier: null,
    gaps: new Map(),
    repairs: new Map(),
    equivocations: new Map(),
    diverged: new Map(),
    pull: null,
    staged: null,
    offered: null,
    servedAtMs: null,
    sync: null,
  };
}
