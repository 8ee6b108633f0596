/**
 * The promises that a schedule may expect to be kept, computed from its moves. Promises rest on premises (node/PROTOCOL.md#promises):
 * disks keep what they confirmed, or enough others have it. Where a move takes a premise away, the promise may break, but not in
 * silence: some node must name the contradiction or stop.
 */

import type { Message } from "../../../node/wire/message.ts";
import type { Property } from "../checks/judge.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";
import type { DiskImage } from "../world/sim-disk.ts";
import type { SimNode } from "../world/sim-node.ts";

/** Promises that rest on the memory of one account. */
const ACCOUNT: readonly Property[] = ["S2", "S3", "S4", "S5", "S7", "S10"];
/** What was spent twice is missing from others' balances. */
const SUMS: readonly Property[] = ["S1"];
/** Promises that need a majority of the voters. */
const GROUP: readonly Property[] = ["L1", "L2", "L3", "L5"];
const VOTES: readonly Property[] = ["S6"];

export class Premises {
  private readonly sim: SimCluster;
  private readonly lost = new Set<number>();
  /** Only a person gets the group out of it. */
  private needsDecision = false;

  constructor(sim: SimCluster) {
    this.sim = sim;
    const { voters } = sim.config;
    const there = voters.filter((id) => sim.ids.includes(id));
    // A new account needs a strict majority of the voters beside its owner.
    const isShort = voters.length === 1 ? there.length === 0 : there.length - 1 <= (voters.length - 1) / 2;
    if (voters.length > 0 && isShort) sim.excuse(GROUP, `${there.length} of ${voters.length} voters exist`);
    for (const node of sim.nodes.values()) if (!node.config.durable) this.onMemoryOnly(node);
  }

  /** A node may wait for what only a person can decide: two that lost their disks wait for each other. */
  get needsPerson(): boolean {
    return this.needsDecision || this.lost.size > 1 || this.sim.excuses.reasons.size > 0;
  }

  /** Before these disks are replaced by empty ones. */
  onDisksLost(ids: readonly number[]): void {
    for (const id of ids) this.lost.add(id);
    for (const id of this.lost) this.requireWitnesses(id, ids);
    this.requireBallots();
  }

  /** Before an older copy of a disk is put back. */
  onOldDisk(id: number, image: DiskImage): void {
    const { store } = this.sim.node(id);
    this.lost.add(id);
    const isOlder = (image.counts.get(id) ?? 0) < store.durableSeq(id) || !image.accounts.has(id);
    if (isOlder) this.excuseAccounts([id], `the disk of node ${id} is older than its payments`);
    const forgotten = this.sim.ids.filter((other) => store.hasPromised(other) && !image.fences.has(other));
    if (forgotten.length > 0) this.excuseAccounts(forgotten, `node ${id} has forgotten a promise`);
    const isVoted = image.term < store.term || image.votedFor !== store.votedFor;
    if (isVoted && this.isVoter(id)) this.sim.excuse(VOTES, `the disk of voter ${id} is older than its votes`);
  }

  /**
   * A person gives up what absent nodes may have. Those who have it stop (CONFLICT), and need another disk.
   * @param ids those who are told so. A node without an account opens one, beside an older one that others may have on their disks
   */
  onLossAccepted(ids: readonly number[]): void {
    this.needsDecision = true;
    const isElsewhere = (id: number): boolean =>
      [...this.sim.nodes.values()].some(({ id: other, store }) => other !== id && store.genesisOf(id) !== undefined);
    const doubled = ids.filter((id) => this.sim.node(id).store.genesisOf(id) === undefined && isElsewhere(id));
    if (doubled.length > 0) this.excuseAccounts(doubled, `node ${doubled.join(", ")} opens a second account`);
  }

  /** Before a second process with that id starts. */
  onTwin(id: number): void {
    this.excuseAccounts([id], `two processes run as node ${id}`);
    if (this.isVoter(id)) this.sim.excuse(VOTES, `two processes run as voter ${id}`);
  }

  /** Before the node starts with another list of voters. */
  onOtherVoters(id: number): void {
    this.sim.excuse(VOTES, `node ${id} has another list of voters`);
  }

  onFullGroup(): void {
    this.needsDecision = true;
    this.sim.excuse(["L5"], "the group has no room for another account");
  }

  /** Before a member with the key says something. False: it may not, in a schedule without forgeries. */
  onLie(message: Message, forges: boolean): boolean {
    this.needsDecision = true;
    const forged = accountsIn(message);
    if (forged.length > 0 && !forges) return false;
    if (forged.length > 0) this.excuseAccounts(forged, "a member forges accounts and payments");
    // The others believe that until the named node speaks or is missed.
    if ("elected" in message.payload && message.payload.elected)
      this.sim.excuse(VOTES, "a member names an elected coordinator");
    return true;
  }

  private onMemoryOnly({ id }: SimNode): void {
    this.excuseAccounts([id], `node ${id} has its account in memory only`);
    if (this.isVoter(id)) this.sim.excuse(VOTES, `voter ${id} has its votes in memory only`);
  }

  /** An account is issued again unless a majority of the voters beside its owner has it on disk. */
  private requireWitnesses(id: number, gone: readonly number[]): void {
    const witnesses = this.sim.config.voters.filter((voter) => voter !== id);
    const knowing = witnesses.filter(
      (voter) => !gone.includes(voter) && this.sim.nodes.get(voter)?.store.genesisOf(id) !== undefined,
    );
    if (knowing.length > witnesses.length / 2) return;
    this.excuseAccounts([id], `the disks of ${knowing.length} of ${witnesses.length} other voters know account ${id}`);
  }

  private requireBallots(): void {
    const { voters } = this.sim.config;
    const lost = voters.filter((id) => this.lost.has(id));
    if (lost.length > 0 && lost.length >= voters.length / 2)
      this.sim.excuse(VOTES, `${lost.length} of ${voters.length} voters have lost their votes`);
  }

  private excuseAccounts(accounts: readonly number[], reason: string): void {
    this.sim.excuse(ACCOUNT, reason, accounts);
    this.sim.excuse(SUMS, reason);
  }

  private isVoter(id: number): boolean {
    return this.sim.config.voters.includes(id);
  }
}

/** The accounts of which a message says what only their owners may. */
function accountsIn({ message_type: type, payload }: Message): number[] {
  if (type === "TRADE_CONFIRM") return [payload.seller_id];
  if (type === "JOIN" || type === "JOIN_RESPONSE") return payload.account === null ? [] : [payload.account.id];
  if (type !== "STATE_CHUNK") return [];
  const { accounts, records, snapshot } = payload;
  return [...accounts, ...(snapshot?.parts ?? [])].map(({ id }) => id).concat(records.map((one) => one.seller_id));
}
