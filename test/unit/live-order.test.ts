// Lines of many nodes, put into one order while they come.
import { describe, expect, test } from "vitest";
import type { Entry } from "../../lab/journal/entry.ts";
import { TimeOrder } from "../../lab/journal/time-order.ts";

function line(node: number, seq: number, time: number, more: Partial<Entry> = {}): Entry {
  return { node, inc: 1, seq, time, mono: time, kind: "local", level: "info", msg: `${node}/${seq}`, ...more };
}

function names(entries: readonly Entry[]): string[] {
  return entries.map((entry) => entry.msg);
}

describe("the order of lines that still come", () => {
  test("must put a cause that arrives one turn late before its effect", () => {
    const order = new TimeOrder();
    order.add(line(2, 1, 10, { kind: "recv", id: "a" }));
    expect(order.turn()).toEqual([]);
    order.add(line(1, 1, 10, { kind: "send", id: "a" }));
    expect(names(order.turn())).toEqual(["1/1", "2/1"]);
    expect(order.isEmpty).toBe(true);
  });

  test("must let every line go after one turn of waiting, also when nothing follows", () => {
    const order = new TimeOrder();
    order.add(line(1, 1, 10));
    expect(order.turn()).toEqual([]);
    expect(names(order.turn())).toEqual(["1/1"]);
  });

  test("must keep what is later than all that has waited", () => {
    const order = new TimeOrder();
    order.add(line(1, 1, 10));
    order.turn();
    order.add(line(2, 1, 5));
    order.add(line(1, 2, 20));
    expect(names(order.turn())).toEqual(["2/1", "1/1"]);
    expect(names(order.turn())).toEqual(["1/2"]);
  });
});
