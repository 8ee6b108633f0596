/** The simulator's own parts: what they model is what the other tests rely on. */
import { describe, expect, it } from "vitest";
import { type Distribution, drawJitter } from "../../lab/sim/world/distribution.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { EventQueue } from "../../lab/sim/world/event-queue.ts";
import { LocalClock } from "../../lab/sim/world/local-clock.ts";
import { addressOf, type LinkModel, Network, slotOf } from "../../lab/sim/world/network.ts";
import { decodeDisk, encodeDisk, SimStore } from "../../lab/sim/world/sim-disk.ts";

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

  it("must lose in bursts as long and as rare as it is told", () => {
    const queue = new EventQueue();
    const network = new Network(queue, new Draw(3, "network"), { burstEnter: 0.02, burstLeave: 0.2, burstLoss: 1 });
    const fates: boolean[] = [];
    network.attach(2, () => fates.push(true));
    network.onLost = () => fates.push(false);
    for (let i = 0; i < 20_000; i++) {
      network.send(1, new Uint8Array(1), { multicast: false, addresses: [addressOf(2)] });
      while (queue.runNext(i + 1));
    }
    const bursts = fates.filter((arrived, i) => !arrived && fates[i - 1] !== false).length;
    const lost = fates.filter((arrived) => !arrived).length;
    // A bad link stays bad for 1 / 0.2 datagrams on average, and is entered about once in 1 / 0.02 good ones.
    expect(lost / bursts).toBeGreaterThan(4.5);
    expect(lost / bursts).toBeLessThan(5.5);
    expect(bursts / (fates.length - lost)).toBeGreaterThan(0.017);
    expect(bursts / (fates.length - lost)).toBeLessThan(0.023);
  });

  it("must let no more through a slow link than it carries, and drop what would wait for too long", () => {
    // 1,000 bytes each millisecond are 8,000 kbit/s: 800 carry a tenth, and the queue holds 200 ms more.
    const queue = new EventQueue();
    const network = new Network(queue, new Draw(3, "network"), { rateKbps: 800, queueMs: 200 });
    const arrivals: number[] = [];
    network.attach(2, () => arrivals.push(queue.nowMs));
    for (let i = 0; i < 1_000; i++) {
      queue.at(i, () => network.send(1, new Uint8Array(1_000), { multicast: false, addresses: [addressOf(2)] }));
    }
    while (queue.runNext(5_000));
    expect(arrivals.length).toBeGreaterThanOrEqual(118);
    expect(arrivals.length).toBeLessThanOrEqual(122);
    expect(arrivals.at(-1)).toBeLessThan(1_220);
    expect(network.lost).toBe(1_000 - arrivals.length);
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

describe("delays", () => {
  const sample = (distribution: Distribution) => {
    const draw = new Draw(5, "delays");
    return Array.from({ length: 20_000 }, () => drawJitter(draw, distribution, 10)).sort((a, b) => a - b);
  };
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  it("must have the shape that they are told", () => {
    const [uniform, normal, pareto] = [sample("uniform"), sample("normal"), sample("pareto")];
    expect(mean(uniform)).toBeCloseTo(5, 0);
    expect(mean(normal)).toBeCloseTo(5, 0);
    expect(mean(pareto)).toBeCloseTo(10, -1);
    for (const delays of [uniform, normal, pareto]) expect(delays[0]).toBeGreaterThanOrEqual(0);
    // A quarter of a uniform one lies in the outer eighths; of a normal one next to nothing; a heavy tail goes on.
    expect(uniform.filter((ms) => ms > 8.75).length / uniform.length).toBeCloseTo(0.125, 1);
    expect(normal.filter((ms) => ms > 8.75).length / normal.length).toBeLessThan(0.03);
    expect(pareto.at(-1)).toBeGreaterThan(200);
  });
});

describe("a process's clock", () => {
  it("must run at its own rate, and be right about when it shows what", () => {
    const clock = new LocalClock(1_000, 5_000, 10_000);
    expect(clock.read(1_000)).toBe(5_000);
    expect(clock.read(2_000)).toBe(6_010);
    for (let localMs = 0; localMs < 2_000; localMs++) {
      expect(clock.read(1_000 + clock.spanOf(localMs))).toBeCloseTo(5_000 + localMs, 6);
    }
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
        store.write([{ table: "vote", term, votedFor: 1, abstains: false }], () => (confirmed = term));
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

  it("must hold after a restore what it held when it was saved, and forget what came since", () => {
    const queue = new EventQueue();
    const store = new SimStore(queue, new Draw(1, "disk"), {});
    const write = (term: number) => {
      store.write([{ table: "vote", term, votedFor: 1, abstains: false }], () => {});
      while (queue.runNext(queue.nowMs + 100));
    };
    write(1);
    store.nextIncarnation();
    const image = decodeDisk(encodeDisk(store.save()));
    if (image === null) throw new Error("the saved disk can't be read");
    expect(image).toEqual(store.save());
    expect(decodeDisk(new TextEncoder().encode("no disk"))).toBeNull();
    write(2);
    store.nextIncarnation();
    expect([store.term, store.incarnation]).toEqual([2, 2]);
    store.restore(image);
    expect([store.term, store.incarnation]).toEqual([1, 1]);
    write(3);
    expect(image.term).toBe(1);
  });

  it("must tell of a failure and keep nothing of the failed write", () => {
    const queue = new EventQueue();
    const store = new SimStore(queue, new Draw(1, "disk"), {});
    const failures: (string | null)[] = [];
    store.fault = "full";
    store.write([{ table: "vote", term: 9, votedFor: 1, abstains: false }], (failure) => failures.push(failure));
    while (queue.runNext(100));
    expect(failures).toEqual(["disk full"]);
    expect(store.term).toBe(0);
  });

  it("must keep any prefix when a sync fails, say that all failed, and write nothing more before a restart", () => {
    const kept = new Set<number>();
    for (let seed = 1; seed <= 50; seed++) {
      const queue = new EventQueue();
      const store = new SimStore(queue, new Draw(seed, "disk"), {});
      let failed = 0;
      const vote = (term: number) =>
        store.write(
          [{ table: "vote", term, votedFor: 1, abstains: false }],
          (failure) => (failed += failure === null ? 0 : 1),
        );
      store.fault = "broken";
      for (const term of [1, 2, 3]) vote(term);
      while (queue.runNext(100));
      store.fault = null;
      vote(4);
      while (queue.runNext(200));
      expect(failed).toBe(4);
      expect(store.term).toBeLessThan(4);
      kept.add(store.term);
      store.crash();
      vote(5);
      while (queue.runNext(300));
      expect(store.term).toBe(5);
    }
    expect([...kept].sort()).toEqual([0, 1]);
  });
});
