// A few money cores between a small virtual network and disks: enough to test ledger, causal order, repair and trades on their own,
// without membership, detection or elections. Everything that is sent goes through the real codec.
import { createCausal } from "../../node/core/causal/causal-state.ts";
import { createRandom, drawBelow, type RandomState } from "../../node/core/kernel/random.ts";
import type { BuyIntent, Recovered, Row } from "../../node/core/kernel/rows.ts";
import { RULES } from "../../node/core/kernel/rules.ts";
import { createTimers, fireTimer, nextTimeoutMs, takeDue } from "../../node/core/kernel/timers.ts";
import { TIMING_DEFAULT } from "../../node/core/kernel/timing.ts";
import type { CommandResult, CoreConfig, Effect, Origin } from "../../node/core/kernel/types.ts";
import { createLedger, durableClock, ledgerHash, mintAccount } from "../../node/core/ledger/ledger.ts";
import { messageHandlers, moneyTimers, onMoneyStored, onMoneyStoreFailed } from "../../node/core/lifecycle/storage.ts";
import { createMember } from "../../node/core/membership/members.ts";
import { createRecovery } from "../../node/core/recovery/recovery-state.ts";
import { buildDigest, onDigest } from "../../node/core/replication/repair.ts";
import type { NodeState } from "../../node/core/state.ts";
import { createTrading, onTradeCommand } from "../../node/core/trading/commands.ts";
import { decodeMessage, encodeMessage } from "../../node/wire/codec.ts";
import type { JournalEvent } from "../../node/wire/journal.ts";
import type { Genesis, Message, TradeRecord } from "../../node/wire/message.ts";

export const CONFIG: CoreConfig = {
  initialCredits: 100,
  voters: [],
  expected: [],
  peers: new Map(),
  fanOut: false,
  preempt: true,
  durable: true,
  bodyBytesMax: 1_158,
  keepRecords: 4_096,
  isDetailed: true,
  timing: TIMING_DEFAULT,
};

export function addressOf(id: number): string {
  return `10.0.0.${id % 250}:${6_000 + id}`;
}

export function originOf(id: number, incarnation = 1): Origin {
  return { sender: id, incarnation, bootId: "0".repeat(16), address: addressOf(id) };
}

/** A node's state with the money half in place and `ids` as ALIVE members. */
export function createMoneyState(
  id: number,
  ids: readonly number[],
  options: { recovered?: Recovered; incarnation?: number; seed?: number; config?: Partial<CoreConfig> } = {},
): NodeState {
  const self = { id, incarnation: options.incarnation ?? 1, bootId: "0".repeat(16), address: addressOf(id) };
  const state = {
    config: { ...CONFIG, ...options.config },
    rules: RULES,
    self,
    nowMs: 0,
    phase: "READY",
    rinc: 0,
    random: createRandom(options.seed ?? id),
    timers: createTimers(),
    outbox: [] as Effect[],
    recalled: null,
    nextWriteId: 1,
    nextMsgId: 1,
    members: new Map(),
    counters: new Map(),
    rumours: { items: [] },
    join: { confirmed: true },
    ledger: createLedger(options.recovered),
    causal: createCausal(),
    trading: createTrading(options.recovered, self),
    recovery: createRecovery(self, options.recovered),
  } as unknown as NodeState;
  for (const other of ids) {
    if (other === id) continue;
    const member = createMember(other, 0, addressOf(other));
    Object.assign(member, { state: "ALIVE", incarnation: 1 });
    state.members.set(other, member);
  }
  return state;
}

export function genesisOf(id: number, initial = 100): Genesis {
  return { id, epoch: 1, nonce: id.toString(16).padStart(16, "0"), initial };
}

interface Disk {
  readonly accounts: Genesis[];
  readonly records: TradeRecord[];
  readonly intents: Map<string, BuyIntent>;
}

export interface Faults {
  /** Of 100 datagrams. */
  readonly lossPercent: number;
  readonly duplicatePercent: number;
  readonly delayMaxMs: number;
  readonly writeMaxMs: number;
}

export const CALM: Faults = { lossPercent: 0, duplicatePercent: 0, delayMaxMs: 2, writeMaxMs: 2 };

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** One process: state, disk, effects that wait for a write. */
export class MoneyNode {
  state: NodeState;
  readonly disk: Disk = { accounts: [], records: [], intents: new Map() };
  readonly journal: JournalEvent[] = [];
  readonly replies: { requestId: string; final: boolean; result: CommandResult }[] = [];
  readonly sent: Message[] = [];
  isUp = true;
  boots = 1;
  writesFail = false;
  held: { afterWrite: number; effect: Effect }[] = [];
  writing = new Set<number>();
  private writtenAtMs = 0;
  readonly id: number;
  private readonly cluster: MoneyCluster;

