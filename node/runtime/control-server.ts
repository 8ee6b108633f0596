/**
 * The control channel's end in the node: authenticated requests in, paged replies out, each request executed at most once.
 *
 * It speaks on the peers' unicast socket but beside them: no impairment, no peer table, and it answers in every phase of the node's
 * life. A stranger without the token gets silence, not an error: an answer would tell that somebody is here, and who sends from a
 * forged address could aim it.
 *
 * Pure: the simulator's nodes have the same.
 */

import {
  BOUND_OPS,
  type ControlReply,
  type ControlRequest,
  type ControlResult,
  type RefusalCode,
} from "../wire/control.ts";
import { type ControlSeal, openControlRequest, sealControlReply } from "../wire/control-frame.ts";
import type { Authenticator } from "../wire/envelope.ts";
import { createReplyCache } from "./reply-cache.ts";

const SPENT_MAX = 10_000;

/** A request that is executed (or answered) by the node; pages are the server's own business. */
export type NodeRequest = Exclude<ControlRequest, { op: "page" }>;

export interface ControlServerOptions {
  /** With the token's key (wire/control-frame.ts). */
  readonly authenticator: Authenticator;
  /** No token was given: only `isLocal` addresses are obeyed. */
  readonly isOpen: boolean;
  /** Of this process: requests that another one was meant for are refused. */
  readonly bootId: string;
  /** Header of the next reply, its packet number used up. */
  readonly nextSeal: () => ControlSeal;
  readonly send: (datagram: Uint8Array, address: string) => void;
  readonly count: (counter: string) => void;
  /** True for addresses (`host:port`) of this machine or container: only they are obeyed without a token. */
  readonly isLocal: (address: string) => boolean;
  /** The result, or null when it will come through `finish`. */
  readonly execute: (request: NodeRequest) => ControlResult | null;
}

export interface ControlServer {
  receive(datagram: Uint8Array, address: string): void;
  /** The answer to a request that `execute` left open. A non-final one tells that work goes on. False: nobody asked. */
  reply(requestId: string, final: boolean, result: ControlResult): boolean;
}

export function createControlServer(options: ControlServerOptions): ControlServer {
  const { authenticator } = options;
  const cache = createReplyCache();
  /** Bound requests that were executed, beyond what the cache keeps of their answers. */
  const spent = new Set<string>();

  const send = (reply: ControlReply, address: string): void => {
    options.send(sealControlReply(reply, options.nextSeal(), authenticator), address);
  };
  const sendPage = (requestId: string, pages: readonly string[], page: number, address: string): void =>
    send({ request_id: requestId, final: true, page, pages: pages.length, body: pages[page] ?? "" }, address);
  const sendWorking = (requestId: string, address: string): void =>
    send({ request_id: requestId, final: false, page: 0, pages: 1, body: "" }, address);
  /** Refusals of the channel itself aren't kept: they say nothing about an execution. */
  const refuse = (requestId: string, code: RefusalCode, message: string, address: string): void =>
    sendPage(requestId, [JSON.stringify(refusal(code, message))], 0, address);

  const spend = (requestId: string): void => {
    spent.add(requestId);
    const [oldest] = spent;
    if (spent.size > SPENT_MAX && oldest !== undefined) spent.delete(oldest);
  };

  const finish = (requestId: string, result: ControlResult): boolean => {
    const entry = cache.finish(requestId, result);
    if (entry?.pages == null) return false;
    sendPage(requestId, entry.pages, 0, entry.address);
    return true;
  };

  const fetchPage = (request: Extract<ControlRequest, { op: "page" }>, address: string): void => {
    const pages = cache.get(request.of)?.pages;
    if (pages == null) refuse(request.request_id, "NO_SUCH_PAGE", "that reply isn't here any more: ask again", address);
    else if (request.page >= pages.length)
      refuse(request.request_id, "NO_SUCH_PAGE", `page: the reply has ${pages.length} pages`, address);
    else sendPage(request.request_id, pages, request.page, address);
  };

  const execute = (request: NodeRequest, address: string): void => {
    const requestId = request.request_id;
    const isBound = BOUND_OPS.includes(request.op);
    const isForOther = isBound && (request as { boot?: string }).boot !== options.bootId;
    if (isForOther || (spent.has(requestId) && cache.get(requestId) === undefined)) {
      options.count("control_stale");
      const why = isForOther ? "was meant for an earlier process of this node" : "was executed long ago";
      refuse(requestId, "STALE", `that ${request.op} ${why}`, address);
      return;
    }
    const fingerprint = JSON.stringify(request);
    const known = cache.get(requestId);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint) {
        refuse(requestId, "BAD_REQUEST", "request_id: was used for another request", address);
        return;
      }
      options.count("control_repeated");
      known.address = address;
      if (known.pages === null) sendWorking(requestId, address);
      else sendPage(requestId, known.pages, 0, address);
      return;
    }
    if (!cache.begin(requestId, fingerprint, address)) {
      refuse(requestId, "BUSY", "too many requests are in progress", address);
      return;
    }
    options.count("control_requests");
    if (isBound) spend(requestId);
    const result = options.execute(request);
    // Under way: whoever repeats the request hears so. Most are done before; a word on each would be a fifth of a trade's datagrams.
    if (result !== null) finish(requestId, result);
  };

  return {
    receive(datagram, address) {
      const opened = openControlRequest(datagram, authenticator);
      if (!opened.ok && opened.reason !== "bad_request") {
        options.count(opened.reason === "bad_tag" ? "control_unauthorised" : "control_malformed");
        return;
      }
      if (options.isOpen && !options.isLocal(address)) {
        options.count("control_unauthorised");
        return;
      }
      if (!opened.ok) refuse(opened.requestId, opened.code, opened.message, address);
      else if (opened.request.op === "page") fetchPage(opened.request, address);
      else execute(opened.request, address);
    },
    reply(requestId, final, result) {
      if (final) return finish(requestId, result);
      return cache.get(requestId)?.pages === null;
    },
  };
}

export function refusal(code: RefusalCode, message: string, definite = true): ControlResult {
  return { ok: false, code, definite, message };
}
