// The live journal: lines as they come, in one order as far as the window allows.
import { describe, expect, it } from "vitest";
import type { Entry } from "../../lab/journal/entry.ts";
import { isWanted, parseTypes } from "../../lab/journal/filter.ts";
import { LiveMerge } from "../../lab/journal/live-merge.ts";

function line(node: number, seq: number, time: number, rest: Partial<Entry> = {}): Entry {
  return { node, inc: 1, seq, time, mono: time, kind: "local", level: "info", msg: `${node}/${seq}`, ...rest };
}

const told = (entries: readonly Entry[]) => entries.map(({ msg }) => msg);

describe("the live journal", () => {
  it("must wait for a cause that comes a little later than its effect", () => {
    const merge = new LiveMerge(300);
    merge.push(line(2, 1, 10, { kind: "recv", id: "1-1.1" }), 1_000);
    expect(told(merge.take(1_200))).toEqual([]);
    merge.push(line(1, 1, 11, { kind: "send", id: "1-1.1" }), 1_250);
    expect(told(merge.take(1_299))).toEqual([]);
    expect(told(merge.take(1_301))).toEqual(["1/1", "2/1"]);
  });

  it("must not wait for ever: what belongs before it and is too late comes after", () => {
    const merge = new LiveMerge(300);
    merge.push(line(2, 1, 10, { kind: "recv", id: "1-1.1" }), 0);
    expect(told(merge.take(300))).toEqual(["2/1"]);
    merge.push(line(1, 1, 9, { kind: "send", id: "1-1.1" }), 400);
    expect(told(merge.take(Number.POSITIVE_INFINITY))).toEqual(["1/1"]);
  });

  it("must show a line once, however often a stream repeats it", () => {
    const merge = new LiveMerge(0);
    for (const seq of [1, 2, 1, 2, 3]) merge.push(line(1, seq, seq), 0);
    merge.push({ ...line(1, 1, 4), inc: 2, msg: "next life" }, 0);
    expect(told(merge.take(0))).toEqual(["1/1", "1/2", "1/3", "next life"]);
  });
});

describe("the filter", () => {
  const all = { types: null, nodes: null, sinceMs: null, heartbeats: true };

  it("must take kinds and types of messages in any case, and suggest what was meant", () => {
    expect([...parseTypes("Election, trade_confirm")]).toEqual(["election", "TRADE_CONFIRM"]);
    expect(() => parseTypes("electoin")).toThrow(/no line is of type "electoin"/);
  });

  it("must keep what the lab did to a node when that node is asked for", () => {
    const kill = line(0, 1, 5, { kind: "fault", action: "kill", nodes: [3], signal: "SIGKILL" });
    expect(isWanted(kill, { ...all, nodes: new Set([3]) })).toBe(true);
    expect(isWanted(kill, { ...all, nodes: new Set([2]) })).toBe(false);
  });

  it("must leave out heartbeats and probes, and nothing else of what is sent", () => {
    const shown = (type: string) => isWanted(line(1, 1, 5, { kind: "send", type }), { ...all, heartbeats: false });
    expect(["HEARTBEAT", "PING", "PONG", "ACK", "ELECTION"].filter(shown)).toEqual(["ACK", "ELECTION"]);
  });
});
