// The control client against a node that is hard of hearing: a UDP socket that answers as the test says.
import * as crypto from "node:crypto";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ControlClient } from "../../lab/control/control-client.ts";
import { REAL_WORLD } from "../../lab/control/real-world.ts";
import type { ControlRequest, ControlResult } from "../../node/wire/control.ts";
import { controlAuthenticator, cutPages, openControlRequest, sealControlReply } from "../../node/wire/control-frame.ts";

const token = "a-token-of-this-test";
const authenticator = controlAuthenticator(token, crypto);

let socket: Socket;
let client: ControlClient;
let seen: ControlRequest[];
/** What the node does with a request; undefined: nothing. */
let onRequest: (request: ControlRequest, reply: (result: ControlResult, options?: ReplyOptions) => void) => void;

interface ReplyOptions {
  readonly final?: boolean;
  readonly page?: number;
  readonly as?: string;
}

beforeEach(async () => {
  seen = [];
  onRequest = () => {};
  client = new ControlClient(token, REAL_WORLD);
  socket = createSocket("udp4");
  let packetSeq = 0;
  socket.on("message", (datagram, from: RemoteInfo) => {
    const opened = openControlRequest(datagram, authenticator);
    if (!opened.ok) return;
    seen.push(opened.request);
    onRequest(opened.request, (result, { final = true, page = 0, as = opened.request.request_id } = {}) => {
      packetSeq++;
      const pages = cutPages(result);
      const body = final ? (pages[page] ?? "") : "";
      const seal = { sender: 1, incarnation: 1, bootId: "00000000000000ff", packetSeq };
      socket.send(
        sealControlReply({ request_id: as, final, page, pages: pages.length, body }, seal, authenticator),
        from.port,
        from.address,
      );
    });
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  socket.close();
});

const target = () => ({ node: 1, address: `127.0.0.1:${socket.address().port}` });
const order = { op: "sell", peer: 2, amount: 5, inc: 1, until: "settled" } as const;

test("a lost request must be repeated with the same id", async () => {
  onRequest = (_request, reply) => {
    if (seen.length === 3) reply({ ok: true, data: 7 });
  };
  expect(await client.request(target(), { op: "balance" })).toEqual({ ok: true, data: 7 });
  expect(new Set(seen.map((request) => request.request_id)).size).toBe(1);
});

test("a request that is taken up must be waited for, and told so once", async () => {
  let taken = 0;
  onRequest = (_request, reply) => {
    reply({ ok: true, data: null }, { final: false });
    if (seen.length === 2) reply({ ok: true, data: { trade_id: "1-2-1.1" } });
  };
  const result = await client.request(target(), order, { onAccepted: () => taken++ });
  expect(result).toMatchObject({ ok: true, data: { trade_id: "1-2-1.1" } });
  expect(taken).toBe(1);
});

test("a long answer must be put together from pages, lost ones fetched again", async () => {
  const long = { ok: true, data: Array.from({ length: 400 }, (_, i) => `entry ${i} é`) } as const;
  let lost = 0;
  onRequest = (request, reply) => {
    // Every other page request gets lost.
    if (request.op === "page" && lost++ % 2 === 0) return;
    reply(long, request.op === "page" ? { page: request.page } : {});
  };
  expect(await client.request(target(), { op: "state" }, { timeoutMs: 10_000 })).toEqual(long);
});

test("an answer whose pages are gone must be an error that says to repeat", async () => {
  const long = { ok: true, data: "x".repeat(2_000) } as const;
  onRequest = (request, reply) => {
    if (request.op === "page") reply({ ok: false, code: "NO_SUCH_PAGE", definite: true, message: "gone" });
    else reply(long);
  };
  await expect(client.request(target(), { op: "state" })).rejects.toMatchObject({
    exit: "failed",
    hint: "repeat the command",
  });
});

test("answers to many requests at once must find their own", async () => {
  onRequest = (request, reply) => {
    if (request.op === "history") reply({ ok: true, data: request.offset });
  };
  const offsets = Array.from({ length: 200 }, (_, i) => i);
  const results = await Promise.all(
    offsets.map((offset) => client.request(target(), { op: "history", offset, limit: 1 })),
  );
  expect(results.map((result) => (result as { data: unknown }).data)).toEqual(offsets);
});

test("silence must end at the deadline, and say how often was asked", async () => {
  await expect(client.request(target(), { op: "ping" }, { timeoutMs: 200 })).rejects.toMatchObject({
    exit: "timeout",
    message: expect.stringMatching(/node 1 doesn't answer at 127\.0\.0\.1:\d+ \(asked \d+ times\)/),
    details: { accepted: false },
  });
  expect(seen.length).toBeGreaterThan(2);
});

test("a request that was taken up and never finished must say that it stays in force", async () => {
  onRequest = (_request, reply) => reply({ ok: true, data: null }, { final: false });
  await expect(client.request(target(), order, { timeoutMs: 200 })).rejects.toMatchObject({
    exit: "timeout",
    details: { accepted: true },
  });
});

test("a refusal must carry the node's words, its code and whether it is definite", async () => {
  onRequest = (_request, reply) =>
    reply({ ok: false, code: "SELF_TRADE", definite: true, message: "Cannot trade with yourself" });
  await expect(client.call(target(), order)).rejects.toMatchObject({
    exit: "failed",
    message: "Cannot trade with yourself",
    hint: "name two different nodes",
    details: { code: "SELF_TRADE", definite: true },
  });
});

test("an interruption must end the wait at once", async () => {
  const interrupt = new AbortController();
  const asked = client.request(target(), { op: "ping" }, { timeoutMs: 60_000, signal: interrupt.signal });
  interrupt.abort();
  await expect(asked).rejects.toMatchObject({ exit: "interrupted" });
});

test("replies under another key, or to another request, must be ignored", async () => {
  onRequest = (request, reply) => {
    reply({ ok: true, data: "other" }, { as: "another-request" });
    if (seen.length === 2) reply({ ok: true, data: request.op });
  };
  expect(await client.request(target(), { op: "ping" })).toEqual({ ok: true, data: "ping" });
  await using stranger = new ControlClient("another-token", REAL_WORLD);
  await expect(stranger.request(target(), { op: "ping" }, { timeoutMs: 100 })).rejects.toMatchObject({
    exit: "timeout",
  });
});

test("a node without an address must be asked by exec", async () => {
  const asked: unknown[] = [];
  const exec = (json: string) => {
    asked.push(JSON.parse(json));
    return Promise.resolve('{"ok":true,"data":1}');
  };
  expect(await client.request({ node: 1, address: null, exec }, { op: "balance" })).toEqual({ ok: true, data: 1 });
  expect(asked).toMatchObject([{ op: "balance", request_id: expect.any(String) }]);
});
