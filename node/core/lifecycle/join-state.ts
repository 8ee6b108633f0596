/** The slice of the state about joining, this node's own and that of others. */
import type { NodeId } from "../../wire/ids.ts";
import type { Genesis } from "../../wire/message.ts";
import type { OwnRival } from "./rivals.ts";

/** The first announcements are close together (a single loss costs 20 ms), later ones back off. */
export const EARLY_GAPS_MS = [20, 60] as const;

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
  /** So many of the expected nodes, from the first one on, were heard. */
  expectedHeard: number;
  /** The ledger covers `target`. */
  synchronised: boolean;
  /** Write of the freshly minted account; null: none under way. */
  mintWriteId: number | null;
  /** Enough others have the own account on their disks: it may pay and vote. */
  confirmed: boolean;
  /** The voters that have it. */
  readonly witnesses: Set<NodeId>;
  /** A person has ordered to mint without the witnesses that are away. */
  lossAccepted: boolean;
  /** The last line that was journalled about whom the account waits for. */
  told: string;
  /** Others know the account and the own store was empty. */
  lostDisk: boolean;
  /** Nonces of joiners that have not been answered. */
  readonly waiting: Map<NodeId, string>;
  /** The peer that said that its group has no room; null: none did. */
  fullBy: NodeId | null;
  /** A process that spoke under our id and was asked whether it is there. */
  rival: OwnRival | null;
  /** Another process with our id, as a third node told us. */
  rivalAddress: string | null;
  /** A process with our id that gave way to us. */
  beatenAddress: string | null;
  /** A later process of this node is known to others: this disk is an older copy, or another one. */
  isOutgrown: boolean;
  /** The time in which others may answer is over. */
  isOverdue: boolean;
  staleWrite: { readonly writeId: number; readonly incarnation: number } | null;
  /** A member takes this READY process for a former one: the highest incarnation that it knows; 0: none does. */
  mistakenFor: number;
  announcedReady: boolean;
}
