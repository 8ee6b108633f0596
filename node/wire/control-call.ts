/**
 * One control request from its first datagram to its whole answer, without a socket, a clock or chance of its own: `poll` says what to
 * send now, `nextAtMs` when to poll again, and `receive` takes what arrived. The lab and the node's `control` command are two thin
 * transports around it.
 *
 * A request may be repeated without harm: it keeps its id, so the node executes it at most once (runtime/reply-cache.ts) and answers
 * each repetition alike. Repetitions grow apart until the final reply is there. An operation that must reach one certain process (BOUND_OPS)
 * carries its boot id; a ping asks for it first where it isn't known. An answer of several pages comes page by page.
 */
import { BOUND_OPS, type ControlReply, type ControlRequest, type ControlResult } from "./control.ts";
import { joinPages } from "./control-frame.ts";

/** First repetition: after twice the time that answers took lately, within these bounds. */
const RETRY_MS_FIRST = 20;
const RETRY_MS_FIRST_MAX = 200;
const RETRY_MS_MAX = 400;
const RETRY_GROWTH = 1.6;
/** A node that works on the request is asked again only in case its final reply gets lost. */
const RETRY_MS_ACCEPTED = 200;
/** Pages asked for at the same time. */
const PAGES_IN_FLIGHT = 16;

/** Smoothed time to the first reply, for all calls of one client: nodes that have much to do must not be asked twice for each answer. */
export interface ReplyPace {
  replyMs: number;
}

export interface ControlCallOptions {
  readonly request: ControlRequest;
  /** Boot id of the process that is meant; null: not known. Asked for when the operation needs it. */
  readonly boot: string | null;
  readonly deadlineMs: number;
  readonly pace: ReplyPace;
  /** An id that names a request for ever. */
  readonly newId: () => string;
  /** Longest pause between two repetitions. */
  readonly retryMsMax?: number | undefined;
  /** The node took the request up and is still working on it. */
  readonly onAccepted?: (() => void) | undefined;
}

export type CallOutcome =
  /** `result` is null when the answer can't be read. */
  | { readonly state: "answered"; readonly result: ControlResult | null }
  /** The node restarted, or forgot the answer, before all of its pages were here. */
  | { readonly state: "forgotten" }
  /** No final reply by the deadline. `sent`: datagrams that asked for it; `accepted`: the node works on it. */
  | { readonly state: "silent"; readonly sent: number; readonly accepted: boolean };

/** A request that waits for its reply. */
interface Exchange {
  readonly request: ControlRequest;
  /** Takes a final reply; false: it isn't the one that is waited for. */
  readonly take: (reply: ControlReply) => boolean;
  startedAtMs: number;
  nextAtMs: number;
  retryMs: number;
  sent: number;
  heard: boolean;
  accepted: boolean;
}

export class ControlCall {
  /** Null while it lasts. */
  outcome: CallOutcome | null = null;
  /** Of the process that answered last. */
  boot: string | null;
  readonly #options: ControlCallOptions;
  readonly #exchanges = new Map<string, Exchange>();
  readonly #pages: string[] = [];
  #pagesAsked = 1;
  #pagesTotal = 1;

  constructor(options: ControlCallOptions) {
    const { request, boot, newId } = options;
    this.#options = options;
    this.boot = boot;
    const isBound = BOUND_OPS.includes(request.op) && !("boot" in request);
    if (!isBound) this.#ask(request);
    else if (boot !== null) this.#ask({ ...request, boot } as ControlRequest);
    else {
      this.#begin({ op: "ping", request_id: newId() }, () => {
        this.#ask({ ...request, boot: this.boot } as ControlRequest);
        return true;
      });
    }
  }

  /** What to send at this instant, each in a datagram of its own. */
  poll(nowMs: number): readonly ControlRequest[] {
    const due = [...this.#exchanges.values()].filter((exchange) => exchange.nextAtMs <= nowMs);
    const { deadlineMs, retryMsMax = RETRY_MS_MAX } = this.#options;
    const [first] = due;
    if (this.outcome !== null || first === undefined) return [];
    if (nowMs >= deadlineMs) {
      this.outcome = { state: "silent", sent: first.sent, accepted: first.accepted };
      return [];
    }
    for (const exchange of due) {
      if (exchange.sent === 0) exchange.startedAtMs = nowMs;
      exchange.sent += 1;
      exchange.nextAtMs = Math.min(nowMs + exchange.retryMs, deadlineMs);
      exchange.retryMs = Math.min(exchange.retryMs * RETRY_GROWTH, retryMsMax);
    }
    return due.map(({ request }) => request);
  }

  /** When to poll again; -Infinity: now. Infinity: it is over. */
  get nextAtMs(): number {
    return this.outcome === null
      ? Math.min(...[...this.#exchanges.values()].map(({ nextAtMs }) => nextAtMs))
      : Number.POSITIVE_INFINITY;
  }

  /** @returns whether the reply is one to this call: what follows from it is in `outcome`, and in the next `poll` */
  receive(reply: ControlReply, bootId: string, nowMs: number): boolean {
    const exchange = this.#exchanges.get(reply.request_id);
    if (exchange === undefined || this.outcome !== null) return false;
    this.boot = bootId;
    const { pace, onAccepted } = this.#options;
    if (!exchange.heard) pace.replyMs += (nowMs - exchange.startedAtMs - pace.replyMs) / 8;
    exchange.heard = true;
    if (!reply.final) {
      if (!exchange.accepted) onAccepted?.();
      exchange.accepted = true;
      exchange.retryMs = Math.max(exchange.retryMs, RETRY_MS_ACCEPTED);
    } else if (exchange.take(reply)) {
      this.#exchanges.delete(reply.request_id);
    }
    return true;
  }

  #begin(request: ControlRequest, take: (reply: ControlReply) => boolean): void {
    const { pace, retryMsMax = RETRY_MS_MAX } = this.#options;
    const patienceMs = Math.min(RETRY_MS_FIRST_MAX, Math.max(RETRY_MS_FIRST, 2 * pace.replyMs));
    this.#exchanges.set(request.request_id, {
      request,
      take,
      startedAtMs: 0,
      nextAtMs: Number.NEGATIVE_INFINITY,
      retryMs: Math.min(patienceMs, retryMsMax),
      sent: 0,
      heard: false,
      accepted: false,
    });
  }

  #ask(request: ControlRequest): void {
    this.#begin(request, (reply) => {
      if (reply.page !== 0) return false;
      this.#pagesTotal = reply.pages;
      this.#keep(0, reply.body);
      while (this.#pagesAsked < Math.min(reply.pages, 1 + PAGES_IN_FLIGHT)) this.#fetchPage();
      return true;
    });
  }

  #fetchPage(): void {
    const page = this.#pagesAsked++;
    const request: ControlRequest = {
      op: "page",
      request_id: this.#options.newId(),
      of: this.#options.request.request_id,
      page,
    };
    this.#begin(request, (reply) => {
      if (reply.page !== page) this.outcome = { state: "forgotten" };
      else this.#keep(page, reply.body);
      if (this.outcome === null && this.#pagesAsked < this.#pagesTotal) this.#fetchPage();
      return true;
    });
  }

  #keep(page: number, body: string): void {
    this.#pages[page] = body;
    if (Object.keys(this.#pages).length === this.#pagesTotal)
      this.outcome = { state: "answered", result: joinPages(this.#pages) };
  }
}
