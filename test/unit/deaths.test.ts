/** Which ends of nodes are news: those that the lab's own journal doesn't explain, each once. */
import { describe, expect, test } from "vitest";
import { findSurprises } from "../../lab/cluster/deaths.ts";
import type { LabInfo, NodeInfo } from "../../lab/engine/engine.ts";
import { describeExit } from "../../lab/engine/node-status.ts";
import type { LabAction } from "../../lab/journal/lab-entry.ts";
import { MadeJournal } from "../support/made-journal.ts";

const UP: LabAction = { action: "up", nodes: [1, 2, 3], voters: [1, 2, 3], profile: "fast" };
const kill = (signal: string): LabAction => ({ action: "kill", nodes: [3], signal });
const died = (atMs: number): LabAction => ({ action: "died", nodes: [3], atMs, exitCode: 137, oom: false });
const only = (action: "stop" | "start" | "leave" | "remove" | "resume"): LabAction => ({ action, nodes: [3] });

function node(fields: Partial<NodeInfo> = {}): NodeInfo {
  const info = { lab: "made", id: 3, status: "exited", exitCode: 137, finishedAtMs: 500, oomKilled: false } as const;
  return { ...info, handle: "1", ip: null, control: null, startedAtMs: null, unplugged: false, ...fields };
}

function surprises(actions: readonly LabAction[], found: NodeInfo = node()): readonly number[] {
  const journal = new MadeJournal();
  for (const action of actions) journal.lab(action);
  const info = { name: "made", runtime: "local", nodes: [found] } as unknown as LabInfo;
  return findSurprises(journal.journal.entries, info, [found]).map(({ id }) => id);
}

describe("the end of a node", () => {
  test.each<[string, readonly LabAction[]]>([
    ["that the lab killed", [UP, kill("SIGKILL")]],
    ["that the lab asked to end", [UP, kill("SIGTERM")]],
    ["that the lab stopped", [UP, only("stop")]],
    ["that left because the lab asked", [UP, only("leave")]],
    ["that is written down", [UP, died(500)]],
    ["that the lab killed, its pause ended meanwhile", [UP, kill("SIGKILL"), only("resume")]],
  ])("%s must be no news", (_name, actions) => {
    expect(surprises(actions)).toEqual([]);
  });

  test.each<[string, readonly LabAction[]]>([
    ["that nothing explains", [UP]],
    ["in a lab that something else made", []],
    ["after a start", [UP, kill("SIGKILL"), only("start")]],
    ["after an end that was written down, and a start", [UP, died(100), only("start")]],
    ["that came later than the one that is written down", [UP, died(100)]],
    ["after a signal that it survives", [UP, kill("SIGHUP")]],
    ["of a lab that follows another one of its name", [UP, kill("SIGKILL"), UP]],
  ])("%s must be news", (_name, actions) => {
    expect(surprises(actions)).toEqual([3]);
  });

  test("must be no news while it runs, nor again when nobody knows the time of it", () => {
    expect(surprises([UP], node({ status: "running" }))).toEqual([]);
    expect(surprises([UP, died(100)], node({ finishedAtMs: null, exitCode: null }))).toEqual([]);
  });

  test.each([
    [{ exitCode: 137, oomKilled: false }, "killed by SIGKILL"],
    [{ exitCode: 137, oomKilled: true }, "out of memory"],
    [{ exitCode: 143, oomKilled: false }, "killed by SIGTERM"],
    [{ exitCode: 2, oomKilled: false }, "exit code 2"],
    [{ exitCode: 0, oomKilled: false }, "exit code 0"],
    [{ exitCode: null, oomKilled: false }, null],
  ] as const)("must be said in words: %j", (end, words) => {
    expect(describeExit(end)).toBe(words);
  });
});
