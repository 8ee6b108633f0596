/** What a node knows on its way in, and of others on theirs: owned by join.ts, admission.ts and identity.ts. Plain data, as all of the core's state. */
import type { NodeId } from "../../wire/ids.ts";
import type { Genesis } from "../../wire/message.ts";
import type { Origin } from "../kernel/types.ts";

export interface JoinState {
  nonce: string;
  attempts: number;
  startedAtMs: number;
  /** When the last JOIN went out to all. */
  announcedAtMs: number;
  readonly answers: Map<NodeId, { accountKnown: boolean; account: Genesis | null }>;
  responder: NodeId | null;
  target: Map<NodeId, number> | null;
  /** The discovery window is open. */
  discovering: boolean;
  /** The ledger covers `target`. */
  synchronised: boolean;
  /** Write of the freshly minted account; null: none under way. */
  mintWriteId: number | null;
  /** Somebody else knows our account as we do (or it came from our own store). */
  confirmed: boolean;
  /** The account is known to others and our store was empty. */
  lostDisk: boolean;
  /** Joiners that have not been answered: nonce and address. */
  readonly waiting: Map<NodeId, { readonly nonce: string; readonly address: string }>;
  /** Ids claimed by two processes, until the older one answered or kept silent. */
  readonly contests: Map<NodeId, IdContest>;
  /** Who has told that its group has no room; null: nobody. */
  fullBy: NodeId | null;
  /** Another process with our id, as a third node told us. */
  rivalAddress: string | null;
  /** A process with our id that gave way to us. */
  beatenAddress: string | null;
  staleWrite: { readonly writeId: number; readonly incarnation: number } | null;
  /** The highest incarnation of a former process that some member takes this READY one for; 0: nobody does. */
  mistakenFor: number;
  announcedReady: boolean;
}

/** The newcomer waits while the known process is asked at its last address. */
export interface IdContest {
  readonly known: { readonly bootId: string; readonly address: string };
  readonly newcomer: Origin;
  readonly nonce: string | null;
  pingSeq: number;
  tries: number;
}
