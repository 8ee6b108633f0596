/**
 * The playground's world without a browser: what somebody does to it, at whatever pace and with whatever breaks, must be the run that
 * `lab run --runtime sim` plays from the scenario that was written meanwhile.
 */
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../lab/journal/entry.ts";
import { hashJournal } from "../../lab/journal/journal-hash.ts";
import { openPlayHost } from "../../lab/play/play-host.ts";
import type { AskWorld, PlayReport, PlaySpec } from "../../lab/play/play-protocol.ts";
import { formatPlay } from "../../lab/play/play-scenario.ts";
import { recipeOf } from "../../lab/play/recipes.ts";
import { LINK_VERSION, writeLink } from "../../lab/play/run-link.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";
import type { Step } from "../../lab/scenario/scenario-schema.ts";
import { BUGS } from "../../lab/sim/bugs/bug-cases.ts";
import type { Flight } from "../../lab/sim/cluster/traffic.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { isExtended } from "../support/extended.ts";
import { drawAction } from "../support/played-runs.ts";

const SPEC: PlaySpec = { seed: 1, nodes: 5, bug: null, steps: [] };

/** Asks, and keeps the world's latest account of itself. */
class Player {
  readonly #ask: AskWorld = openPlayHost();
  entries: Entry[] = [];
  last!: PlayReport;

  async ask(asked: Parameters<AskWorld>[0]): Promise<PlayReport> {
    const report = await this.#ask(asked);
    if (report.opened !== null) this.entries = [];
    this.entries.push(...report.entries);
    this.last = report;
    return report;
  }

  open(spec: Partial<PlaySpec> = {}, untilMs = 0): Promise<PlayReport> {
    return this.ask({ ask: "open", spec: { ...SPEC, ...spec }, untilMs });
  }

  /** @param ms since the last report */
  pass(ms: number): Promise<PlayReport> {
    return this.ask({ ask: "advance", toMs: this.last.nowMs + ms });
  }

  act(step: object, atMs = this.last.nowMs): Promise<PlayReport> {
    return this.ask({ ask: "act", step: step as Step, atMs });
  }

  async hash(): Promise<string> {
    return (await this.ask({ ask: "hash" })).hash ?? "";
  }
}

/** The journal of the same scenario as `lab run` has it, up to the instant at which the player stopped. */
async function hashOfRun({ last }: Player): Promise<string> {
  const { spec, nowMs, beganMs } = last;
  const scenario = parseScenario(formatPlay(spec, nowMs - beganMs), "playground.yaml");
  const { journal } = await runScenario(scenario, { runtime: "sim", ...(spec.bug === null ? {} : { bug: spec.bug }) });
  const end = String(spec.steps.length + 1);
  return hashJournal(
    journal.entries.filter(({ time, path, action }) => time <= nowMs && path !== end && action !== "check"),
  );
}

describe("a run by hand", () => {
  test("must be the run of its scenario: pace and pauses change nothing", async () => {
    const player = new Player();
    await player.open();
    for (let frame = 0; frame < 40; frame++) await player.pass(16.7);
    const killed = await player.act({ kill: { nodes: "leader" } });
    expect(killed.outcomes).toEqual([{ state: "done", text: "killed 5 (coordinator)" }]);
    for (let events = 0; events < 200; events++) await player.ask({ ask: "step" });
    await player.act({ sell: { node: "1", peer: "2", amount: 30 } });
    await player.act({ partition: { groups: ["1,2", "3,4"] } });
    await player.pass(7_000);
    await player.act({ heal: {} });
    await player.act({ start: { nodes: "5" } });
    await player.pass(5_000);
    expect(player.last.broken).toBeNull();
    expect(player.entries.some(({ role }) => role === "COORDINATOR")).toBe(true);
    const hash = await player.hash();
    expect(hash).toBe(hashJournal(player.entries));
    expect(await hashOfRun(player)).toBe(hash);
    // And again from its specification, in one go.
    const again = new Player();
    await again.open(player.last.spec, player.last.nowMs - player.last.beganMs);
    expect(await again.hash()).toBe(hash);
  });
});

