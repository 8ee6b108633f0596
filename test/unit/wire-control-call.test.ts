/** A control call as a machine without a socket: what it sends, when it repeats, and what it makes of replies. */
import { describe, expect, test } from "vitest";
import type { ControlReply, ControlRequest } from "../../node/wire/control.ts";
import { ControlCall, type ControlCallOptions } from "../../node/wire/control-call.ts";
import { cutPages } from "../../node/wire/control-frame.ts";

const PING: ControlRequest = { op: "ping", request_id: "r" };
const OK = { ok: true, data: { n: 1 } } as const;

function open(options: Partial<ControlCallOptions> = {}): ControlCall {
  let ids = 0;
  const newId = () => `id${++ids}`;
  return new ControlCall({ request: PING, boot: null, deadlineMs: 1_000, pace: { replyMs: 0 }, newId, ...options });
}

function reply(request_id: string, fields: Partial<ControlReply> = {}): ControlReply {
  return { request_id, final: true, page: 0, pages: 1, body: JSON.stringify(OK), ...fields };
}

/** The instants at which it sends, until it has an outcome. */
function run(call: ControlCall): number[] {
  const sent: number[] = [];
  for (let nowMs = 0; call.outcome === null; nowMs = call.nextAtMs) {
    sent.push(...call.poll(nowMs).map(() => Math.round(nowMs)));
  }
  return sent;
}

describe("a control call", () => {
  test("must repeat its request at growing intervals, and be silent at its deadline", () => {
    const call = open({ deadlineMs: 300 });
    expect(run(call)).toEqual([0, 20, 52, 103, 185]);
    expect(call.outcome).toEqual({ state: "silent", sent: 5, accepted: false });
    expect(call.nextAtMs).toBe(Number.POSITIVE_INFINITY);
    expect(call.poll(400)).toEqual([]);
  });

  test("must be patient where answers took long lately, and no more than its caller wants", () => {
    expect(run(open({ deadlineMs: 250, pace: { replyMs: 70 } }))).toEqual([0, 140]);
    expect(run(open({ deadlineMs: 100, retryMsMax: 30 }))).toEqual([0, 20, 50, 80]);
    expect(run(open({ deadlineMs: 500, pace: { replyMs: 900 } }))).toEqual([0, 200]);
  });

  test("must learn how long answers take", () => {
    const pace = { replyMs: 16 };
    const call = open({ pace });
    call.poll(100);
    call.receive(reply("r"), "b", 180);
    expect(pace.replyMs).toBe(24);
  });

  test("must take the reply to its own request only, once", () => {
    const call = open();
    call.poll(0);
    expect(call.receive(reply("other"), "b1", 1)).toBe(false);
    expect(call.outcome).toBeNull();
    expect(call.receive(reply("r"), "b2", 1)).toBe(true);
    expect(call).toMatchObject({ outcome: { state: "answered", result: OK }, boot: "b2" });
    expect(call.receive(reply("r"), "b3", 2)).toBe(false);
  });

  test("must ask less often once the node works on it, and say so once", () => {
    let accepted = 0;
    const call = open({ deadlineMs: 700, onAccepted: () => accepted++ });
    call.poll(0);
    for (let i = 0; i < 2; i++) call.receive(reply("r", { final: false, body: "" }), "b", 5);
    expect(accepted).toBe(1);
    expect(run(call)).toEqual([20, 220, 540]);
    expect(call.outcome).toEqual({ state: "silent", sent: 4, accepted: true });
  });

  test("must name the process that is meant: the one that is known, or the one that answers a ping", () => {
    const leave: ControlRequest = { op: "leave", request_id: "r" };
    expect(open({ request: leave, boot: "b" }).poll(0)).toEqual([{ ...leave, boot: "b" }]);
    const call = open({ request: leave });
    expect(call.poll(0)).toEqual([{ op: "ping", request_id: "id1" }]);
    call.receive(reply("id1"), "b9", 1);
    expect(call.poll(1)).toEqual([{ ...leave, boot: "b9" }]);
    expect(open({ request: { ...leave, boot: "old" } }).poll(0)).toMatchObject([{ boot: "old" }]);
  });

  test("must put an answer of many pages together, sixteen asked for at a time, in whatever order they come", () => {
    const result = { ok: true, data: { text: "x".repeat(20_000) } } as const;
    const pages = cutPages(result);
    expect(pages.length).toBeGreaterThan(17);
    const call = open();
    call.poll(0);
    call.receive(reply("r", { pages: pages.length, body: pages[0] ?? "" }), "b", 1);
    let asked = call.poll(1);
    expect(asked).toHaveLength(16);
    for (let nowMs = 2; call.outcome === null; nowMs++) {
      for (const request of asked.toReversed()) {
        const { page, of } = request as Extract<ControlRequest, { op: "page" }>;
        expect(of).toBe("r");
        call.receive(reply(request.request_id, { page, pages: pages.length, body: pages[page] ?? "" }), "b", nowMs);
      }
      asked = call.poll(nowMs);
    }
    expect(call.outcome).toEqual({ state: "answered", result });
  });

  test("must end when the node forgot the rest, or its answer can't be read", () => {
    const call = open();
    call.poll(0);
    call.receive(reply("r", { pages: 2, body: "{" }), "b", 1);
    const [request] = call.poll(1);
    call.receive(reply(request?.request_id ?? ""), "b", 2);
    expect(call.outcome).toEqual({ state: "forgotten" });
    const garbled = open();
    garbled.poll(0);
    garbled.receive(reply("r", { body: "{" }), "b", 1);
    expect(garbled.outcome).toEqual({ state: "answered", result: null });
  });
});
