// Which lines of a journal `lab events` shows.
import { describe, expect, it } from "vitest";
import type { Entry } from "../../lab/journal/entry.ts";
import { isWanted, parseTypes } from "../../lab/journal/filter.ts";

function line(node: number, seq: number, time: number, rest: Partial<Entry> = {}): Entry {
  return { node, inc: 1, seq, time, mono: time, kind: "local", level: "info", msg: `${node}/${seq}`, ...rest };
}

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
