/**
 * A node of the original Python project as a model, over the simulator's network: its messages, its timers, its rules.
 *
 * Modelled is what its description says. Where its code does worse, the description counts; where the two differ in time, the quicker:
 *
 * - A failed peer is FAILED one check (1 s) after it was SUSPECTED, as in the code; the description has a second time-out of 10 s.
 * - An election without an answer ends. In the code it ends in a deadlock, so that survivors never agreed in any of twelve real runs.
 * - COORDINATOR ends an election that waits.
 * - Messages are sent once: what the code calls retries are attempts at a local send, and the first one succeeds. `confirmCopies` is
 *   for the five copies that the description promises.
 * - Not modelled: sockets that overflow, threads that block each other, the cost of Python. All of them make it worse.
 */
import type { Draw } from "../../../lab/sim/world/draw.ts";
import type { EventQueue } from "../../../lab/sim/world/event-queue.ts";
import { addressOf, type Network } from "../../../lab/sim/world/network.ts";

/** Its config.py, in milliseconds. */
export const ORIGINAL_TIMING = { heartbeatMs: 2_000, timeoutMs: 10_000, checkMs: 1_000, electionMs: 5_000 };

type Payload = Readonly<Record<string, unknown>>;

interface Datagram {
  readonly message_type: string;
  readonly sender_id: number;
  readonly payload: Payload;
}

interface PendingTrade {
  readonly type: "buy" | "sell";
  readonly amount: number;
}

export interface OriginalWorld {
  readonly queue: EventQueue;
  readonly network: Network;
  readonly draw: Draw;
  readonly confirmCopies: number;
  /** `by` holds `of` for SUSPECTED or FAILED from now on. */
  readonly onStanding: (by: number, of: number, state: "SUSPECTED" | "FAILED") => void;
  /** `by` has executed its side of a trade. */
  readonly onExecuted: (tradeId: string, by: number) => void;
}

export class OriginalNode {
  isRunning = false;
  /** The prompt takes commands. */
  isReady = false;
  coordinator: number | null = null;
  balance = 100;
  private life = 0;
  private readonly lastHeardMs = new Map<number, number>();
  private readonly suspected = new Set<number>();
  private electing = false;
  private tradesMade = 0;
  private readonly pending = new Map<string, PendingTrade>();
  private readonly done = new Set<string>();

  readonly id: number;
  private readonly world: OriginalWorld;

  constructor(id: number, world: OriginalWorld) {
    this.id = id;
    this.world = world;
  }

  /** Nobody but itself is known: no `--nodes`. JOIN, then a heartbeat's time to hear of a coordinator, then an election. */
  start(): void {
    this.life += 1;
    this.isRunning = true;
    this.coordinator = null;
    this.balance = 100;
    this.world.network.attach(this.id, (datagram) => this.receive(datagram));
    this.beat();
    this.after(ORIGINAL_TIMING.heartbeatMs, () => this.check());
    this.announce("JOIN");
    this.after(200 + ORIGINAL_TIMING.heartbeatMs, () => {
      this.isReady = true;
      if (this.coordinator === null) this.startElection();
    });
  }

  /** Everything is in memory. */
  kill(): void {
    this.life += 1;
    this.isRunning = false;
    this.isReady = false;
    this.electing = false;
    this.world.network.detach(this.id);
    for (const table of [this.lastHeardMs, this.suspected, this.pending, this.done]) table.clear();
  }

  /** Returns the trade's id, or null when it is refused at once. */
  propose(type: "buy" | "sell", peer: number, amount: number): string | null {
    if (!this.isReady || !this.lastHeardMs.has(peer) || this.suspected.has(peer)) return null;
    if (type === "sell" && this.balance < amount) return null;
    this.tradesMade += 1;
    const tradeId = `${this.id}-${peer}-${this.tradesMade}`;
    this.pending.set(tradeId, { type, amount });
    this.unicast(peer, "TRADE_REQUEST", { target_id: peer, amount, trade_type: type, trade_id: tradeId });
    return tradeId;
  }

  // Detection: heartbeats, and a look at their age every second -----------------------------------------------------------------

  private beat(): void {
    this.multicast("HEARTBEAT", { credits: this.balance });
    this.after(ORIGINAL_TIMING.heartbeatMs, () => this.beat());
  }

  private check(): void {
    for (const [peer, heardMs] of this.lastHeardMs) {
      if (this.world.queue.nowMs - heardMs <= ORIGINAL_TIMING.timeoutMs) continue;
      if (!this.suspected.has(peer)) {
        this.suspected.add(peer);
        this.world.onStanding(this.id, peer, "SUSPECTED");
        continue;
      }
      this.forget(peer);
      this.world.onStanding(this.id, peer, "FAILED");
      if (peer === this.coordinator) this.startElection();
    }
    this.after(ORIGINAL_TIMING.checkMs, () => this.check());
  }

  private forget(peer: number): void {
    this.lastHeardMs.delete(peer);
    this.suspected.delete(peer);
  }

  // Bully -----------------------------------------------------------------------------------------------------------------------

