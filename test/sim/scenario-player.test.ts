// Scenarios played from the dashboard's page, in virtual time: step by step when somebody says so, as a whole, and ended on the way.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bringUp } from "../../lab/cluster/up.ts";
import { listScenarios } from "../../lab/dash/catalogue.ts";
import { Feed } from "../../lab/dash/feed.ts";
import type { ScenarioProgress } from "../../lab/dash/protocol.ts";
import { ScenarioPlayer } from "../../lab/dash/scenario-player.ts";
import { openSimSession } from "../../lab/engine/sim/sim-session.ts";
import { eventually } from "../support/eventually.ts";

const SCENARIO = `
name: small
title: Kill the leader
teaches: Somebody must notice.
experiment: { goal: See an election., predict: Who is next?, explain: The highest., more: Kill again. }
nodes: 3
checks: none
steps:
  - sell 1 2 30
  - kill: leader
    note: the highest
    explain: It can say nothing to anybody.
  - wait: { coordinator: 2, within: 10s }
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lab-test-player-"));
  await writeFile(join(folder, "small.yaml"), SCENARIO);
  await writeFile(join(folder, "wrong.yaml"), SCENARIO.replace("coordinator: 2", "coordinator: 9"));
  await writeFile(join(folder, "broken.yaml"), "name: [\n");
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A simulated lab of three, and a player on it. */
async function withPlayer(
  play: (player: ScenarioPlayer, told: () => ScenarioProgress[]) => Promise<void>,
): Promise<void> {
  await using session = await openSimSession(3);
  const signal = new AbortController().signal;
  const request = { name: "shown", profile: "fast", nodes: 3, voters: null, env: {} } as const;
  const wanted = {
    runtime: "sim",
    wait: true,
    timeoutMs: 60_000,
    progress: () => {},
    signal,
    onNotice: () => {},
  } as const;
  await using lab = (await bringUp(request, wanted)).lab;
  const { name, run, profile, voters } = lab.info;
  const facts = {
    lab: name,
    run,
    runtime: "sim",
    profile,
    voters,
    nodes: lab.ids,
    seed: 3,
    isDetailed: false,
  } as const;
  const feed = new Feed({
    mode: "live",
    facts: { ...facts, hasWire: false },
    nowMs: () => session.engine.clock.wallMs(),
  });
  const told = () => feed.sayingsFrom(0).filter((saying) => saying.type === "scenario");
  await using player = new ScenarioPlayer({ lab: name, runtime: "sim", folder, feed, signal });
  await play(player, told);
}

const state = ({ state, step, text }: ScenarioProgress) => `${state} ${step} ${text}`.trim();

describe("a scenario played from the page", () => {
  test("must wait before each step until somebody says so, and tell how it ended", async () => {
    await withPlayer(async (player, told) => {
      expect(await player.obey({ verb: "scenario", file: "small.yaml", pace: "step" }, "")).toMatchObject({ ok: true });
      for (const count of [1, 3, 5]) {
        await eventually(() => told().length === count && told().at(-1)?.state === "waiting");
        expect(await player.obey({ verb: "next" }, "")).toMatchObject({ ok: true });
      }
      await eventually(() => told().at(-1)?.state === "passed");
      expect(told().map(state)).toEqual([
        "waiting 0 sell 1 2 30",
        "running 0 sell 1 2 30",
        "waiting 1 kill leader",
        "running 1 kill leader",
        "waiting 2 wait leader=2 within 10s",
        "running 2 wait leader=2 within 10s",
        "passed 3",
      ]);
      expect(told().at(-1)?.detail).toBe("");
      expect(told().every(({ steps, file }) => steps === 3 && file === "small.yaml")).toBe(true);
    });
  });

  test("must run as a whole, one at a time, and say what failed", async () => {
    await withPlayer(async (player, told) => {
      expect(await player.obey({ verb: "scenario", file: "wrong.yaml", pace: "whole" }, "")).toMatchObject({
        ok: true,
      });
      expect(await player.obey({ verb: "scenario", file: "small.yaml", pace: "whole" }, "")).toMatchObject({
        ok: false,
      });
      await eventually(() => told().at(-1)?.state === "failed");
      expect(told().at(-1)).toMatchObject({ step: 2, detail: expect.stringContaining("step 3") });
    });
  });

  test("must end when it is told to, where nothing is left waiting", async () => {
    await withPlayer(async (player, told) => {
      await player.obey({ verb: "scenario", file: "small.yaml", pace: "step" }, "");
      await eventually(() => told().at(-1)?.state === "waiting");
      expect(await player.obey({ verb: "end-scenario" }, "")).toMatchObject({ ok: true });
      expect(told().at(-1)).toMatchObject({ state: "stopped", step: 0 });
      expect(await player.obey({ verb: "next" }, "")).toMatchObject({ ok: false, message: "no step is waited for" });
      expect(await player.obey({ verb: "end-scenario" }, "")).toMatchObject({ ok: false });
    });
  });

  test("must be refused when there is no such file, or it says nothing", async () => {
    await withPlayer(async (player, told) => {
      for (const file of ["nowhere.yaml", "broken.yaml"])
        expect(await player.obey({ verb: "scenario", file, pace: "whole" }, "")).toMatchObject({ ok: false });
      expect(told()).toEqual([]);
    });
  });
});

test("the catalogue must tell what a scenario teaches, and leave out what can't be read", async () => {
  const scenarios = await listScenarios(folder, "sim");
  expect(scenarios.map(({ file }) => file)).toEqual(["small.yaml", "wrong.yaml"]);
  expect(scenarios[0]).toMatchObject({
    title: "Kill the leader",
    goal: "See an election.",
    teaches: "Somebody must notice.",
    predict: { ask: "Who is next?" },
    explain: "The highest.",
    more: "Kill again.",
    nodes: 3,
    place: null,
    steps: [
      { text: "sell 1 2 30", note: "", explain: "" },
      { text: "kill leader", note: "the highest", explain: "It can say nothing to anybody." },
      { text: "wait leader=2 within 10s" },
    ],
  });
});
