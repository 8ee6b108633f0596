/**
 * Checks of the money that no journal can make: what is on whose disk. Money, order and causes are judged by the journal (journal-watch.ts); these books
 * hold which debit is known where, on which disk it still is, and what was lost with a disk.
 *
 * S4: numbers have no gap, in memory either. S5: no node has what its payer could still forget. S7: a log is fenced only with a majority's promises and above everything that a disk has.
 * S10: no number is used again, after a lost disk either. S1: an account is issued once, and no node promises more than it has.
 */
import { isFence } from "../../../node/core/ledger/ledger.ts";
import type { NodeState } from "../../../node/core/state.ts";
import type { TradeRecord } from "../../../node/wire/message.ts";
import type { DiskImage } from "../world/sim-disk.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

/** A debit as the whole cluster must see it. */
interface KnownRecord {
  readonly isFence: boolean;
  readonly text: string;
  readonly tradeId: string;
}

interface Replica {
  checked: number;
  /** -1: not even the one that its own store held. */
  snapshots: number;
  accounts: number;
  readonly clock: Map<number, number>;
  /** Number of the last fence that it has of each fenced log. */
  readonly fences: Map<number, number>;
}

export class Books {
  /** Records delivered anywhere, over all replicas: proof that the checks had something to check. */
  deliveries = 0;
  private readonly replicas = new Map<SimNode, Replica>();
  private readonly known = new Map<string, KnownRecord>();
  private readonly keyOfTrade = new Map<string, string>();
  private readonly nodes = new Map<number, SimNode>();
  /** Nonce under which nodes other than its owner know an account. */
  private readonly issues = new Map<number, string>();
  /** Debits and accounts that were on a disk which was lost, and are known elsewhere: they still count as durable. */
  private readonly vouched = new Set<string>();
  /** Debits that were on a lost disk only. A datagram may still bring one back. */
  private readonly orphans = new Map<string, KnownRecord>();
  /** Numbers of the fences of each log. */
  private readonly fences = new Map<number, number[]>();
  private readonly lossAccepted = new Set<number>();
  private readonly lostDisks = new Set<number>();
  private readonly judge: Judge;

  constructor(judge: Judge) {
    this.judge = judge;
  }

  onBoot(node: SimNode): void {
    if (node.slot === node.id) this.nodes.set(node.id, node);
    this.replicas.set(node, { checked: 0, snapshots: -1, accounts: 0, clock: new Map(), fences: new Map() });
  }

  /** The process is gone; what its disk didn't keep never happened, unless somebody else has seen it. */
  onDown(node: SimNode): void {
    // A second process with the id of another one.
    if (node.slot !== node.id) return;
    const durable = node.store.durableSeq(node.id);
    for (const [key, record] of this.known) {
      const [origin, seq] = parseKey(key);
      if (origin === node.id && seq > durable && !this.vouched.has(key)) this.forget(key, record);
    }
  }

  /**
   * Called before a disk is emptied, or an older copy put back. Durability is one disk: what nobody else has is lost with it, and what
   * the others had of lost disks, when theirs are lost too.
   */
  onDiskLost(node: SimNode, image: DiskImage | null): void {
    this.lostDisks.add(node.id);
    const others = [...this.nodes.values()].filter((other) => other !== node);
    for (const [key, record] of this.known) {
      const [origin, seq] = parseKey(key);
      const isOwn = origin === node.id;
      if (isOwn ? seq <= (image?.counts.get(origin) ?? 0) : !this.vouched.has(key)) continue;
      if (others.some((other) => hasRecord(other, origin, seq))) {
        this.vouched.add(key);
      } else {
        this.forget(key, record);
        this.orphans.set(key, record);
      }
    }
    for (const [id, nonce] of this.issues) {
      const isOwn = id === node.id;
      const isKept = isOwn ? image?.accounts.get(id)?.nonce === nonce : !this.vouched.has(`${id}:${nonce}`);
      if (isKept) continue;
      if (others.some((other) => hasAccount(other, id))) this.vouched.add(`${id}:${nonce}`);
      else this.issues.delete(id);
    }
  }

  onLossAccepted(id: number): void {
    this.lossAccepted.add(id);
  }

  onStep(node: SimNode, state: NodeState): void {
    const { reserved } = state.trading;
    if (reserved !== 0) this.checkReserve(node, state, reserved);
    const replica = this.replicas.get(node);
    if (replica === undefined) return;
    const { log, dropped, accounts } = state.ledger;
    const delivered = dropped + log.length;
    const snapshots = state.counters.get("snapshots_taken") ?? 0;
    const isSame = delivered === replica.checked && snapshots === replica.snapshots;
    if (isSame && accounts.size === replica.accounts) return;
    this.checkIssues(node, state, replica.accounts);
    const news = delivered === replica.checked ? [] : log.slice(replica.checked - delivered);
    if (snapshots !== replica.snapshots) this.onJumps(node, state, replica, news);
    for (const record of news) this.onDelivered(node, replica, record);
    Object.assign(replica, { checked: delivered, snapshots, accounts: accounts.size });
  }