  private startElection(): void {
    if (this.electing) return;
    this.electing = true;
    const higher = [...this.lastHeardMs.keys()].filter((peer) => peer > this.id);
    if (higher.length === 0) {
      this.declareVictory();
      return;
    }
    for (const peer of higher) this.unicast(peer, "ELECTION", {});
    this.after(ORIGINAL_TIMING.electionMs, () => {
      if (this.electing) this.declareVictory();
    });
  }

  private declareVictory(): void {
    this.electing = false;
    this.coordinator = this.id;
    this.announce("COORDINATOR");
  }

  /** «Reliable» multicast: three copies. */
  private announce(type: "JOIN" | "COORDINATOR"): void {
    for (const afterMs of [0, 100, 200]) this.after(afterMs, () => this.multicast(type, {}));
  }

  // Messages --------------------------------------------------------------------------------------------------------------------

  private receive(datagram: Uint8Array): void {
    const { message_type, sender_id, payload } = JSON.parse(new TextDecoder().decode(datagram)) as Datagram;
    switch (message_type) {
      case "HEARTBEAT":
        this.noteLife(sender_id);
        return;
      case "JOIN":
        this.noteLife(sender_id);
        if (this.coordinator === this.id) this.welcome(sender_id);
        return;
      case "JOIN_RESPONSE":
        this.coordinator = payload.coordinator_id as number;
        for (const peer of payload.known_nodes as number[]) if (peer !== this.id) this.noteLife(peer);
        return;
      case "ELECTION":
        this.unicast(sender_id, "OK", {});
        this.after(100, () => this.startElection());
        return;
      case "OK":
        // Somebody higher takes over; nobody looks whether it does.
        this.electing = false;
        return;
      case "COORDINATOR":
        // The node that spoke last.
        this.coordinator = sender_id;
        this.electing = false;
        return;
      default:
        this.onTrade(message_type, sender_id, payload);
    }
  }

  private noteLife(peer: number): void {
    this.lastHeardMs.set(peer, this.world.queue.nowMs);
    this.suspected.delete(peer);
  }

  private welcome(joiner: number): void {
    const known = [...this.lastHeardMs.keys(), this.id];
    const clock = Object.fromEntries(known.map((id) => [id, 1]));
    this.unicast(joiner, "JOIN_RESPONSE", { coordinator_id: this.id, known_nodes: known, clock_state: clock });
    this.announce("COORDINATOR");
  }

  // Money: three messages, each sent once, the initiator first ------------------------------------------------------------------

  private onTrade(type: string, from: number, payload: Payload): void {
    const tradeId = payload.trade_id as string;
    if (type === "TRADE_REQUEST") this.answer(from, tradeId, payload.trade_type as string, payload.amount as number);
    else if (type === "TRADE_RESPONSE" && payload.accepted === true) {
      this.execute(tradeId);
      for (let copy = 0; copy < this.world.confirmCopies; copy++)
        this.after(1_000 * copy, () => this.unicast(from, "TRADE_CONFIRM", { trade_id: tradeId, success: true }));
    } else if (type === "TRADE_CONFIRM") this.execute(tradeId);
    else this.pending.delete(tradeId);
  }

  private answer(from: number, tradeId: string, asked: string, amount: number): void {
    const accepted = asked === "sell" || this.balance >= amount;
    if (accepted) this.pending.set(tradeId, { type: asked === "sell" ? "buy" : "sell", amount });
    const reason = accepted ? {} : { reason: "Insufficient credits" };
    this.unicast(from, "TRADE_RESPONSE", { trade_id: tradeId, accepted, ...reason });
  }

  /** A seller without the credits leaves its trade pending; the confirmation says success all the same. */
  private execute(tradeId: string): void {
    const trade = this.pending.get(tradeId);
    if (trade === undefined || this.done.has(tradeId)) return;
    if (trade.type === "sell" && this.balance < trade.amount) return;
    this.pending.delete(tradeId);
    this.done.add(tradeId);
    this.balance += trade.type === "buy" ? trade.amount : -trade.amount;
    this.world.onExecuted(tradeId, this.id);
  }

  // Plumbing --------------------------------------------------------------------------------------------------------------------

  private multicast(type: string, payload: Payload): void {
    this.world.network.send(this.id, this.encode(type, payload), { multicast: true, addresses: [] });
  }

  private unicast(to: number, type: string, payload: Payload): void {
    this.world.network.send(this.id, this.encode(type, payload), { multicast: false, addresses: [addressOf(to)] });
  }

  private encode(type: string, payload: Payload): Uint8Array {
    const clock = type === "HEARTBEAT" ? null : Object.fromEntries([...this.lastHeardMs.keys()].map((id) => [id, 1]));
    const frame = { message_type: type, sender_id: this.id, sender_priority: this.id, vector_clock: clock, payload };
    const timestamp = 1_768_000_000 + this.world.queue.nowMs / 1_000;
    return new TextEncoder().encode(JSON.stringify({ ...frame, timestamp }));
  }

  /** In this life of the process only; up to a millisecond late, as its threads wake up. */
  private after(delayMs: number, run: () => void): void {
    const { life } = this;
    this.world.queue.after(delayMs + this.world.draw.fraction(), () => {
      if (this.life === life) run();
    });
  }
}