describe("the past", () => {
  test("must become a branch when something is done there: what came later is gone, what came before is the same", async () => {
    const player = new Player();
    await player.open();
    await player.pass(500);
    await player.act({ sell: { node: "1", peer: "2", amount: 5 } });
    await player.pass(500);
    const forkMs = player.last.nowMs;
    await player.pass(300);
    await player.act({ kill: { nodes: "5" } });
    await player.pass(4_000);
    const before = player.entries.filter(({ time }) => time < forkMs - 1);
    const branch = await player.act({ kill: { nodes: "4" } }, forkMs);
    expect(branch.opened).not.toBeNull();
    expect(branch.spec.steps.map((step) => Object.keys(step).at(-1))).toEqual(["background", "background"]);
    expect(branch.spec.steps.map((step) => ("kill" in step ? step.kill.nodes : "sell"))).toEqual(["sell", "4"]);
    expect(hashJournal(player.entries.filter(({ time }) => time < forkMs - 1))).toBe(hashJournal(before));
    await player.pass(1_000);
    expect(await hashOfRun(player)).toBe(await player.hash());
  });

  test.each([7, 8, 9, 10])(
    "must be played again, in one go and as a scenario: random actions of seed %i",
    async (seed) => {
      const draw = new Draw(seed, "playground");
      const player = new Player();
      await player.open({ seed, bug: draw.pick([null, null, "amnesia", "split-brain"]) });
      for (let count = 0; count < 12; count++) {
        await player.pass(draw.between(1, 900));
        for (let events = draw.integer(0, 20); events > 0; events--) await player.ask({ ask: "step" });
        await player.act(
          draw.pick([
            drawAction(draw),
            ...player.last.flights
              .slice(0, 2)
              .flatMap(({ name }) => [
                { drop: { message: name } },
                { duplicate: { message: name } },
                { delay: { message: name, by: "120ms" } },
              ]),
          ]),
        );
      }
      await player.pass(2_000);
      const hash = await player.hash();
      expect(player.last.spec.steps).toHaveLength(12);
      const again = new Player();
      await again.open(player.last.spec, player.last.nowMs - player.last.beganMs);
      expect(await again.hash(), "in one go").toBe(hash);
      expect(await hashOfRun(player), "as a scenario").toBe(hash);
    },
  );
});

