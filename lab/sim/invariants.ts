/**
 * The promises that must hold at every instant (PROTOCOL.md, properties S1 to S6 and S10), checked from outside while the cluster runs.
 *
 * The checker keeps its own books: who delivered which record when, what was on whose disk, who claimed which term. It reads a node's
 * state after each step and every datagram as it leaves, and throws at the first contradiction: the failing instant, not its echo.
 */
import type { CommandResult, Input, NodeState } from "../../node/core/types.ts";
import type { Message, TradeRecord } from "../../node/wire/message.ts";
import type { SimNode } from "./sim-node.ts";

export class InvariantError extends Error {
  readonly property: string;

  constructor(property: string, message: string) {
    super(`${property}: ${message}`);
    this.property = property;
    this.name = "InvariantError";
  }
}

/** A debit as the whole cluster must see it: what the payer had delivered when it appended it are its causes. */
interface KnownRecord {
  readonly text: string;
  readonly tradeId: string;
  /** `initiator/control request`; null: not asked for by a control request. */
  readonly request: string | null;
  readonly causes: ReadonlyMap<number, number>;
}

interface Replica {
  checked: number;
  accounts: number;
  readonly clock: Map<number, number>;
  term: number;
}

export class Invariants {
  /** Records delivered anywhere, over all replicas: proof that the checks had something to check. */
  deliveries = 0;
  private readonly replicas = new Map<SimNode, Replica>();
  private readonly known = new Map<string, KnownRecord>();
  private readonly keyOfTrade = new Map<string, string>();
  private readonly keyOfRequest = new Map<string, string>();
  private readonly ledgerOfClock = new Map<string, string>();
  private readonly electedInTerm = new Map<number, number>();
  private readonly refusedTrades = new Map<string, string>();
  private readonly settledTrades = new Set<string>();
  private readonly nodes = new Map<number, SimNode>();
  private readonly incarnations = new Map<SimNode, number>();

  onBoot(node: SimNode): void {
    // 1 after a longer life: the disk is an older copy, and the group's answer to JOIN has to put it right.
    const before = node.incarnation === 1 ? 0 : (this.incarnations.get(node) ?? 0);
    require(node.incarnation > before, "S10", () =>
      `node ${node.id} boots with incarnation ${node.incarnation} after ${before}`);
    this.incarnations.set(node, node.incarnation);
    if (node.slot === node.id) this.nodes.set(node.id, node);
    this.replicas.set(node, { checked: 0, accounts: 0, clock: new Map(), term: node.store.term });
  }

  /** The process is gone; what its disk didn't keep never happened, unless somebody else has seen it. */
  onDown(node: SimNode): void {
    const durable = node.store.durableSeq(node.id);
    for (const [key, record] of this.known) {
      const [origin, seq] = key.split("/").map(Number) as [number, number];
      if (origin !== node.id || seq <= durable) continue;
      this.known.delete(key);
      this.keyOfTrade.delete(record.tradeId);
      if (record.request !== null) this.keyOfRequest.delete(record.request);
      // Ledgers with that record in them can't come back; another record may get its number.
      this.ledgerOfClock.clear();
    }
  }

  onStep(node: SimNode, _input: Input): void {
    const state = node.state;
    const replica = this.replicas.get(node);
    if (state === null || replica === undefined) return;
    const { log, accounts } = state.ledger;
    if (log.length !== replica.checked || accounts.size !== replica.accounts) {
      this.checkIssues(node, state);
      for (; replica.checked < log.length; replica.checked++)
        this.onDelivered(node, replica, log[replica.checked] as TradeRecord);
      replica.accounts = accounts.size;
      this.checkMoney(node, state, replica);
    }
    this.checkTerms(node, state, replica);
  }

