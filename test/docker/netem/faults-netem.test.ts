// Real tc netem at the receiver, by source, through the `lab` command: runs only where the engine's kernel has it. What is
// asserted is measured with datagrams between the containers; bounds leave room for slow machines, lateness is one-sided.
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CliLab, docker, removeStateHome } from "../../support/cli-lab.ts";
import { type Arrivals, probeDatagrams } from "../../support/datagram-probe.ts";
import { eventually, timeFactor } from "../../support/eventually.ts";

let lab: CliLab;
beforeAll(async () => {
  lab = await CliLab.up("t-flt-n", 3, "--profile", "default", "--timeout", `${60 * timeFactor}s`);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await removeStateHome();
});
afterEach(async () => {
  await lab.ok("heal");
  for (const id of [1, 2, 3]) await eventually(async () => expect(await lab.remains(id)).toBe(""), 5_000);
});

const SENT = 100;
const VERIFIED = /backend netem, verified/;

/** What arrives at node 2 from node 1 (impaired) and node 3 (not), multicast and unicast. */
async function measure(graceMs = 500): Promise<{ impaired: readonly Arrivals[]; whole: readonly Arrivals[] }> {
  const [one, two, three] = await Promise.all([1, 2, 3].map((id) => lab.peer(id)));
  if (one === undefined || two === undefined || three === undefined) throw new Error("no such node");
  const result = await probeDatagrams({ senders: [one, three], receiver: two, count: SENT, intervalMs: 10, graceMs });
  const [first, third] = [result[one.container], result[three.container]];
  if (first === undefined || third === undefined) throw new Error("no arrivals");
  expect([third.multicast, third.unicast]).toMatchObject(Array(2).fill({ count: SENT, duplicates: 0, overtaken: 0 }));
  return { impaired: [first.multicast, first.unicast], whole: [third.multicast, third.unicast] };
}

