import * as crypto from "node:crypto";
import { describe, expect, test } from "vitest";
import { type ControlServer, createControlServer, type NodeRequest } from "../../node/runtime/control-server.ts";
import { type ControlReply, type ControlResult, Impairment, type ImpairmentRule } from "../../node/wire/control.ts";
import {
  controlAuthenticator,
  cutPages,
  joinPages,
  openControlReply,
  openControlRequest,
  sealControlRequest,
  splitRules,
} from "../../node/wire/control-frame.ts";
import { HEADER_BYTES, isControlDatagram, OVERHEAD_BYTES, sealDatagram } from "../../node/wire/envelope.ts";

const token = "a long token";
const BOOT = "00000000000000aa";
const client = { sender: 0, incarnation: 0, bootId: "00000000000000cc", packetSeq: 1 };

class Bench {
  readonly executed: NodeRequest[] = [];
  readonly replies: { reply: ControlReply; address: string; bytes: number }[] = [];
  readonly counters = new Map<string, number>();
  result: ControlResult | null = { ok: true, data: { done: true } };
  readonly server: ControlServer;
  readonly #token: string | null;

  constructor(serverToken: string | null = token) {
    this.#token = serverToken;
    let packetSeq = 0;
    this.server = createControlServer({
      authenticator: controlAuthenticator(serverToken, crypto),
      isOpen: serverToken === null,
      bootId: BOOT,
      nextSeal: () => ({ sender: 1, incarnation: 2, bootId: "00000000000000aa", packetSeq: ++packetSeq }),
      send: (datagram, address) => {
        const opened = openControlReply(datagram, controlAuthenticator(this.#token, crypto));
        if (!opened.ok) throw new Error(opened.reason);
        this.replies.push({ reply: opened.reply, address, bytes: datagram.length });
      },
      count: (name) => this.counters.set(name, (this.counters.get(name) ?? 0) + 1),
      isLocal: (address) => address.startsWith("127."),
      execute: (request) => {
        this.executed.push(request);
        return this.result;
      },
    });
  }

  ask(request: unknown, options: { token?: string | null; address?: string } = {}): void {
    const authenticator = controlAuthenticator(options.token === undefined ? this.#token : options.token, crypto);
    this.server.receive(
      sealControlRequest(request as never, client, authenticator),
      options.address ?? "127.0.0.1:40000",
    );
  }

  /** The last reply's result, its first page only. */
  lastResult(): ControlResult | null {
    return joinPages([this.replies.at(-1)?.reply.body ?? ""]);
  }
}

describe("the control channel", () => {
  test("must execute an authentic request once, however often it comes, and answer each time", () => {
    const bench = new Bench();
    const sell = { op: "sell", request_id: "r1", peer: 2, amount: 30 };
    bench.ask(sell);
    bench.ask(sell, { address: "127.0.0.1:40001" });
    expect(bench.executed).toEqual([{ ...sell, until: "settled" }]);
    expect(bench.replies.map(({ reply, address }) => [reply.request_id, reply.final, address])).toEqual([
      ["r1", true, "127.0.0.1:40000"],
      ["r1", true, "127.0.0.1:40001"],
    ]);
  });

  test.each(["election", "leave", "recover"])(
    "must refuse a %s that names another process or none, and count it",
    (op) => {
      const bench = new Bench();
      for (const boot of [undefined, "00000000000000ab"]) {
        bench.ask({ op, request_id: "r1", boot });
        expect(bench.lastResult()).toMatchObject({ ok: false, code: "STALE", definite: true });
      }
      expect(bench.executed).toEqual([]);
      expect(bench.counters.get("control_stale")).toBe(2);
      bench.ask({ op, request_id: "r1", boot: BOOT });
      expect(bench.executed).toHaveLength(1);
    },
  );

  test("must not execute an election again when its answer has long been forgotten", () => {
    const bench = new Bench();
    bench.ask({ op: "election", request_id: "e", boot: BOOT });
    for (let n = 0; n < 1_100; n++) bench.ask({ op: "ping", request_id: `p${n}` });
    bench.ask({ op: "election", request_id: "e", boot: BOOT });
    expect(bench.executed.filter((request) => request.op === "election")).toHaveLength(1);
    expect(bench.lastResult()).toMatchObject({ ok: false, code: "STALE" });
  });

  test("must say to a client that asks again that it works on it, and answer the last one when it is done", () => {
    const bench = new Bench();
    bench.result = null;
    bench.ask({ op: "election", request_id: "r1", boot: BOOT });
    expect(bench.replies).toEqual([]);
    bench.ask({ op: "election", request_id: "r1", boot: BOOT }, { address: "127.0.0.1:40001" });
    expect(bench.replies.map(({ reply }) => reply.final)).toEqual([false]);
    expect(bench.server.reply("r1", true, { ok: true, data: 5 })).toBe(true);
    expect(bench.replies.at(-1)?.address).toBe("127.0.0.1:40001");
    expect(bench.lastResult()).toEqual({ ok: true, data: 5 });
    expect(bench.server.reply("r1", true, { ok: true, data: 6 })).toBe(false);
    expect(bench.executed).toHaveLength(1);
  });

  test("must be silent towards a sender without the token", () => {
    const bench = new Bench();
    bench.ask({ op: "leave", request_id: "r1", boot: BOOT }, { token: "another token" });
    bench.ask({ op: "leave", request_id: "r1", boot: BOOT }, { token: null });
    bench.server.receive(new Uint8Array(100), "127.0.0.1:1");
    expect(bench.replies).toEqual([]);
    expect(bench.executed).toEqual([]);
    expect(bench.counters.get("control_unauthorised")).toBe(2);
  });

  test("must obey its own host only when there is no token", () => {
    const bench = new Bench(null);
    bench.ask({ op: "ping", request_id: "r1" }, { address: "10.0.0.9:40000" });
    expect(bench.replies).toEqual([]);
    expect(bench.counters.get("control_unauthorised")).toBe(1);
    bench.ask({ op: "ping", request_id: "r1" });
    expect(bench.executed).toHaveLength(1);
  });

  const bad: readonly [request: Record<string, unknown>, code: string, message: RegExp][] = [
    [{ op: "dance" }, "UNKNOWN_COMMAND", /unknown command "dance"/],
    [{ op: "sell", peer: 2 }, "BAD_REQUEST", /amount: must be a whole number.*not nothing/],
    [{ op: "sell", peer: 2, amount: 0 }, "BAD_REQUEST", /amount: .*from 1 to 1099511627776, not 0/],
    [{ op: "sell", peer: 2, amount: -5 }, "BAD_REQUEST", /amount/],
    [{ op: "sell", peer: 2, amount: 1.5 }, "BAD_REQUEST", /amount/],
    [{ op: "sell", peer: 2, amount: "30" }, "BAD_REQUEST", /amount: .*not "30"/],
    [{ op: "buy", peer: 2, amount: 2 ** 41 }, "BAD_REQUEST", /amount/],
    [{ op: "buy", peer: 0, amount: 1 }, "BAD_REQUEST", /peer: must be a node number/],
    [{ op: "history", limit: 5000 }, "BAD_REQUEST", /limit/],
  ];
  test.each(bad)("must refuse %j with the field's name, and change nothing", (request, code, message) => {
    const bench = new Bench();
    bench.ask({ ...request, request_id: "r1" });
    expect(bench.executed).toEqual([]);
    expect(bench.lastResult()).toMatchObject({ ok: false, code, definite: true });
    expect((bench.lastResult() as { message: string }).message).toMatch(message);
  });

  test("must not take an id for two different requests", () => {
    const bench = new Bench();
    bench.ask({ op: "sell", request_id: "r1", peer: 2, amount: 30 });
    bench.ask({ op: "sell", request_id: "r1", peer: 2, amount: 31 });
    expect(bench.executed).toHaveLength(1);
    expect(bench.lastResult()).toMatchObject({ code: "BAD_REQUEST" });
  });

  test("must page what is longer than a datagram, and fit every page into one, whatever the text", () => {
    const bench = new Bench();
    const data = { text: '"\\\u0001ü€💡'.repeat(400) };
    bench.result = { ok: true, data };
    bench.ask({ op: "state", request_id: "r1" });
    const pages = bench.replies[0]?.reply.pages ?? 0;
    expect(pages).toBeGreaterThan(10);
    for (let page = 1; page < pages; page++) bench.ask({ op: "page", request_id: `p${page}`, of: "r1", page });
    expect(Math.max(...bench.replies.map((reply) => reply.bytes))).toBeLessThanOrEqual(1200);
    expect(joinPages(bench.replies.map(({ reply }) => reply.body))).toEqual(bench.result);
    expect(bench.executed).toHaveLength(1);
    bench.ask({ op: "page", request_id: "beyond", of: "r1", page: pages });
    expect(bench.lastResult()).toMatchObject({ code: "NO_SUCH_PAGE" });
  });

  test("must forget old replies rather than grow, but never a request in progress", () => {
    const bench = new Bench();
    bench.result = null;
    bench.ask({ op: "election", request_id: "open", boot: BOOT });
    bench.result = { ok: true, data: 1 };
    for (let i = 0; i < 1500; i++) bench.ask({ op: "ping", request_id: `q${i}` });
    bench.ask({ op: "page", request_id: "p", of: "q0", page: 0 });
    expect(bench.lastResult()).toMatchObject({ code: "NO_SUCH_PAGE" });
    bench.ask({ op: "election", request_id: "open", boot: BOOT });
    expect(bench.executed.filter((request) => request.op === "election")).toHaveLength(1);
  });
});

describe("control frames", () => {
  test("must keep peers' and control datagrams apart by flag and key", () => {
    const auth = controlAuthenticator(token, crypto);
    const datagram = sealControlRequest({ op: "ping", request_id: "r" }, client, auth);
    expect(isControlDatagram(datagram)).toBe(true);
    expect(openControlRequest(datagram, auth)).toMatchObject({ ok: true, request: { op: "ping" } });
    expect(openControlRequest(datagram, controlAuthenticator("other token", crypto))).toEqual({
      ok: false,
      reason: "bad_tag",
    });
    const garbage = sealDatagram({ ...client, control: true, keyId: 0 }, new TextEncoder().encode("[1"), auth);
    expect(openControlRequest(garbage, auth)).toEqual({ ok: false, reason: "not_json" });
    const anonymous = sealDatagram({ ...client, control: true, keyId: 0 }, new TextEncoder().encode("{}"), auth);
    expect(openControlRequest(anonymous, auth)).toEqual({ ok: false, reason: "schema" });
  });

  test("must cut pages of ASCII that join to the same result", () => {
    const result: ControlResult = { ok: true, data: ["Zürich", "💡"], text: "€" };
    const pages = cutPages(result);
    expect(pages.join("")).toMatch(/^[\x20-\x7e]*$/);
    expect(joinPages(pages)).toEqual(result);
    expect(joinPages(["{"])).toBeNull();
  });

  test("must split rules so that each part fits a datagram", () => {
    const rules: ImpairmentRule[] = Array.from({ length: 100 }, (_, i) => ({
      id: `rule ${i} ${"x".repeat(30)}`.slice(0, 40),
      source: 60_000 + i,
      impairment: Impairment.parse({ delayMs: 59_999.123, rateBps: 9_999_999_999, loss: 0.123456 }),
      untilMs: 1_700_000_000_000,
    }));
    const groups = splitRules(rules);
    expect(groups.flat()).toEqual(rules);
    const auth = controlAuthenticator(null, crypto);
    for (const [part, group] of groups.entries()) {
      const request = {
        op: "impair",
        request_id: "x".repeat(48),
        generation: Number.MAX_SAFE_INTEGER,
        rules: group,
        part,
        parts: groups.length,
      } as const;
      expect(sealControlRequest(request, client, auth).length).toBeLessThanOrEqual(1200);
    }
    expect(splitRules([])).toEqual([[]]);
    expect(OVERHEAD_BYTES).toBeGreaterThan(HEADER_BYTES);
  });
});
