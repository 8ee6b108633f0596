/**
 * Strangers on the network, and a member that lies about packets: what was copied, damaged or forged changes nothing (S8), one term has one
 * elected coordinator (S6), and nobody is led astray or silenced for long. The same on real sockets: test/integration/attack-*.test.ts.
 */
import { describe, expect, it } from "vitest";
import { InvariantError } from "../../lab/sim/checks/judge.ts";
import { expectRecovery } from "../../lab/sim/cluster/liveness.ts";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { addressOf } from "../../lab/sim/world/network.ts";
import { SIM_KEYS } from "../../lab/sim/world/seal.ts";
import { type Copy, STRANGER_ADDRESS } from "../../lab/sim/world/stranger.ts";
import { WINDOW_PACKETS } from "../../node/runtime/replay-window.ts";
import { decodeBody, encodeMessage } from "../../node/wire/codec.ts";
import { audienceOf, peekBody, sealDatagram } from "../../node/wire/envelope.ts";
import type { Message, MessageType } from "../../node/wire/message.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/hostile.test.ts";

function messagesIn(datagram: Uint8Array): Message[] {
  return decodeBody(peekBody(datagram)).flatMap((decoded) => (decoded.ok ? [decoded.message] : []));
}

const typesIn = (datagrams: readonly Uint8Array[]): Set<MessageType> =>
  new Set(datagrams.flatMap((datagram) => messagesIn(datagram).map(({ message_type }) => message_type)));

/** Everything that any node sends from now on. */
function overhear(sim: SimCluster): Copy[] {
  const copies: Copy[] = [];
  sim.network.stranger.onHeard = (copy) => copies.push(copy);
  return copies;
}

const isGrant = (message: Message): boolean =>
  message.message_type === "OK" && message.payload.kind === "vote" && message.payload.granted;

describe("a stranger", () => {
  it("must change nothing with copies, parts and damaged datagrams, over restarts and lost disks too", () => {
    underSeeds(FILE, 6, (seed) => {
      const sim = new SimCluster({ nodes: 5, seed, hostile: 0.3, multicast: seed % 2 === 0 });
      sim.startAll();
      sim.runUntil(() => sim.agree(), 5_000, "agreement among strangers");
      for (let round = 0; round < 10; round++) {
        sim.sell(1 + (round % 5), 1 + ((round + 2) % 5), 5);
        sim.buy(1 + ((round + 1) % 5), 1 + (round % 5), 3);
        sim.runFor(60);
        if (round % 4 === 3) sim.restart(1 + (seed % 5));
      }
      expectRecovery(sim);
      expect(sim.network.stranger.sent).toBeGreaterThan(100);
    });
  });

  it("must not make a second coordinator in one term with votes that were given to another candidate", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = new SimCluster({ nodes: 5, seed, profile: "fast", multicast: false });
      sim.startAll();
      sim.runUntil(() => sim.agree(), 5_000, "agreement");
      const votes: Copy[] = [];
      sim.network.stranger.onHeard = (copy) => {
        if (messagesIn(copy.datagram).some(isGrant)) votes.push(copy);
      };
      sim.kill(5);
      sim.isolate(3);
      sim.runUntil(() => votes.length >= 2, 3_000, "two votes for node 4");
      const term = sim.node(4).state?.election.term;
      sim.command(3, { op: "election" });
      sim.runUntil(
        () =>
          sim.node(3).state?.election.candidacy?.stage === "voting" &&
          sim.node(3).state?.election.candidacy?.term === term,
        5_000,
        "node 3 asks for votes in the same term",
      );
      // From the voters' own addresses, and from another.
      for (const { datagram, from } of votes)
        for (const address of [addressOf(from), STRANGER_ADDRESS]) sim.network.stranger.send(datagram, 3, address);
      sim.runFor(5);
      expect(sim.node(3).state?.election.role).toBe("CANDIDATE");
      expect(sim.node(3).state?.election.candidacy?.votes).toEqual([3]);
      expect(sim.node(4).state?.election).toMatchObject({ coordinator: 4, elected: true });
    });
  });

  it("must be sent introductions alone for its copies, and neither delay a trade nor spoil an address", () => {
    underSeeds(FILE, 6, (seed) => {
      const sim = new SimCluster({ nodes: 4, seed, profile: "fast", multicast: seed % 2 === 0, loss: 0.1 });
      const { stranger } = sim.network;
      // The stranger sends all that nodes send to each other to everybody, from its own address. It keeps the datagrams that come to it:
      // one that passed on questions and answers, both ways and faster than the originals, would be a part of the path.
      stranger.onHeard = ({ datagram, to }) => {
        const types = typesIn([datagram]);
        const delayMs = types.has("PING") || types.has("PONG") ? 2 : 0;
        if (to.length > 0) for (const slot of sim.ids) stranger.send(datagram, slot, STRANGER_ADDRESS, delayMs);
      };
      sim.startAll();
      sim.runUntil(() => sim.agree(), 8_000, "agreement");
      sim.runFor(2_000);
      for (const id of sim.ids) {
        const command = sim.sell(id, (id % 4) + 1, 5);
        sim.runUntil(() => command.final !== null, 1_500, "a settled trade");
      }
      const introductions: readonly MessageType[] = ["PING", "PONG", "JOIN"];
      expect([...typesIn(stranger.received)].filter((type) => !introductions.includes(type))).toEqual([]);
      expect(stranger.received.length).toBeLessThan(stranger.sent / 10);
      expectRecovery(sim);
      // A copy of a newcomer's first word may be faster than itself: then its address is a guess, until it is asked.
      const isKnown = (): boolean =>
        sim
          .running()
          .every(({ state }) =>
            [...(state?.members.values() ?? [])].every(({ id, address }) => address === addressOf(id)),
          );
      sim.runUntil(isKnown, 5_000, "the right address of everybody");
    });
  });

  it("must find that everything that a process was sent is worthless to the next one", () => {
    underSeeds(FILE, 6, (seed) => {
      const sim = new SimCluster({ nodes: 3, seed, profile: "fast" });
      const copies = overhear(sim);
      sim.startAll();
      sim.runUntil(() => sim.agree(), 5_000, "agreement");
      for (let n = 0; n < 6; n++) sim.sell(1 + (n % 3), 1 + ((n + 1) % 3), 10);
      sim.runFor(500);
      const kept = copies.splice(0).filter(({ datagram }) => audienceOf(datagram) === "process");
      expect(typesIn(kept.map(({ datagram }) => datagram)).size).toBeGreaterThan(6);
      sim.restart(2);
      // The new process has no windows and knows nobody; S8 says if it takes one in (checks/datagrams.ts).
      for (const { datagram, from } of kept)
        for (const address of [addressOf(from), STRANGER_ADDRESS]) sim.network.stranger.send(datagram, 2, address);
      expectRecovery(sim);
    });
  });
});