  /** `payer/number` of an executed trade; undefined: nobody executed it. */
  executedAs(tradeId: string): string | undefined {
    return this.keyOfTrade.get(tradeId);
  }

  /** Trades executed anywhere and not forgotten by a crash. */
  get executed(): number {
    return this.keyOfTrade.size;
  }

  private forget(key: string, record: KnownRecord): void {
    this.known.delete(key);
    this.keyOfTrade.delete(record.tradeId);
    if (record.isFence) this.fences.get(parseKey(key)[0])?.pop();
  }

  /** A vector ahead of what was delivered is that of a snapshot, from the own store or another node. */
  private onJumps(node: SimNode, state: NodeState, replica: Replica, news: readonly TradeRecord[]): void {
    const jumps = new Map<number, number>();
    for (const [origin, last] of state.ledger.clock) {
      const seq = last - news.filter((record) => record.seller_id === origin).length;
      if (seq > (replica.clock.get(origin) ?? 0)) jumps.set(origin, seq);
    }
    for (const [origin, seq] of jumps) replica.clock.set(origin, seq);
    for (const [origin, seq] of jumps) {
      const key = `${origin}/${seq}`;
      const fencedAt = state.ledger.accounts.get(origin)?.fencedAt ?? 0;
      if (fencedAt > 0 && fencedAt <= seq) replica.fences.set(origin, fencedAt);
      const fence = this.fences.get(origin)?.at(-1) ?? Number.POSITIVE_INFINITY;
      if (seq >= fence && fencedAt < fence) {
        const why = () => `node ${node.id} has ${key} of before the fence ${fence}, and nobody accepted its loss`;
        this.judge.require(this.lossAccepted.has(origin), "S7", why, origin);
        continue;
      }
      const isKnown = this.known.has(key) || this.orphans.has(key);
      this.judge.require(
        isKnown,
        "S5",
        () => `node ${node.id} has ${key} from a snapshot, and its payer has not`,
        origin,
      );
    }
  }

  private onDelivered(node: SimNode, replica: Replica, record: TradeRecord): void {
    const { seller_id: origin, seq } = record;
    const key = `${origin}/${seq}`;
    this.deliveries += 1;
    // What a node applies in memory and can't write down is in no line of its journal.
    const before = replica.clock.get(origin) ?? 0;
    this.judge.require(
      seq === before + 1,
      "S4",
      () => `node ${node.id} delivers ${key} after ${origin}/${before}`,
      origin,
    );
    if (isFence(record)) {
      const isOther = this.isOtherThanKnown(key, record);
      // A fence that only a lost disk and the absent had may be followed by another one under its number.
      if (origin === node.id && (isOther || this.fences.get(origin)?.includes(seq) !== true)) this.onFence(record);
      if (origin === node.id || !isOther) replica.fences.set(origin, seq);
    }
    // An account may be fenced more than once: a replica that missed one fence has numbers of before it, whatever came later.
    const passed = replica.fences.get(origin) ?? 0;
    const missed = this.fences.get(origin)?.find((fence) => fence > passed) ?? Number.POSITIVE_INFINITY;
    if (seq >= missed) {
      this.judge.require(
        this.lossAccepted.has(origin),
        "S7",
        () => `node ${node.id} has ${key} of before the fence ${missed}, and nobody accepted its loss`,
        origin,
      );
      replica.clock.set(origin, seq);
      return;
    }
    if (origin !== node.id) {
      const payer = this.nodes.get(origin);
      const isDurable = payer === undefined || payer.store.durableSeq(origin) >= seq || this.vouched.has(key);
      this.judge.require(
        isDurable || this.orphans.has(key),
        "S5",
        () => `node ${node.id} delivers ${key}, which its payer has not on disk`,
        origin,
      );
    }
    const known = this.known.get(key) ?? this.learn(node, key, record);
    const text = textOf(record);
    // Of others' disks that were lost the journal's checkers say nothing.
    if (origin === node.id || this.lostDisks.has(origin))
      this.judge.require(
        known.text === text,
        "S10",
        () => `number ${key} is used again: at node ${node.id} it is ${text}, and was ${known.text}`,
        origin,
      );
    replica.clock.set(origin, seq);
  }

  private isOtherThanKnown(key: string, record: TradeRecord): boolean {
    const known = this.known.get(key);
    return known !== undefined && known.text !== textOf(record);
  }