describe("what is under way", () => {
  /** Plays on, event by event, until something that `wanted` describes is on its way. */
  async function flightOf(player: Player, wanted: (flight: Flight) => boolean): Promise<Flight> {
    for (let events = 0; events < 3_000; events++) {
      const found = player.last.flights.find(wanted);
      if (found !== undefined) return found;
      await player.ask({ ask: "step" });
    }
    throw new Error("nothing like it was sent");
  }
  const isTrade = ({ types }: Flight) => types.includes("TRADE_REQUEST");

  test("must be named by sender and packet, with the instant at which it arrives, and which timers are due", async () => {
    const player = new Player();
    await player.open();
    await player.act({ sell: { node: "1", peer: "2", amount: 5 } });
    const { name, from, to, types, dueMs } = await flightOf(player, isTrade);
    expect(name).toMatch(/^1-1\.\d+>2$/);
    expect({ from, to, types }).toEqual({ from: 1, to: 2, types: expect.arrayContaining(["TRADE_REQUEST"]) });
    await player.pass(dueMs - player.last.nowMs + 0.01);
    expect(player.last.flights.map((flight) => flight.name)).not.toContain(name);
    const id = name.split(">")[0] ?? "";
    expect(player.entries.find((entry) => entry.kind === "recv" && entry.id === id)?.time).toBeCloseTo(dueMs, 2);
    const { timers, nowMs } = player.last;
    expect(timers.map(({ kind }) => kind)).toContain("beat");
    expect(timers.every((timer) => timer.dueMs > nowMs - 5)).toBe(true);
    expect(timers.map((timer) => timer.dueMs)).toEqual(timers.map((timer) => timer.dueMs).sort((a, b) => a - b));
  });

  test("must do what is asked of it: a dropped message is lost, a doubled one comes twice, a delayed one late", async () => {
    const player = new Player();
    await player.open();
    await player.act({ sell: { node: "1", peer: "2", amount: 5 } });
    const lost = await flightOf(player, isTrade);
    const dropped = await player.act({ drop: { message: lost.name } });
    expect(dropped.outcomes[1]).toMatchObject({
      state: "done",
      text: expect.stringContaining("dropped TRADE_REQUEST"),
    });
    await player.pass(1);
    const id = (flight: Flight) => flight.name.split(">")[0];
    const fates = (flight: Flight) =>
      player.entries.filter((entry) => entry.id === id(flight) && entry.node === flight.to).map(({ kind }) => kind);
    expect(fates(lost)).toEqual(["drop"]);
    const again = await flightOf(player, (flight) => isTrade(flight) && flight.name !== lost.name);
    await player.act({ duplicate: { message: again.name } });
    expect(player.last.flights.map(({ name }) => name)).toContain(`${again.name}*2`);
    await player.pass(1);
    expect(fates(again)).toEqual(["recv", "duplicate"]);
    const late = await flightOf(player, ({ types }) => types.includes("HEARTBEAT"));
    await player.act({ delay: { message: late.name, by: "50ms" } });
    expect(player.last.flights.find(({ name }) => name === late.name)?.dueMs).toBeCloseTo(late.dueMs + 50, 5);
    await player.pass(40);
    expect(fates(late)).toEqual([]);
    await player.act({ deliver: { message: late.name } });
    expect(fates(late)[0]).toBe("recv");
    const gone = await player.act({ drop: { message: late.name } });
    expect(gone.outcomes.at(-1)).toMatchObject({ state: "failed", text: `${late.name} isn't on its way` });
    await player.pass(3_000);
    expect(player.last.broken).toBeNull();
    expect(player.last.spec.steps).toHaveLength(6);
    expect(await hashOfRun(player)).toBe(await player.hash());
  });

  test("must be seen while a link delays it, and overtake what it is put before", async () => {
    const player = new Player();
    await player.open();
    await player.act({ netem: { nodes: "2", delay: "80ms" } });
    const toTwo = () => player.last.flights.filter(({ to }) => to === 2);
    await flightOf(player, () => toTwo().length > 1);
    const [first, second] = toTwo();
    await player.act({ deliver: { message: second?.name, before: first?.name } });
    const names = player.last.flights.map(({ name }) => name);
    expect(names.indexOf(second?.name ?? "") + 1).toBe(names.indexOf(first?.name ?? ""));
    await player.act({ drop: { message: first?.name } });
    await player.pass(500);
    expect(await hashOfRun(player)).toBe(await player.hash());
  });

  test("must be refused where nodes live in real time, with a sentence and a way on", async () => {
    const text = formatPlay({ ...SPEC, steps: [{ at: "1ms", background: true, drop: { message: "1-1.5>2" } }] }, 10);
    const scenario = parseScenario(text, "playground.yaml");
    await expect(runScenario(scenario, { runtime: "local" })).rejects.toMatchObject({ exit: "unsupported" });
    expect(() => parseScenario("steps:\n  - drop 1-1.5>2\n", "x.yaml")).toThrow(
      "drop can't be done on local: only virtual time can hold a single message",
    );
    expect(() => parseScenario("steps:\n  - drop 3\n", "x.yaml")).toThrow("must be a message on its way");
  });
});

