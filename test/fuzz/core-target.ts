/**
 * One node under any sequence of inputs: valid messages of anybody (lies included), commands, time, writes that complete or fail, freezes.
 * Whatever comes, `step` doesn't throw, money is neither made nor lost, nothing leaves before it is on disk, terms, incarnations and
 * votes never go back, everything that is sent is valid and fits a datagram, and nothing grows without bound.
 */

import type { Recovered } from "../../node/core/kernel/rows.ts";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import type { CoreConfig, Effect, Input } from "../../node/core/kernel/types.ts";
import { conservation, durableClock } from "../../node/core/ledger/ledger.ts";
import type { NodeState } from "../../node/core/state.ts";
import { create, nextDeadlineMs, step } from "../../node/core/step.ts";
import { decodeMessage, encodeMessage } from "../../node/wire/codec.ts";
import { DATAGRAM_BYTES_MAX, OVERHEAD_BYTES } from "../../node/wire/envelope.ts";
import { MEMBERS_MAX, TERM_MAX } from "../../node/wire/ids.ts";
import type { Genesis, Message } from "../../node/wire/message.ts";
import { ByteSource } from "./byte-source.ts";
import { idFrom, messageFrom } from "./messages.ts";

const INPUTS_MAX = 400;
const SELF = 2;
/** Wall clock that the shell stamps in. */
const TIMESTAMP = 1_700_000_000_000;

/** Plays what the bytes say. Throws at the first promise that breaks. */
export function fuzzCore(bytes: Uint8Array): void {
  const source = new ByteSource(bytes);
  const node = new Subject(source);
  for (let i = 0; i < INPUTS_MAX && !source.isEmpty && !node.isOver; i++) node.feed(inputFrom(source, node));
}

class Subject {
  readonly state: NodeState;
  readonly writes: number[] = [];
  nowMs = 1_000;
  isOver = false;
  private readonly votes = new Map<number, number>();
  private term = 0;
  private incarnation = 1;

  constructor(source: ByteSource) {
    const config: CoreConfig = {
      initialCredits: 100,
      voters: source.bool() ? [] : [1, 2, 3],
      expected: source.bool() ? [] : [1, 3],
      peers: source.bool() ? new Map() : new Map([[1, "10.0.0.1:6001"]]),
      fanOut: source.bool(),
      preempt: source.bool(),
      durable: !source.bool(),
      bodyBytesMax: DATAGRAM_BYTES_MAX - OVERHEAD_BYTES,
      keepRecords: 16,
      isDetailed: false,
      timing: TIMING_FAST,
    };
    const self = { id: SELF, incarnation: 1, bootId: "b".repeat(16), address: "10.0.0.2:6002" };
    const genesis = (id: number): Genesis => ({ id, epoch: 1, nonce: id.toString(16).padStart(16, "0"), initial: 100 });
    const accounts = [1, 2, 3].map(genesis);
    const recovered: Recovered = { term: 0, votedFor: null, accounts, records: [], intents: [] };
    this.state = create(config, self, source.byte(), source.bool() ? undefined : recovered);
    this.feed({ type: "start" });
  }

  feed(input: Input): void {
    const effects = step(this.state, input, this.nowMs);
    for (const effect of effects) this.check(effect);
    this.checkState();
  }

  private check(effect: Effect): void {
    if (effect.type === "persist") this.writes.push(effect.writeId);
    if (effect.type === "exit") this.isOver = true;
    if (effect.type !== "unicast" && effect.type !== "multicast") return;
    const message = { ...effect.message, timestamp: TIMESTAMP };
    const encoded = encodeMessage(message);
    const { message_type: type } = message;
    const decoded = decodeMessage(encoded);
    if (!decoded.ok) throw new Error(`sends a ${type} that nobody takes: ${decoded.reason} ${decoded.detail}`);
    const { bodyBytesMax } = this.state.config;
    if (encoded.length > bodyBytesMax) throw new Error(`sends a ${type} of ${encoded.length} B`);
    if (effect.afterWrite === undefined || !this.writes.includes(effect.afterWrite)) this.checkDurable(message);
    if (type === "OK" && message.payload.kind === "vote" && message.payload.granted && effect.type === "unicast")
      this.checkVote(message.payload.round_term, effect.to);
  }