  constructor(cluster: MoneyCluster, id: number) {
    this.cluster = cluster;
    this.id = id;
    this.state = createMoneyState(id, cluster.ids, { seed: cluster.seed + id });
  }

  /** Runs `act` as one step: due timers first, effects after it. */
  step(act: (state: NodeState) => void): void {
    if (!this.isUp) return;
    this.state.nowMs = this.cluster.nowMs;
    this.fireTimers();
    act(this.state);
    this.fireTimers();
    const effects = this.state.outbox;
    this.state.outbox = [];
    for (const effect of effects) if (effect.type === "persist") this.write(effect.writeId, effect.rows);
    for (const effect of effects) if (effect.type !== "persist") this.performOrHold(effect);
    const deadlineMs = nextTimeoutMs(this.state.timers);
    if (deadlineMs !== null) this.later(Math.max(deadlineMs, this.cluster.nowMs) + 1, () => this.step(() => undefined));
  }

  command(
    op: "sell" | "buy",
    peer: number,
    amount: number,
    requestId: string,
    extra: { inc?: number; until?: "settled" | "accepted" } = {},
  ): void {
    const command = { op, peer, amount, requestId, inc: extra.inc ?? null, until: extra.until ?? "settled" } as const;
    this.step((state) => onTradeCommand(state, command));
  }

  finalReply(requestId: string): CommandResult | undefined {
    return this.replies.find((entry) => entry.requestId === requestId && entry.final)?.result;
  }

  messages(): string[] {
    return this.journal.map((event) => event.msg);
  }

  kill(): void {
    this.isUp = false;
    this.held = [];
    this.writing = new Set();
  }

  restart(): void {
    if (this.isUp) this.kill();
    this.isUp = true;
    this.boots += 1;
    const recovered = {
      term: 0,
      votedFor: null,
      accounts: [...this.disk.accounts],
      records: [...this.disk.records],
      intents: [...this.disk.intents.values()],
    };
    const { cluster, id, boots } = this;
    this.state = createMoneyState(id, cluster.ids, {
      recovered,
      incarnation: boots,
      seed: cluster.seed + id + 1_000 * boots,
    });
    this.state.nextWriteId = boots * 1_000_000;
    for (const node of cluster.nodes.values()) {
      const there = node.state.members.get(id);
      if (there !== undefined) there.incarnation = boots;
      const here = this.state.members.get(node.id);
      if (here !== undefined) here.incarnation = node.boots;
    }
    this.step(() => undefined);
  }

  private fireTimers(): void {
    for (
      let due = takeDue(this.state.timers, this.state.nowMs);
      due !== null;
      due = takeDue(this.state.timers, this.state.nowMs)
    ) {
      fireTimer(moneyTimers, this.state, due);
    }
  }

  private later(atMs: number, run: () => void): void {
    const boots = this.boots;
    this.cluster.at(atMs, () => {
      if (this.isUp && this.boots === boots) run();
    });
  }

  private write(writeId: number, rows: readonly Row[]): void {
    this.writing.add(writeId);
    const { writeMaxMs } = this.cluster.faults;
    this.writtenAtMs = Math.max(this.writtenAtMs, this.cluster.nowMs + drawBelow(this.cluster.random, writeMaxMs + 1));
    const fails = this.writesFail;
    this.later(this.writtenAtMs, () => {
      this.writing.delete(writeId);
      const released = this.held.filter((item) => item.afterWrite === writeId);
      this.held = this.held.filter((item) => item.afterWrite !== writeId);
      if (fails) {
        this.step((state) => onMoneyStoreFailed(state, writeId, "disk full"));
        return;
      }
      for (const row of rows) this.keep(row);
      for (const { effect } of released) this.perform(effect);
      this.step((state) => onMoneyStored(state, writeId));
    });
  }

  private keep(row: Row): void {
    if (row.table === "account") this.disk.accounts.push(row.account);
    else if (row.table === "record") this.disk.records.push(row.record);
    else if (row.table === "intent" && row.done) this.disk.intents.delete(row.intent.tradeId);
    else if (row.table === "intent") this.disk.intents.set(row.intent.tradeId, row.intent);
  }

  private performOrHold(effect: Effect): void {
    const afterWrite = "afterWrite" in effect ? effect.afterWrite : undefined;
    if (afterWrite !== undefined && this.writing.has(afterWrite)) this.held.push({ afterWrite, effect });
    else this.perform(effect);
  }