describe("what can't be done", () => {
  test("must be said, and leave the world as it is", async () => {
    const player = new Player();
    await player.open();
    const refused = await player.act({ start: { nodes: "1" } });
    expect(refused.outcomes).toEqual([{ state: "failed", text: expect.stringContaining("node 1 is running") }]);
    await expect(player.act({ kill: { nodes: "nobody" } })).rejects.toThrow("can't be read");
    await expect(player.open({ bug: "no-such-bug" })).rejects.toThrow('there is no bug "no-such-bug"');
    await player.pass(100);
    expect(player.last.ended).toBeNull();
  });
});

describe("a known bug", () => {
  test("must turn the lamp red at the line that proves it, and the run must go on", async () => {
    const player = new Player();
    await player.open({ bug: "amnesia" });
    await player.act({ sell: { node: "1", peer: "2", amount: 30 } });
    await player.pass(1_000);
    expect(player.last.broken).toBeNull();
    await player.act({ kill: { nodes: "1" } });
    await player.act({ start: { nodes: "1" } });
    for (let count = 0; count < 100 && player.last.broken === null; count++) await player.pass(50);
    const { broken, ended, nowMs } = player.last;
    expect(broken).toMatchObject({ check: "durability", verdict: "invalid" });
    const proof = broken?.violations[0]?.proof ?? [];
    expect(proof.length).toBeGreaterThan(0);
    expect(nowMs - (proof.at(-1)?.time ?? 0)).toBeLessThan(60);
    expect(ended).toBeNull();
    expect(await hashOfRun(player)).toBe(await player.hash());
  });
});

test("a run beside another one must go on as it was, and be told where they part", async () => {
  const player = new Player();
  const steps = recipeOf("amnesia");
  await player.open({ bug: "amnesia", steps }, 3_000);
  const hash = await player.hash();
  const { compared } = await player.ask({ ask: "compare", spec: { ...SPEC, steps } });
  const [first] = compared?.comparison.differences ?? [];
  expect(compared?.comparison).toMatchObject({ isEqual: false, isSameWorld: true, step: "start 1" });
  expect(first?.entry.node).toBe(1);
  expect(compared?.entries.at(-1)?.time).toBeGreaterThan((compared?.beganMs ?? 0) + 2_000);
  expect(await player.hash()).toBe(hash);
  const same = await player.ask({ ask: "compare", spec: player.last.spec });
  expect(same.compared?.comparison).toMatchObject({ isEqual: true, differences: [] });
  const fast = await player.ask({ ask: "compare", spec: { ...SPEC, profile: "fast" } });
  expect(fast.compared?.facts.profile).toBe("fast");
});

describe("find it", () => {
  /** Plays a bug's recipe as its last hint does. @param bug null: the same in sound nodes */
  async function playRecipe(name: string, bug: string | null): Promise<string | null> {
    const player = new Player();
    await player.open({ bug, steps: recipeOf(name) });
    const end = player.last.spec.steps.at(-1)?.at ?? "0";
    for (let ms = 0; ms < Number.parseFloat(end) + LONGEST_PROMISE_MS && player.last.broken === null; ms += 2_000)
      await player.pass(2_000);
    return player.last.broken?.check ?? null;
  }
  const LONGEST_PROMISE_MS = 65_000;
  const withRecipe = BUGS.map(({ name }) => name).filter((name) => recipeOf(name).length > 0);

  test("must have a recipe for most bugs", () => expect(withRecipe.length).toBeGreaterThan(18));

  test.each(withRecipe)("the recipe for %s must break a promise", async (name) => {
    expect(await playRecipe(name, name)).not.toBeNull();
  });

  // A promise that takes time is judged when nothing has disturbed the run for so long: not before, and not wrongly.
  const inSound = isExtended ? withRecipe : ["rival-leaders", "no-repair"];
  test.each(inSound)("the recipe for %s must break no promise of sound nodes", async (name) => {
    expect(await playRecipe(name, null)).toBeNull();
  });

  test("a node whose messages somebody drops one by one must not turn the lamp red", async () => {
    const player = new Player();
    await player.open();
    for (let count = 0; count < 60; count++) {
      const flight = player.last.flights.find(({ from, to }) => from === 3 || to === 3);
      if (flight === undefined) await player.ask({ ask: "step", until: "flight" });
      else await player.act({ drop: { message: flight.name } });
    }
    await player.pass(60_000);
    expect(player.last.broken).toBeNull();
  });
});

