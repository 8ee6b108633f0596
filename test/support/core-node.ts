/**
 * One core under a test's control: the test types its input, collects its effects, and decides when its disk completes.
 * Groups of nodes are the simulator's business (lab/sim); this is for single rules.
 */

import type { Recovered } from "../../node/core/kernel/rows.ts";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import type { CoreConfig, Effect, Input, Origin, Self } from "../../node/core/kernel/types.ts";
import { createMember } from "../../node/core/membership/members.ts";
import type { NodeState } from "../../node/core/state.ts";
import { create, nextDeadlineMs, step } from "../../node/core/step.ts";
import { DATAGRAM_BYTES_MAX, OVERHEAD_BYTES } from "../../node/wire/envelope.ts";
import { MEMBERS_MAX } from "../../node/wire/ids.ts";
import type { Genesis, Message, MessageType, Payload } from "../../node/wire/message.ts";
import { CALM_BEAT } from "./calm-beat.ts";

export interface Sent {
  readonly type: MessageType;
  /** Null: multicast. */
  readonly to: number | null;
  readonly address: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whichever payload it expects
  readonly payload: any;
  readonly afterWrite: number | undefined;
  readonly fanOut: readonly string[];
  readonly message: Message;
}

export function originOf(id: number, change: Partial<Origin> = {}): Origin {
  return {
    sender: id,
    incarnation: 1,
    bootId: id.toString(16).padStart(16, "b"),
    address: `10.0.0.${id}:6000`,
    ...change,
  };
}

export function genesisOf(id: number, nonce = id.toString(16).padStart(16, "0")): Genesis {
  return { id, epoch: 1, nonce, initial: 100 };
}

export class CoreNode {
  readonly state: NodeState;
  nowMs = 1_000;
  readonly effects: Effect[] = [];
  /** Persist effects that have not been completed. */
  readonly writes: number[] = [];

  /** Peers are where they speak from, as if they had been asked. False: they must answer for it. */
  provesAddresses = true;

  constructor(id: number, config: Partial<CoreConfig> = {}, self: Partial<Self> = {}, recovered?: Recovered) {
    const complete: CoreConfig = {
      initialCredits: 100,
      voters: [],
      expected: [],
      peers: new Map(),
      fanOut: false,
      preempt: true,
      durable: true,
      bodyBytesMax: DATAGRAM_BYTES_MAX - OVERHEAD_BYTES,
      keepRecords: 4_096,
      isDetailed: false,
      timing: TIMING_FAST,
      ...config,
    };
    const { incarnation, bootId, address } = originOf(id);
    this.state = create(complete, { id, incarnation, bootId, address, ...self }, 7, recovered);
  }

  /** A node with an account in its store, started. */
  static started(id: number, config: Partial<CoreConfig> = {}): CoreNode {
    const recovered = { term: 0, votedFor: null, accounts: [genesisOf(id)], records: [], intents: [] };
    const node = new CoreNode(id, config, {}, recovered);
    node.feed({ type: "start" });
    return node;
  }

  /**
   * READY: with peers, when all of them were heard and the first of them has answered, and following the highest of them in term 1;
   * else leading alone.
   */
  static ready(id: number, config: Partial<CoreConfig> = {}, peers: readonly number[] = []): CoreNode {
    const node = CoreNode.started(id, { expected: peers, ...config });
    const claim = { coordinator_id: Math.max(...peers), term: 1, elected: true };
    for (const peer of [...peers].sort((a, b) => b - a)) node.beat(peer, claim);
    const [first] = peers;
    if (first === undefined) node.run(node.state.config.timing.discoveryMs + 5);
    else node.letIn(first, claim);
    return node;
  }

  feed(input: Input): Effect[] {
    const effects = [...step(this.state, input, this.nowMs)];
    this.effects.push(...effects);
    for (const effect of effects) if (effect.type === "persist") this.writes.push(effect.writeId);
    return effects;
  }