describe("a member that speaks in another's name", () => {
  /** Its message in the name of node 2, to node 1. */
  function forge(sim: SimCluster, packetSeq: number): void {
    const [one, two] = [1, 2].map((slot) => sim.node(slot).state?.self);
    if (one === undefined || two === undefined) throw new Error("both must run");
    const message: Message = {
      message_type: "PONG",
      sender_id: 2,
      sender_priority: 2,
      vector_clock: null,
      payload: { nonce: "0".repeat(16), target: 2, ok: true, rumours: [] },
      timestamp: 0,
    };
    const header = { control: false, keyId: 1, sender: 2, incarnation: two.incarnation, bootId: two.bootId, packetSeq };
    sim.network.stranger.send(sealDatagram(header, encodeMessage(message), SIM_KEYS, one), 1);
  }

  it("must not silence that node, with one datagram or with many", () => {
    underSeeds(FILE, 10, (seed) => {
      // Nobody vouches for what the member seals.
      const sim = new SimCluster({ nodes: 3, seed, profile: "fast", blind: ["S8"] });
      sim.startAll();
      sim.runUntil(() => sim.agree(), 5_000, "agreement");
      forge(sim, 2 ** 47);
      for (let n = 1; n <= 5; n++) forge(sim, n * (WINDOW_PACKETS - 1_000));
      sim.runFor(5);
      for (let n = 0; n < 3; n++) {
        for (const [from, to] of [
          [2, 1],
          [1, 2],
        ] as const) {
          const command = sim.sell(from, to, 5);
          sim.runUntil(() => command.final !== null, 500, "a settled trade");
          expect(command.final?.ok).toBe(true);
        }
      }
      for (let n = 0; n < 30; n++) {
        sim.runFor(100);
        expect(sim.node(1).state?.members.get(2)?.state).toBe("ALIVE");
      }
    });
  });
});

it("a datagram that no node sealed, or one for the second time, must be noticed when it gets in", () => {
  const sim = new SimCluster({ nodes: 2, seed: 1 });
  sim.startAll();
  const [one] = sim.running();
  const datagram = new Uint8Array(40);
  const accept = () => sim.invariants.onAccepted(one as NonNullable<typeof one>, datagram);
  expect(accept).toThrow(InvariantError);
  sim.invariants.onSealed(datagram, null);
  accept();
  expect(accept).toThrow(/S8: node 1 takes in a datagram twice/);
});