describe("a link", () => {
  const run: PlaySpec = {
    ...SPEC,
    steps: [{ at: "12.5ms", background: true, kill: { nodes: "leader" } }],
  };
  const open = (link: string) => new Player().ask({ ask: "open-link", link });

  test("must be the run, as it was shown", async () => {
    const player = new Player();
    await player.open(run, 3_000);
    const { saved } = await player.ask({ ask: "save", untilMs: null });
    expect(saved?.link?.length).toBeLessThan(300);
    const opened = new Player();
    await opened.ask({ ask: "open-link", link: saved?.link ?? "" });
    expect(opened.last.spec).toEqual(player.last.spec);
    expect(await opened.hash()).toBe(await player.hash());
  });

  test("must be refused with a sentence when it is damaged, too long, or no run", async () => {
    const link = await writeLink(run, 100);
    await expect(open(link.slice(0, -5))).rejects.toThrow("this link is damaged");
    await expect(open("!")).rejects.toThrow("this link is damaged");
    await expect(open("A".repeat(9_000))).rejects.toThrow("too long");
    await expect(open(pack("x".repeat(2 << 20)))).rejects.toThrow("this link is damaged");
    await expect(open(pack("{}"))).rejects.toThrow("doesn't hold a run");
    const spec = { v: 1, seed: 1, nodes: 5, bug: null, until: 0, steps: [] };
    await expect(open(pack(JSON.stringify({ ...spec, nodes: 500 })))).rejects.toThrow("doesn't hold a run");
    await expect(open(pack(JSON.stringify({ ...spec, bug: "none" })))).rejects.toThrow("doesn't know: none");
    await expect(open(pack(JSON.stringify({ ...spec, steps: [{ shout: 1 }] })))).rejects.toThrow("can't be read");
  });

  test("to a scenario that needs a kernel or a cable must be refused with a sentence", async () => {
    const spec = { v: LINK_VERSION, seed: 1, nodes: 3, bug: null, until: 10, steps: [] };
    const scenario = "name: cable\nruntimes: [docker]\nsteps:\n  - unplug: 3\n";
    await expect(open(pack(JSON.stringify({ ...spec, scenario })))).rejects.toThrow(
      "the scenario cable can't be played here: it needs a kernel or a cable",
    );
    await expect(open(pack(JSON.stringify({ ...spec, scenario: "steps: 3" })))).rejects.toThrow("scenario.yaml:1");
  });

  test("of another version must be played, and said to be that", async () => {
    const spec = { v: 99, seed: 1, nodes: 3, bug: null, until: 10, steps: [] };
    const { notice, opened } = await open(pack(JSON.stringify(spec)));
    expect(notice).toContain("another version");
    expect(opened?.facts.nodes).toEqual([1, 2, 3]);
  });

  test("must not be longer than 8 kB: a longer run is a scenario", async () => {
    const draw = new Draw(1, "long");
    const steps = Array.from({ length: 999 }, (_, count): Step => {
      const amount = draw.integer(1, 1_000_000);
      return { at: `${count * 10 + draw.fraction()}ms`, background: true, sell: { node: "1", peer: "2", amount } };
    });
    await expect(writeLink({ ...SPEC, steps }, 1)).rejects.toThrow("too long for a link");
  });
});

function pack(json: string): string {
  return deflateRawSync(json).toString("base64url");
}
