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
import { type CachedReply, createReplyCache, type ReplyCache } from "./reply-cache.ts";

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

interface Server extends ControlServerOptions {
  readonly cache: ReplyCache;
  /** Bound requests that were executed, beyond what the cache keeps of their answers. */
  readonly spent: Set<string>;
}

export function createControlServer(options: ControlServerOptions): ControlServer {
  const server: Server = { ...options, cache: createReplyCache(), spent: new Set() };
  return {
    receive: (datagram, address) => receive(server, datagram, address),
    reply: (requestId, final, result) =>
      final ? finish(server, requestId, result) : server.cache.get(requestId)?.pages === null,
  };
}

function receive(server: Server, datagram: Uint8Array, address: string): void {
  const opened = openControlRequest(datagram, server.authenticator);
  if (!opened.ok && opened.reason !== "bad_request") {
    server.count(opened.reason === "bad_tag" ? "control_unauthorised" : "control_malformed");
    return;
  }
  if (server.isOpen && !server.isLocal(address)) {
    server.count("control_unauthorised");
    return;
  }
  if (!opened.ok) refuse(server, opened.requestId, opened.code, opened.message, address);
  else if (opened.request.op === "page") fetchPage(server, opened.request, address);
  else answer(server, opened.request, address);
}

function fetchPage(server: Server, request: Extract<ControlRequest, { op: "page" }>, address: string): void {
  const { request_id: requestId, of, page } = request;
  const pages = server.cache.get(of)?.pages;
  if (pages == null) refuse(server, requestId, "NO_SUCH_PAGE", "that reply isn't here any more: ask again", address);
  else if (page >= pages.length)
    refuse(server, requestId, "NO_SUCH_PAGE", `page: the reply has ${pages.length} pages`, address);
  else sendPage(server, requestId, pages, page, address);
}

/** Executes the request, or answers it from the cache, or refuses it. */
function answer(server: Server, request: NodeRequest, address: string): void {
  const requestId = request.request_id;
  const stale = whyStale(server, request);
  if (stale !== null) {
    server.count("control_stale");
    refuse(server, requestId, "STALE", `that ${request.op} ${stale}`, address);
    return;
  }
  const fingerprint = JSON.stringify(request);
  const known = server.cache.get(requestId);
  if (known !== undefined) repeat(server, requestId, fingerprint, known, address);
  else if (!server.cache.begin(requestId, fingerprint, address))
    refuse(server, requestId, "BUSY", "too many requests are in progress", address);
  else execute(server, request);
}

/** Null: the request isn't stale. */
function whyStale({ cache, spent, bootId }: Server, request: NodeRequest): string | null {
  const requestId = request.request_id;
  const isForOther = isBound(request) && (request as { boot?: string }).boot !== bootId;
  if (isForOther) return "was meant for an earlier process of this node";
  return spent.has(requestId) && cache.get(requestId) === undefined ? "was executed long ago" : null;
}

/** The operation must not reach a later process of the node. */
function isBound(request: NodeRequest): boolean {
  return BOUND_OPS.includes(request.op);
}

/** The id is known: the same request gets its answer again. */
function repeat(server: Server, requestId: string, fingerprint: string, known: CachedReply, address: string): void {
  if (known.fingerprint !== fingerprint) {
    refuse(server, requestId, "BAD_REQUEST", "request_id: was used for another request", address);
    return;
  }
  server.count("control_repeated");
  known.address = address;
  if (known.pages === null) sendWorking(server, requestId, address);
  else sendPage(server, requestId, known.pages, 0, address);
}

function execute(server: Server, request: NodeRequest): void {
  server.count("control_requests");
  if (isBound(request)) spend(server.spent, request.request_id);
  const result = server.execute(request);
  // No word that work goes on: only a repeated request gets one. Most are done before, and it would be a fifth of a trade's datagrams.
  if (result !== null) finish(server, request.request_id, result);
}

function spend(spent: Set<string>, requestId: string): void {
  spent.add(requestId);
  const [oldest] = spent;
  if (spent.size > SPENT_MAX && oldest !== undefined) spent.delete(oldest);
}

function finish(server: Server, requestId: string, result: ControlResult): boolean {
  const entry = server.cache.finish(requestId, result);
  if (entry?.pages == null) return false;
  sendPage(server, requestId, entry.pages, 0, entry.address);
  return true;
}

/** Refusals of the channel itself aren't kept: they say nothing about an execution. */
function refuse(server: Server, requestId: string, code: RefusalCode, message: string, address: string): void {
  sendPage(server, requestId, [JSON.stringify(refusal(code, message))], 0, address);
}

function sendPage(server: Server, requestId: string, pages: readonly string[], page: number, address: string): void {
  send(server, { request_id: requestId, final: true, page, pages: pages.length, body: pages[page] ?? "" }, address);
}

function sendWorking(server: Server, requestId: string, address: string): void {
  send(server, { request_id: requestId, final: false, page: 0, pages: 1, body: "" }, address);
}

function send(server: Server, reply: ControlReply, address: string): void {
  server.send(sealControlReply(reply, server.nextSeal(), server.authenticator), address);
}

export function refusal(code: RefusalCode, message: string, definite = true): ControlResult {
  return { ok: false, code, definite, message };
}