  /** The first delivery is the payer's own (M3): anywhere else the record would have left before it was durable. */
  private learn(node: SimNode, key: string, record: TradeRecord): KnownRecord {
    const text = textOf(record);
    const orphan = this.orphans.get(key);
    const isBack = orphan?.text === text;
    this.judge.require(
      isBack || node.id === record.seller_id,
      "S5",
      () => `node ${node.id} delivers ${key}, which its payer has not on disk`,
      record.seller_id,
    );
    const { nonce } = node.state?.ledger.accounts.get(record.seller_id)?.genesis ?? {};
    const issued = this.issues.get(record.seller_id) ?? nonce;
    this.judge.require(
      nonce === issued,
      "S1",
      () => `node ${node.id} pays from an account that was issued twice: as ${nonce}, and to others as ${issued}`,
      record.seller_id,
    );
    const known =
      orphan !== undefined && isBack ? orphan : { isFence: isFence(record), text, tradeId: record.trade_id };
    if (isBack) this.vouched.add(key);
    this.orphans.delete(key);
    this.known.set(key, known);
    this.keyOfTrade.set(record.trade_id, key);
    return known;
  }

  /** S7. What the fence gives up is like what a lost disk alone had, for nodes that still find it. */
  private onFence({ seller_id: origin, seq }: TradeRecord): void {
    const voters = this.nodes.get(origin)?.config.voters ?? [];
    const promised = voters.filter((id) => id === origin || this.nodes.get(id)?.store.hasPromised(origin) === true);
    this.judge.require(
      voters.length === 0 || promised.length > voters.length / 2,
      "S7",
      () => `node ${origin} fences its log at ${seq} with the promises of [${promised.join(", ")}] alone`,
      origin,
    );
    for (const other of this.nodes.values()) {
      const has = other.id === origin ? 0 : other.store.durableSeq(origin);
      this.judge.require(
        has < seq || this.lossAccepted.has(origin),
        "S7",
        () => `node ${origin} fences its log at ${seq}, node ${other.id} has ${has} of it on its disk`,
        origin,
      );
    }
    for (const [key, record] of this.known) {
      const [owner, number] = parseKey(key);
      if (owner !== origin || number < seq) continue;
      this.forget(key, record);
      this.vouched.delete(key);
      this.orphans.set(key, record);
    }
    this.fences.set(origin, [...(this.fences.get(origin) ?? []), seq]);
  }

  /** S5: an account that others know is on its owner's disk. S1: it is issued once. */
  private checkIssues(node: SimNode, state: NodeState, checked: number): void {
    // An account stays what it is in a replica, and new ones come behind those that were looked at.
    if (state.ledger.accounts.size === checked) return;
    let index = 0;
    for (const [id, { genesis }] of state.ledger.accounts) {
      index += 1;
      if (index <= checked) continue;
      const owner = this.nodes.get(id);
      if (id === node.id || owner === undefined) continue;
      const issued = this.issues.get(id) ?? genesis.nonce;
      this.judge.require(
        issued === genesis.nonce,
        "S1",
        () => `account ${id} is issued twice: node ${node.id} knows it as ${genesis.nonce}, others as ${issued}`,
        id,
      );
      this.issues.set(id, genesis.nonce);
      const stored = owner.store.genesisOf(id)?.nonce;
      const isDurable = stored === genesis.nonce || this.vouched.has(`${id}:${genesis.nonce}`);
      this.judge.require(
        isDurable,
        "S5",
        () => `node ${node.id} knows account ${id} as ${genesis.nonce}, its owner's disk has ${stored}`,
        id,
      );
    }
  }

  private checkReserve(node: SimNode, state: NodeState, reserved: number): void {
    const balance = state.ledger.accounts.get(node.id)?.balance ?? 0;
    this.judge.require(
      reserved >= 0 && reserved <= balance,
      "S1",
      () => `node ${node.id} has promised ${reserved} of ${balance} credits`,
    );
  }
}

function hasRecord(node: SimNode, origin: number, seq: number): boolean {
  return node.store.durableSeq(origin) >= seq || (node.state?.ledger.clock.get(origin) ?? 0) >= seq;
}

function hasAccount(node: SimNode, id: number): boolean {
  return node.store.genesisOf(id) !== undefined || (node.state?.ledger.accounts.has(id) ?? false);
}

function parseKey(key: string): [number, number] {
  const at = key.indexOf("/");
  return [Number(key.slice(0, at)), Number(key.slice(at + 1))];
}

function textOf(record: TradeRecord): string {
  const { trade_id, buyer_id, seller_id, amount, seq, prev_hash, deps } = record;
  return JSON.stringify([trade_id, buyer_id, seller_id, amount, seq, prev_hash, [...deps]]);
}
