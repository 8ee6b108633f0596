/** The simulator's own parts: what they model is what the other tests rely on. */
import { describe, expect, it } from "vitest";
import { Draw } from "../../lab/sim/draw.ts";
import { EventQueue } from "../../lab/sim/event-queue.ts";
import { addressOf, type LinkModel, Network, slotOf } from "../../lab/sim/network.ts";
import { SimStore } from "../../lab/sim/store.ts";

describe("the event queue", () => {
  it("must run events by instant, then in the order in which they were scheduled", () => {
    const queue = new EventQueue();
    const seen: string[] = [];
    queue.at(5, () => seen.push("b"));
    queue.at(1, () => seen.push("a"));
    queue.at(5, () => seen.push("c"));
    const cancelled = queue.at(2, () => seen.push("never"));
    queue.cancel(cancelled);
    while (queue.runNext(10));
    expect(seen).toEqual(["a", "b", "c"]);
    expect(queue.nowMs).toBe(10);
  });

  it("must never run an event before its instant", () => {
    const queue = new EventQueue();
    const draw = new Draw(1, "queue");
    for (let i = 0; i < 1000; i++) {
      const atMs = draw.between(0, 100);
      queue.at(atMs, () => expect(queue.nowMs).toBeGreaterThanOrEqual(atMs));
    }
    while (queue.runNext(200));
    expect(queue.executed).toBe(1000);
  });
});

describe("the network", () => {
  function sendMany(
    model: Partial<LinkModel>,
    count: number,
    prepare: (network: Network) => void = () => undefined,
  ): number[] {
    const queue = new EventQueue();
    const network = new Network(queue, new Draw(7, "network"), model);
    const order: number[] = [];
    network.attach(2, (datagram) => order.push(datagram[0] as number));
    prepare(network);
    for (let i = 0; i < count; i++) {
      queue.at(i, () => network.send(1, new Uint8Array([i % 256]), { multicast: false, addresses: [addressOf(2)] }));
    }
    while (queue.runNext(count + 1000));
    return order;
  }

  it("must lose, double and reorder about as many datagrams as it is told", () => {
    expect(sendMany({}, 1000)).toHaveLength(1000);
    expect(sendMany({ loss: 0.3 }, 1000).length).toBeGreaterThan(640);
    expect(sendMany({ loss: 0.3 }, 1000).length).toBeLessThan(760);
    expect(sendMany({ duplicate: 0.1 }, 1000).length).toBeGreaterThan(1060);
    const reordered = sendMany({ reorder: 0.2, reorderMs: 20 }, 200);
    expect(reordered).toHaveLength(200);
    expect(reordered).not.toEqual([...reordered].sort((a, b) => a - b));
  });

  it("must cut one direction without the other", () => {
    expect(sendMany({}, 50, (network) => network.cut(1, 2))).toHaveLength(0);
    expect(sendMany({}, 50, (network) => network.cut(2, 1))).toHaveLength(50);
  });

  it("must give a receiver one copy of what is sent by multicast and by fan-out", () => {
    const queue = new EventQueue();
    const network = new Network(queue, new Draw(1, "network"), {});
    let received = 0;
    for (const slot of [1, 2, 3]) network.attach(slot, () => received++);
    network.send(1, new Uint8Array(1), { multicast: true, addresses: [addressOf(1), addressOf(2), addressOf(300)] });
    while (queue.runNext(100));
    expect(received).toBe(2);
    expect(slotOf(addressOf(70_001))).toBe(70_001);
  });
});

describe("the disk", () => {
  it("must keep what it confirmed, and any prefix of the rest, through a crash", () => {
    const survivors = new Set<number>();
    for (let seed = 1; seed <= 50; seed++) {
      const queue = new EventQueue();
      const store = new SimStore(queue, new Draw(seed, "disk"), { syncMinMs: 1, syncMaxMs: 1 });
      let confirmed = 0;
      const vote = (term: number) =>
        store.write(term, [{ table: "vote", term, votedFor: 1 }], () => (confirmed = term));
      vote(1);
      queue.runNext(10);
      for (const term of [2, 3, 4]) vote(term);
      store.crash();
      while (queue.runNext(100));
      expect(confirmed).toBe(1);
      expect(store.term).toBeGreaterThanOrEqual(1);
      survivors.add(store.term);
    }
    expect([...survivors].sort()).toEqual([1, 2, 3, 4]);
  });

  it("must tell of a failure and keep nothing of the failed write", () => {
    const queue = new EventQueue();
    const store = new SimStore(queue, new Draw(1, "disk"), {});
    const failures: (string | null)[] = [];
    store.failure = "disk full";
    store.write(1, [{ table: "vote", term: 9, votedFor: 1 }], (failure) => failures.push(failure));
    while (queue.runNext(100));
    expect(failures).toEqual(["disk full"]);
    expect(store.term).toBe(0);
  });
});