describe("netem at the receiver", () => {
  it("must delay multicast and unicast of that source, and nothing else", async () => {
    expect(await lab.ok("netem", "1", "--delay", "300ms", "--to", "2")).toMatch(VERIFIED);
    const { impaired, whole } = await measure();
    for (const arrivals of impaired) expect(arrivals).toMatchObject({ count: SENT, duplicates: 0 });
    // Clocks of a virtual machine may step a little between processes.
    for (const arrivals of impaired) expect(arrivals.delayMsMin).toBeGreaterThan(240);
    for (const arrivals of whole) expect(arrivals.delayMsMin).toBeLessThan(150);
  });

  it("must vary the delay by the jitter", async () => {
    await lab.ok("netem", "1", "--delay", "300ms", "--jitter", "200ms", "--to", "2");
    const { impaired } = await measure(1_000);
    for (const { count, overtaken } of impaired) {
      expect(count).toBe(SENT);
      // 10 ms apart and 400 ms of spread: order can't survive.
      expect(overtaken).toBeGreaterThan(10);
    }
    for (const { delayMsMin } of impaired) expect(delayMsMin).toBeGreaterThan(50);
    for (const { delayMsMax, delayMsMin } of impaired) expect(delayMsMax - delayMsMin).toBeGreaterThan(200);
  });

  it("must lose the share asked for", async () => {
    expect(await lab.ok("netem", "1", "--loss", "40%", "--to", "2")).toMatch(VERIFIED);
    const { impaired } = await measure();
    // 100 draws of 0.6: five standard deviations.
    for (const { count } of impaired) expect(count).toBeGreaterThan(35);
    for (const { count } of impaired) expect(count).toBeLessThan(85);
  });

  it("must double the share asked for", async () => {
    expect(await lab.ok("netem", "1", "--dup", "40%", "--to", "2")).toMatch(VERIFIED);
    const { impaired } = await measure();
    for (const { count, duplicates } of impaired) {
      expect(count).toBe(SENT);
      expect(duplicates).toBeGreaterThan(15);
      expect(duplicates).toBeLessThan(65);
    }
  });

  it("must reorder, with a delay that makes it possible", async () => {
    expect(await lab.ok("netem", "1", "--delay", "200ms", "--reorder", "40%", "--to", "2")).toMatch(VERIFIED);
    const { impaired } = await measure();
    for (const { count, overtaken } of impaired) {
      expect(count).toBe(SENT);
      expect(overtaken).toBeGreaterThan(10);
    }
  });

  it("must reorder without a delay too: a small one is added and said", async () => {
    expect(await lab.ok("netem", "1", "--reorder", "40%", "--to", "2")).toMatch(
      /\+20 ms, 40% reordered.*backend netem/,
    );
    const { impaired } = await measure();
    for (const { count } of impaired) expect(count).toBe(SENT);
  });

  it("must limit the rate, and drop what its queue can't hold", async () => {
    expect(await lab.ok("netem", "1", "--rate", "64kbit", "--to", "2")).toMatch(VERIFIED);
    const { impaired } = await measure(2_000);
    // 200 datagrams of 242 B are 6 s at this rate; they were sent in one, or more slowly where the machine is slow.
    const latest = Math.max(...impaired.map((arrivals) => arrivals.delayMsMax));
    expect(latest).toBeGreaterThan(150);
  });

  it("must do everything at once in one call", async () => {
    const flags = [
      "--delay",
      "200ms",
      "--jitter",
      "20ms",
      "--loss",
      "20%",
      "--dup",
      "20%",
      "--reorder",
      "20%",
      "--rate",
      "2mbit",
    ];
    expect(await lab.ok("netem", "1", ...flags, "--to", "2")).toMatch(VERIFIED);
    const { impaired } = await measure(1_000);
    for (const { count, duplicates, overtaken, delayMsMedian } of impaired) {
      expect(count).toBeGreaterThan(55);
      expect(count).toBeLessThan(100);
      expect(duplicates).toBeGreaterThan(2);
      expect(overtaken).toBeGreaterThan(2);
      expect(delayMsMedian).toBeGreaterThan(120);
    }
  });

  it("must cut and impair the same pair side by side, and lift one without the other", async () => {
    await lab.ok("netem", "1", "--delay", "300ms", "--to", "2");
    const cut = await lab.json<{ fault: string }>("partition", "1", "2");
    expect((await measure()).impaired.map((arrivals) => arrivals.count)).toEqual([0, 0]);
    await lab.ok("heal", cut.fault);
    for (const { delayMsMin, count } of (await measure()).impaired) {
      expect(count).toBe(SENT);
      expect(delayMsMin).toBeGreaterThan(240);
    }
  });

  it("must impair everything alike on the sender's own interface with --egress", async () => {
    expect(await lab.ok("netem", "1", "--delay", "300ms", "--egress")).toMatch(
      /all others alike.*backend netem, verified/,
    );
    const { impaired, whole } = await measure();
    for (const { delayMsMin } of impaired) expect(delayMsMin).toBeGreaterThan(240);
    for (const { delayMsMin } of whole) expect(delayMsMin).toBeLessThan(150);
    await lab.ok("balance", "1");
  });
});

describe("netem's end", () => {
  it("must come by itself though the command was killed", async () => {
    const forMs = 4_000 * timeFactor;
    const command = lab.start("netem", "1", "--delay", "300ms", "--to", "2", "--for", `${forMs}ms`);
    await once(command.stdout ?? command, "data");
    command.kill("SIGKILL");
    expect(await lab.shell(2, "tc qdisc show dev labifb")).toMatch(/netem .*delay 300ms/);
    await eventually(async () => expect(await lab.remains(2)).toBe(""), forMs + 10_000);
    for (const { delayMsMin } of (await measure()).impaired) expect(delayMsMin).toBeLessThan(150);
  });

  it("must not lose what is queued when it is healed", async () => {
    const delayMs = 2_000 * Math.min(timeFactor, 10);
    await lab.ok("netem", "1", "--delay", `${delayMs}ms`, "--to", "2");
    const measured = measure(delayMs + 1_000);
    await eventually(async () => {
      const queued = /backlog \S+ (\d+)p/.exec(await lab.shell(2, "tc -s qdisc show dev labifb"));
      expect(Number(queued?.[1])).toBeGreaterThan(SENT);
    }, 30_000);
    await lab.ok("heal");
    for (const { count } of (await measured).impaired) expect(count).toBe(SENT);
  });

  it("must not come with a restart: it is there again before the node speaks", async () => {
    await lab.ok("netem", "1", "--delay", "300ms", "--to", "2");
    await docker("restart", "-t", "0", (await lab.peer(2)).container);
    expect(await lab.shell(2, "tc qdisc show dev labifb")).toMatch(/netem .*delay 300ms/);
    for (const { delayMsMin } of (await measure()).impaired) expect(delayMsMin).toBeGreaterThan(240);
  });
});