  /** S5, as far as this node's own disk goes. */
  private checkDurable(message: Message): void {
    const durable = durableClock(this.state);
    const claims: [number, number][] = [];
    if (message.message_type === "HEARTBEAT") claims.push(...message.payload.digest);
    if (message.message_type === "ACK") claims.push([message.payload.origin, message.payload.seq]);
    if (message.message_type === "TRADE_CONFIRM") claims.push([message.payload.seller_id, message.payload.seq]);
    for (const [id, seq] of claims)
      if ((durable.get(id) ?? 0) < seq)
        throw new Error(`S5: ${message.message_type} tells of ${id}/${seq}, on disk is ${durable.get(id)}`);
  }

  /** S6: one vote a term. */
  private checkVote(term: number, candidate: number): void {
    const given = this.votes.get(term) ?? candidate;
    if (given !== candidate) throw new Error(`S6: votes for ${given} and ${candidate} in term ${term}`);
    this.votes.set(term, given);
  }

  private checkState(): void {
    const { state } = this;
    const { election, ledger, causal, self, trading } = state;
    const { holds, balances, initials } = conservation(state);
    if (!holds) throw new Error(`S1: balances ${balances}, issued ${initials}`);
    if (!Number.isSafeInteger(balances)) throw new Error(`S1: ${balances} can't be counted`);
    if (election.term < this.term || election.term > TERM_MAX)
      throw new Error(`S6: term ${this.term} to ${election.term}`);
    this.term = election.term;
    if (self.incarnation < this.incarnation)
      throw new Error(`S10: incarnation ${this.incarnation} to ${self.incarnation}`);
    this.incarnation = self.incarnation;
    for (const [id, seq] of ledger.durable)
      if (seq > (ledger.clock.get(id) ?? -1)) throw new Error(`S5: ${id}/${seq} is durable and not delivered`);
    if (trading.reserved < 0) throw new Error(`M8: ${trading.reserved} reserved`);
    const sizes = { members: state.members.size, accounts: ledger.accounts.size, rumours: state.rumours.items.length };
    const bounds = { members: MEMBERS_MAX, accounts: MEMBERS_MAX, rumours: 512 };
    for (const [name, size] of Object.entries(sizes))
      if (size > bounds[name as keyof typeof bounds]) throw new Error(`${size} ${name}`);
    if (causal.held > 4_096) throw new Error(`${causal.held} held back`);
  }
}

function inputFrom(source: ByteSource, node: Subject): Input {
  const { state } = node;
  switch (source.below(16)) {
    case 0:
    case 1:
      node.nowMs += source.pick([0, 1, 20, 300, 2_000, 20_000]);
      return { type: "tick" };
    case 2:
    case 3: {
      const deadlineMs = nextDeadlineMs(state);
      if (deadlineMs !== null) node.nowMs = Math.max(node.nowMs, deadlineMs);
      return { type: "tick" };
    }
    case 4:
    case 5:
    case 6: {
      const writeId = node.writes.shift();
      return writeId === undefined ? { type: "tick" } : { type: "stored", writeId };
    }
    case 7: {
      const op = source.pick(["sell", "buy"] as const);
      const command = { op, requestId: `r${source.below(8)}`, peer: idFrom(source), amount: source.byte() };
      const until = source.pick(["settled", "accepted"] as const);
      return { type: "command", command: { ...command, inc: source.bool() ? null : source.below(3), until } };
    }
    case 8:
      switch (source.below(16)) {
        case 0:
          return { type: "stop" };
        case 1: {
          const writeId = node.writes.shift();
          return writeId === undefined ? { type: "tick" } : { type: "storeFailed", writeId, reason: "no space" };
        }
        case 2:
          node.nowMs += 1_000;
          return { type: "resumed", frozenMs: source.pick([10, 300, 5_000]) };
        case 3:
          return { type: "command", command: { op: "recover", requestId: "a", acceptLoss: source.bool() } };
        default:
          return { type: "command", command: { op: "election", requestId: "e" } };
      }
    default: {
      const sender = idFrom(source);
      const from = {
        sender,
        incarnation: source.pick([1, 1, 1, 2, 70_000, 0xffff_ffff]),
        bootId: source.below(4) === 3 ? source.hex64() : sender.toString(16).padStart(16, "b"),
        address: source.below(4) === 3 ? "10.0.0.9:9" : `10.0.0.${sender % 200}:6000`,
      };
      return { type: "message", message: messageFrom(source, sender, state), from };
    }
  }
}