  /** S5: nothing leaves a node that its own disk could still forget. */
  onSend(node: SimNode, message: Message, to: number | null): void {
    const { store } = node;
    if (message.message_type === "HEARTBEAT") {
      for (const [origin, seq] of message.payload.digest) {
        require(store.durableSeq(origin) >= seq, "S5", () =>
          `node ${node.id} advertises ${origin}/${seq}, on its disk is ${store.durableSeq(origin)}`);
      }
    } else if (message.message_type === "TRADE_CONFIRM" && message.payload.seller_id === node.id) {
      require(store.durableSeq(node.id) >= message.payload.seq, "S5", () =>
        `node ${node.id} confirms debit ${message.payload.seq} before it is on disk`);
    } else if (message.message_type === "ACK") {
      const { origin, seq } = message.payload;
      require(store.durableSeq(origin) >= seq, "S5", () =>
        `node ${node.id} acknowledges ${origin}/${seq} before it is on disk`);
    } else if (message.message_type === "ELECTION" && message.payload.kind === "vote") {
      const isVoter = node.options.config.voters.includes(node.id);
      this.checkBallot(node, message.payload.term, isVoter ? node.id : null);
    } else if (message.message_type === "OK" && message.payload.kind === "vote" && message.payload.granted) {
      this.checkBallot(node, message.payload.round_term, to);
    }
  }

  onReply(node: SimNode, result: CommandResult): void {
    if (result.ok) {
      const data = result.data as { trade_id?: string; state?: string };
      if (data.trade_id === undefined) return;
      if (data.state !== "settled" && data.state !== "committed") return;
      this.settledTrades.add(data.trade_id);
      const key = this.keyOfTrade.get(data.trade_id);
      require(key !== undefined, "S3", () =>
        `node ${node.id} reports ${data.trade_id} as ${data.state}, nobody executed it`);
      const [origin, seq] = (key ?? "0/0").split("/").map(Number) as [number, number];
      if (origin === node.id)
        require(node.store.durableSeq(origin) >= seq, "S5", () =>
          `node ${node.id} reports ${data.trade_id} before it is on disk`);
    } else if (result.definite && result.tradeId !== undefined) {
      this.refusedTrades.set(result.tradeId, result.code);
      require(!this.keyOfTrade.has(result.tradeId), "S3", () =>
        `node ${node.id} refuses ${result.tradeId} (${result.code}), which was executed`);
    }
  }

  /** S3 at the end: what was reported is in the books, what was refused is not. */
  checkOutcomes(): void {
    for (const tradeId of this.settledTrades)
      require(this.keyOfTrade.has(tradeId), "S3", () => `${tradeId} was reported and then lost`);
    for (const [tradeId, code] of this.refusedTrades)
      require(!this.keyOfTrade.has(tradeId), "S3", () => `${tradeId} was refused (${code}) and then executed`);
  }

  /** Trades executed anywhere and not forgotten by a crash. */
  get executed(): number {
    return this.keyOfTrade.size;
  }

  private onDelivered(node: SimNode, replica: Replica, record: TradeRecord): void {
    const { seller_id: origin, seq } = record;
    const key = `${origin}/${seq}`;
    this.deliveries += 1;
    const before = replica.clock.get(origin) ?? 0;
    require(seq === before + 1, "S4", () => `node ${node.id} delivers ${key} after ${origin}/${before}`);
    if (origin !== node.id) {
      const payer = this.nodes.get(origin);
      require(payer === undefined || payer.store.durableSeq(origin) >= seq, "S5", () =>
        `node ${node.id} delivers ${key}, which its payer has not on disk`);
    }
    const known = this.known.get(key) ?? this.learn(node, replica, key, record);
    require(known.text === JSON.stringify(fieldsOf(record)), "S2", () =>
      `node ${node.id} has another ${key} than the rest: ${JSON.stringify(fieldsOf(record))} and ${known.text}`);
    for (const [cause, needed] of known.causes) {
      const have = replica.clock.get(cause) ?? 0;
      require(have >= needed, "S4", () =>
        `node ${node.id} delivers ${key}, which follows ${cause}/${needed}, and has only ${cause}/${have}`);
    }
    replica.clock.set(origin, seq);
  }

  /** A vote that is told to anybody is on disk; a later term on disk means that the vote is merely late. */
  private checkBallot(node: SimNode, term: number, candidate: number | null): void {
    const stored = `term ${node.store.term}, vote for ${node.store.votedFor}`;
    const isStored = node.store.term > term || (node.store.term === term && node.store.votedFor === candidate);
    require(isStored, "S5", () =>
      `node ${node.id} tells of a vote for ${candidate} in term ${term}, on its disk is ${stored}`);
  }