  private perform(effect: Effect): void {
    if (effect.type === "journal") this.journal.push(effect.event);
    else if (effect.type === "reply") this.replies.push(effect);
    else if (effect.type === "unicast") this.cluster.send(this, effect.to, effect.message);
    else if (effect.type === "multicast")
      for (const id of this.cluster.ids) if (id !== this.id) this.cluster.send(this, id, effect.message);
  }
}

export class MoneyCluster {
  nowMs = 0;
  faults: Faults = CALM;
  readonly nodes = new Map<number, MoneyNode>();
  readonly random: RandomState;
  /** Datagrams that don't arrive, whatever the dice say. */
  blocked: (from: number, to: number, message: Message) => boolean = () => false;
  largestBytes = 0;
  readonly ids: readonly number[];
  readonly seed: number;
  private queue: Pending[] = [];
  private order = 0;

  constructor(ids: readonly number[], seed = 1) {
    this.ids = ids;
    this.seed = seed;
    this.random = createRandom(seed);
    for (const id of ids) this.nodes.set(id, new MoneyNode(this, id));
    for (const node of this.nodes.values()) node.step((state) => void mintAccount(state));
    this.run(20);
    // As JOIN does: everybody learns everybody's account.
    this.gossip();
    this.run(500);
  }

  node(id: number): MoneyNode {
    return this.nodes.get(id) as MoneyNode;
  }

  at(atMs: number, run: () => void): void {
    const entry = { atMs, order: this.order++, run };
    let low = 0;
    let high = this.queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.queue[middle] as Pending).atMs <= atMs) low = middle + 1;
      else high = middle;
    }
    this.queue.splice(low, 0, entry);
  }

  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (let next = this.queue[0]; next !== undefined && next.atMs <= untilMs; next = this.queue[0]) {
      this.queue.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  /** What a heartbeat does for the money: everybody hears everybody's digest, over the faulty network. */
  gossip(maxRows = 256): void {
    for (const node of this.nodes.values()) {
      if (!node.isUp) continue;
      const digest = buildDigest(node.state, maxRows);
      const hash = ledgerHash(node.state);
      for (const id of this.ids) {
        const to = this.node(id);
        if (id === node.id || drawBelow(this.random, 100) < this.faults.lossPercent) continue;
        if (this.blocked(node.id, id, { message_type: "HEARTBEAT" } as Message)) continue;
        this.at(this.nowMs + 1, () => to.step((state) => onDigest(state, node.id, digest, hash)));
      }
    }
  }

  send(from: MoneyNode, toId: number, message: Message): void {
    const bytes = encodeMessage({ ...message, timestamp: 1_790_000_000_000 } as Message);
    this.largestBytes = Math.max(this.largestBytes, bytes.length);
    if (bytes.length > from.state.config.bodyBytesMax) throw new Error(`${message.message_type} of ${bytes.length} B`);
    from.sent.push(message);
    this.checkDurable(from, message);
    const to = this.nodes.get(toId);
    if (to === undefined || this.blocked(from.id, toId, message)) return;
    const { lossPercent, duplicatePercent, delayMaxMs } = this.faults;
    const copies = drawBelow(this.random, 100) < duplicatePercent ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (drawBelow(this.random, 100) < lossPercent) continue;
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) throw new Error(`${message.message_type}: ${decoded.reason} ${decoded.detail}`);
      const origin = originOf(from.id, from.boots);
      this.at(this.nowMs + 1 + drawBelow(this.random, delayMaxMs), () =>
        to.step((state) => dispatch(state, decoded.message, origin)),
      );
    }
  }

  /** S5: no datagram leaves before the record that it implies is on disk. */
  private checkDurable(from: MoneyNode, message: Message): void {
    const onDisk = (origin: number) => from.disk.records.filter((record) => record.seller_id === origin).length;
    if (
      message.message_type === "TRADE_CONFIRM" &&
      message.payload.seller_id === from.id &&
      onDisk(from.id) < message.payload.seq
    ) {
      throw new Error(`node ${from.id} confirms ${message.payload.seq} before it is on disk`);
    }
    if (message.message_type === "ACK" && onDisk(message.payload.origin) < message.payload.seq) {
      throw new Error(
        `node ${from.id} acknowledges ${message.payload.origin}/${message.payload.seq} before it is on disk`,
      );
    }
  }

  clocks(): string[] {
    return this.ids.map((id) => JSON.stringify([...durableClock(this.node(id).state)].sort(([a], [b]) => a - b)));
  }
}

export function dispatch(state: NodeState, message: Message, from: Origin): void {
  const handler = (messageHandlers as Record<string, (state: NodeState, message: Message, from: Origin) => void>)[
    message.message_type
  ];
  handler?.(state, message, from);
}