  receive<T extends MessageType>(from: number | Origin, type: T, payload: Payload<T>): Effect[] {
    const origin = typeof from === "number" ? originOf(from) : from;
    if (this.provesAddresses) this.prove(origin);
    const message = {
      message_type: type,
      sender_id: origin.sender,
      sender_priority: origin.sender,
      vector_clock: null,
      payload,
      timestamp: 0,
    } as unknown as Message;
    return this.feed({ type: "message", message, from: origin });
  }

  private prove({ sender, address }: Origin): void {
    const { members, self } = this.state;
    const isNew = !members.has(sender);
    if (sender === self.id || (isNew && members.size >= MEMBERS_MAX - 1)) return;
    const member = members.get(sender) ?? createMember(sender, this.nowMs);
    if (!member.isProven) Object.assign(member, { address, isProven: true });
    members.set(sender, member);
  }

  join(from: number | Origin, change: Partial<Payload<"JOIN">> = {}): Effect[] {
    return this.receive(from, "JOIN", {
      msg_id: "m",
      boot_id: "0000000000000001",
      nonce: "00000000000000aa",
      proto: { min: 2, max: 2 },
      account: null,
      have_hash: "0000000000000000",
      ...change,
    });
  }

  answerJoin(from: number | Origin, change: Partial<Payload<"JOIN_RESPONSE">> = {}): Effect[] {
    return this.receive(from, "JOIN_RESPONSE", {
      msg_id: "m",
      nonce: this.state.join.nonce,
      coordinator_id: null,
      term: 0,
      elected: false,
      known_nodes: new Map(),
      clock_state: new Map(),
      account: null,
      phase: "READY",
      proto: { min: 2, max: 2 },
      ...change,
    });
  }

  /** `by` answers JOIN, and has nothing that this node lacks. */
  letIn(by: number, change: Partial<Payload<"JOIN_RESPONSE">> = {}): void {
    this.answerJoin(by, change);
    this.receive(by, "STATE_CHUNK", { index: 0, next: null, last: true, members: [], accounts: [], records: [] });
    this.run(0, false);
  }

  beat(from: number | Origin, change: Partial<Payload<"HEARTBEAT">> = {}): Effect[] {
    return this.receive(from, "HEARTBEAT", { ...CALM_BEAT, ...change });
  }

  /** Completes all writes, in order. */
  store(): Effect[] {
    return this.writes.splice(0).flatMap((writeId) => this.feed({ type: "stored", writeId }));
  }

  /** Lets `spanMs` pass with ticks at each deadline; writes complete at once unless `disk` is false. */
  run(spanMs: number, disk = true): void {
    const limitMs = this.nowMs + spanMs;
    for (let n = 0; n < 100_000; n++) {
      if (disk && this.writes.length > 0) this.store();
      const deadlineMs = nextDeadlineMs(this.state);
      if (deadlineMs === null || deadlineMs > limitMs) break;
      this.nowMs = Math.max(this.nowMs, deadlineMs);
      this.feed({ type: "tick" });
    }
    this.nowMs = limitMs;
  }

  sent(type?: MessageType): Sent[] {
    return this.effects.flatMap((effect) => {
      if (effect.type !== "unicast" && effect.type !== "multicast") return [];
      const { message } = effect;
      if (type !== undefined && message.message_type !== type) return [];
      const isUnicast = effect.type === "unicast";
      return [
        {
          type: message.message_type,
          to: isUnicast ? effect.to : null,
          address: isUnicast ? effect.address : null,
          payload: message.payload,
          afterWrite: effect.afterWrite,
          fanOut: isUnicast ? [] : effect.fanOut,
          message,
        },
      ];
    });
  }

  lines(): string[] {
    return this.effects.flatMap((effect) => (effect.type === "journal" ? [effect.event.msg] : []));
  }

  exit(): { code: number; reason: string } | null {
    for (const effect of this.effects) if (effect.type === "exit") return effect;
    return null;
  }

  clear(): this {
    this.effects.length = 0;
    return this;
  }

  peer(id: number): string | undefined {
    return this.state.members.get(id)?.state;
  }
}