  /** The first delivery is the payer's own (M3): anywhere else the record would have left before it was durable. */
  private learn(node: SimNode, replica: Replica, key: string, record: TradeRecord): KnownRecord {
    require(node.id === record.seller_id, "S5", () =>
      `node ${node.id} delivers ${key}, which its payer has not on disk`);
    const other = this.keyOfTrade.get(record.trade_id);
    require(other === undefined, "S2", () => `trade ${record.trade_id} is executed as ${other} and as ${key}`);
    const initiator = record.trade_id.slice(0, record.trade_id.indexOf("-"));
    const request = record.request_id === undefined ? null : `${initiator}/${record.request_id}`;
    const twin = request === null ? undefined : this.keyOfRequest.get(request);
    require(twin === undefined, "S2", () => `request ${request} is executed as ${twin} and as ${key}`);
    if (request !== null) this.keyOfRequest.set(request, key);
    const text = JSON.stringify(fieldsOf(record));
    const known = { text, tradeId: record.trade_id, request, causes: new Map(replica.clock) };
    this.known.set(key, known);
    this.keyOfTrade.set(record.trade_id, key);
    return known;
  }

  /** S5: an account that others know is on its owner's disk. */
  private checkIssues(node: SimNode, state: NodeState): void {
    for (const [id, { genesis }] of state.ledger.accounts) {
      const owner = this.nodes.get(id);
      if (id === node.id || owner === undefined) continue;
      const stored = owner.store.genesisOf(id)?.nonce;
      require(stored === genesis.nonce, "S5", () =>
        `node ${node.id} knows account ${id} as ${genesis.nonce}, its owner's disk has ${stored}`);
    }
  }

  /** S1: money is neither made nor lost at any replica. S2: equal vectors mean equal ledgers. */
  private checkMoney(node: SimNode, state: NodeState, replica: Replica): void {
    let sum = 0;
    let minted = 0;
    const balances: string[] = [];
    const issues: string[] = [];
    for (const id of [...state.ledger.accounts.keys()].sort((a, b) => a - b)) {
      const account = state.ledger.accounts.get(id);
      if (account === undefined) continue;
      require(account.balance >= 0, "S1", () => `node ${node.id} sees node ${id} with ${account.balance} credits`);
      sum += account.balance;
      minted += account.genesis.initial;
      balances.push(`${id}:${account.balance}`);
      // A genesis that its owner's disk lost before anybody saw it may be minted again, under another nonce.
      issues.push(`${id}:${account.genesis.nonce}`);
    }
    require(sum === minted, "S1", () => `node ${node.id} counts ${sum} credits, ${minted} were issued`);
    const vector = [...replica.clock].filter(([, seq]) => seq > 0).sort(([a], [b]) => a - b);
    const key = `${vector.join(" ")} of ${issues.join(" ")}`;
    const ledger = balances.join(" ");
    const other = this.ledgerOfClock.get(key) ?? ledger;
    require(other === ledger, "S2", () => `at ${key} node ${node.id} has ${ledger}, another replica ${other}`);
    this.ledgerOfClock.set(key, ledger);
  }

  /** S6: at most one elected coordinator in a term, and terms never go back. */
  private checkTerms(node: SimNode, state: NodeState, replica: Replica): void {
    const { term, claimTerm, coordinator, elected } = state.election;
    require(term >= replica.term, "S6", () => `node ${node.id} goes back from term ${replica.term} to ${term}`);
    replica.term = term;
    if (coordinator === null || !elected) return;
    const other = this.electedInTerm.get(claimTerm) ?? coordinator;
    require(other === coordinator, "S6", () =>
      `node ${node.id} sees ${coordinator} elected in term ${claimTerm}, in which ${other} was elected`);
    this.electedInTerm.set(claimTerm, coordinator);
  }
}

function require(condition: boolean, property: string, describe: () => string): void {
  if (!condition) throw new InvariantError(property, describe());
}

function fieldsOf(record: TradeRecord): unknown {
  return [
    record.trade_id,
    record.buyer_id,
    record.seller_id,
    record.amount,
    record.seq,
    record.prev_hash,
    [...record.deps],
  ];
}
