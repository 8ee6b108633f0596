/**
 * Asks nodes over their control channel: one transport for all of them, replies matched by request id.
 *
 * Idea: a request is a value that may be repeated without harm. It keeps its id over all repetitions (the node executes it at most
 * once), is repeated at growing intervals until the final reply is there, and ends at a deadline with an error that says what is
 * known. Where no datagram can reach a node (cut off, or only reachable from inside) the same request goes through `exec`.
 *
 * Source of frame and key: node/wire/control-frame.ts; node/protocol/control.md.
 */
import { createHmac, createSecretKey, hkdfSync } from "node:crypto";
import {
  BOUND_OPS,
  type ControlReply,
  type ControlRequest,
  type ControlResult,
  PingData,
  type RefusalCode,
} from "../../node/wire/control.ts";
import {
  CONTROL_KEY_INFO,
  CONTROL_TOKEN_OPEN,
  createControlAuthenticator,
  joinPages,
  openControlReply,
  sealControlRequest,
} from "../../node/wire/control-frame.ts";
import type { Authenticator } from "../../node/wire/envelope.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { Hints } from "../base/hint.ts";
import { interrupted, LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { ControlTransport } from "./udp-control.ts";
import { newRequestId, REAL_WORLD, type World } from "./world.ts";

type WithoutId<T> = T extends unknown ? Omit<T, "request_id"> : never;
/** A request before it gets its id. */
export type ControlBody = WithoutId<ControlRequest>;

export interface ControlTarget {
  readonly node: NodeId;
  /** `host:port`; null: no datagram reaches it from here. */
  readonly address: string | null;
  /** One request in JSON by a process inside the node's namespace; its answer is the result in JSON. */
  readonly exec?: (requestJson: string, timeoutMs: number) => Promise<string>;
}

export interface CallOptions {
  /** From the first datagram to the final reply. */
  readonly timeoutMs?: number;
  /** Longest pause between two repetitions. */
  readonly retryMsMax?: number;
  /** Given by whoever repeats a request that may have been executed already. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
  /** The node took the request up and is still working on it. */
  readonly onAccepted?: () => void;
}

/** First repetition: twice the time that answers took lately, within these bounds. */
const RETRY_MS_FIRST = 20;
const RETRY_MS_FIRST_MAX = 200;
const RETRY_MS_MAX = 400;
const TIMEOUT_MS = 3_000;
/** A command inside a container begins with starting Node. */
const EXEC_TIMEOUT_MS = 10_000;
/** Pages asked for at the same time. */
const PAGES_IN_FLIGHT = 16;

interface Waiting {
  onReply(reply: ControlReply, bootId: string): void;
}

export class ControlClient implements AsyncDisposable {
  readonly #authenticator: Authenticator;
  readonly #bootId: string;
  readonly #waiting = new Map<string, Waiting>();
  /** Boot ids that nodes put into their replies, by address. */
  readonly #boots = new Map<string, string>();
  readonly #world: World;
  #packetSeq = 0;
  /** Smoothed time to the first reply: nodes that have much to do must not be asked twice for each answer. */
  #replyMs = 0;
  #transport: Promise<ControlTransport> | null = null;

  /**
   * @param token null: the public one, which nodes obey from their own host only
   * @param world the nodes'; default: the real one
   */
  constructor(token: string | null, world: World = REAL_WORLD) {
    this.#world = world;
    this.#bootId = world.entropy(8).toString("hex");
    // As an object: a plain buffer would be made into one again for every datagram.
    const key = createSecretKey(Buffer.from(hkdfSync("sha256", token ?? CONTROL_TOKEN_OPEN, "", CONTROL_KEY_INFO, 32)));
    this.#authenticator = createControlAuthenticator((bytes) => createHmac("sha256", key).update(bytes).digest());
  }

  /**
   * The node's answer, be it a refusal.
   * @throws LabError("timeout") without an answer within the deadline, LabError("interrupted") when aborted
   */
  async request(target: ControlTarget, body: ControlBody, options: CallOptions = {}): Promise<ControlResult> {
    const requestId = options.requestId ?? newRequestId(this.#world);
    const unbound = { ...body, request_id: requestId } as ControlRequest;
    if (target.address === null) return requestByExec(target, unbound, options);
    const deadlineMs = this.#world.clock.nowMs() + (options.timeoutMs ?? TIMEOUT_MS);
    const request = BOUND_OPS.includes(body.op) ? await this.#bind(target, unbound, deadlineMs, options) : unbound;
    const first = await this.#exchange(target, request, deadlineMs, options, (reply) => reply.page === 0);
    const pages = [first.body];
    for (let at = 1; at < first.pages; at += PAGES_IN_FLIGHT) {
      const numbers = Array.from({ length: Math.min(PAGES_IN_FLIGHT, first.pages - at) }, (_, i) => at + i);
      pages.push(
        ...(await Promise.all(numbers.map((page) => this.#fetchPage(target, requestId, page, deadlineMs, options)))),
      );
    }
    return readResult(target, pages);
  }

  /** Data of a positive answer. @throws LabError("failed") with the node's own words for a refusal; `details.code` names it */
  async call(
    target: ControlTarget,
    body: ControlBody,
    options: CallOptions = {},
  ): Promise<{ data: unknown; text: string }> {
    const result = await this.request(target, body, options);
    if (result.ok) return { data: result.data, text: result.text ?? "" };
    throw refusal(target.node, result);
  }

  /** What the node says of itself in one small datagram; null: no answer in time, or it doesn't obey us. */
  async ping(target: ControlTarget, options: CallOptions = {}): Promise<PingData | null> {
    try {
      const { data } = await this.call(target, { op: "ping" }, options);
      return PingData.parse(data);
    } catch (error) {
      if (error instanceof LabError && error.exit === "interrupted") throw error;
      return null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const transport = await this.#transport?.catch(() => null);
    this.#transport = null;
    await transport?.close();
  }

  /** Names the process that is meant: the one that answered last, or answers now. */
  async #bind(
    target: ControlTarget,
    request: ControlRequest,
    deadlineMs: number,
    options: CallOptions,
  ): Promise<ControlRequest> {
    const address = target.address ?? "";
    if (!this.#boots.has(address))
      await this.#exchange(
        target,
        { op: "ping", request_id: newRequestId(this.#world) },
        deadlineMs,
        options,
        () => true,
      );
    return { ...request, boot: this.#boots.get(address) } as ControlRequest;
  }

  async #fetchPage(
    target: ControlTarget,
    of: string,
    page: number,
    deadlineMs: number,
    options: CallOptions,
  ): Promise<string> {
    const request: ControlRequest = { op: "page", request_id: newRequestId(this.#world), of, page };
    const reply = await this.#exchange(target, request, deadlineMs, options, () => true);
    if (reply.page !== page) {
      const why = "it restarted, or forgot the answer";
      throw new LabError(
        "failed",
        `node ${target.node} can't send the rest of its answer: ${why}`,
        "repeat the command",
      );
    }
    return reply.body;
  }

  /** Repeats one datagram until `accept` takes a final reply to it. */
  async #exchange(
    target: ControlTarget,
    request: ControlRequest,
    deadlineMs: number,
    options: CallOptions,
    accept: (reply: ControlReply) => boolean,
  ): Promise<ControlReply> {
    const transport = await this.#open();
    const address = target.address ?? "";
    const retryMsMax = options.retryMsMax ?? RETRY_MS_MAX;
    return new Promise((resolve, reject) => {
      const startedAtMs = this.#world.clock.nowMs();
      const patienceMs = Math.min(RETRY_MS_FIRST_MAX, Math.max(RETRY_MS_FIRST, 2 * this.#replyMs));
      let retryMs = Math.min(patienceMs, retryMsMax);
      let heard = false;
      let sent = 0;
      let taken = false;
      let cancelRetry = () => {};
      const finish = (settle: () => void) => {
        cancelRetry();
        this.#waiting.delete(request.request_id);
        options.signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = () => finish(() => reject(interrupted()));
      const send = () => {
        const leftMs = deadlineMs - this.#world.clock.nowMs();
        if (leftMs <= 0) {
          finish(() => reject(noAnswer(target, sent, taken, request)));
          return;
        }
        sent++;
        try {
          // What is lost is repeated; the deadline ends it.
          transport.send(this.#seal(request), address);
        } catch (error) {
          finish(() => reject(error));
          return;
        }
        cancelRetry = this.#world.clock.after(Math.min(retryMs, leftMs), send);
        retryMs = Math.min(retryMs * 1.6, retryMsMax);
      };
      this.#waiting.set(request.request_id, {
        onReply: (reply, bootId) => {
          if (!heard) this.#replyMs += (this.#world.clock.nowMs() - startedAtMs - this.#replyMs) / 8;
          heard = true;
          this.#boots.set(target.address ?? "", bootId);
          if (reply.final && accept(reply)) {
            finish(() => resolve(reply));
          } else if (!reply.final) {
            if (!taken) options.onAccepted?.();
            taken = true;
            // It works on it: ask again only in case its final reply gets lost.
            retryMs = Math.max(retryMs, 200);
          }
        },
      });
      if (options.signal?.aborted) onAbort();
      else {
        options.signal?.addEventListener("abort", onAbort);
        send();
      }
    });
  }

  #seal(request: ControlRequest): Uint8Array {
    this.#packetSeq++;
    return sealControlRequest(
      request,
      { sender: 0, incarnation: 0, bootId: this.#bootId, packetSeq: this.#packetSeq },
      this.#authenticator,
    );
  }

  #open(): Promise<ControlTransport> {
    this.#transport ??= this.#world.openControl((datagram) => {
      const opened = openControlReply(datagram, this.#authenticator);
      if (opened.ok) this.#waiting.get(opened.reply.request_id)?.onReply(opened.reply, opened.header.bootId);
    });
    return this.#transport;
  }
}

/** The node's refusal as the operator's error, in the node's own words. */
export function refusal(node: NodeId, result: Extract<ControlResult, { ok: false }>): LabError {
  const details = {
    node,
    code: result.code,
    definite: result.definite,
    ...(result.trade_id === undefined ? {} : { trade_id: result.trade_id }),
  };
  const exit = result.code === "IN_DOUBT" ? "timeout" : "failed";
  return new LabError(exit, result.message, hintFor(result.code, node, result.definite), { details });
}

function hintFor(code: RefusalCode, node: NodeId, definite: boolean): Hints {
  const hints: Partial<Record<RefusalCode, Hints>> = {
    SELF_TRADE: "name two different nodes",
    UNKNOWN_NODE: NEXT.readMembers(node),
    NODE_LEFT: ["start the other node again, or trade with another one", NEXT.listNodes()],
    NODE_FAILED: ["start or resume the other node, or trade with another one", NEXT.listNodes()],
    INSUFFICIENT_CREDITS: NEXT.readBalance(node),
    REJECTED: "nothing was changed",
    STALE: "the node restarted meanwhile and nothing was done; repeat the command",
    NOT_RECOVERING: NEXT.readStatus(node),
    NO_QUORUM: ["nothing was changed; a majority of the voters must run", NEXT.listNodes()],
    UNANSWERED: [
      "nothing was changed; resume or stop the nodes that don't answer, then repeat the command",
      NEXT.listNodes(),
    ],
    EXPIRED: ["nothing was traded: the other node didn't answer in time", NEXT.listNodes()],
    NOT_READY: ["it is still joining, or halted", NEXT.readStatus(node)],
    IN_DOUBT: ["it is decided when the other node answers", NEXT.readHistory(node)],
    STORAGE: ["its disk refuses writes", NEXT.readLogs(node)],
    BUSY: "repeat in a moment",
    UNAUTHORISED: "this node obeys another token: was its lab started by another user, or outside of the lab?",
  };
  return hints[code] ?? (definite ? "nothing was changed" : NEXT.readHistory(node));
}

async function requestByExec(
  target: ControlTarget,
  request: ControlRequest,
  options: CallOptions,
): Promise<ControlResult> {
  if (target.exec === undefined) {
    throw new LabError("failed", `node ${target.node} has no address to ask it at`, NEXT.listNodes());
  }
  return readResult(target, [await target.exec(JSON.stringify(request), options.timeoutMs ?? EXEC_TIMEOUT_MS)]);
}

function readResult(target: ControlTarget, pages: readonly string[]): ControlResult {
  const result = joinPages(pages);
  if (result !== null) return result;
  throw new LabError("failed", `node ${target.node} sent an answer that can't be read`, [
    "is it of another version?",
    NEXT.readAllStatus(),
  ]);
}

function noAnswer(target: ControlTarget, sent: number, taken: boolean, request: ControlRequest): LabError {
  const details = { node: target.node, request_id: request.request_id, accepted: taken };
  if (taken) {
    return new LabError(
      "timeout",
      `node ${target.node} works on it, but there is no result yet`,
      ["it stays in force", NEXT.readHistory(target.node)],
      { details },
    );
  }
  return new LabError(
    "timeout",
    `node ${target.node} doesn't answer at ${target.address} (asked ${sent} times)`,
    [NEXT.listNodes(), NEXT.readLogs(target.node)],
    { details },
  );
}
