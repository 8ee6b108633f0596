/**
 * Asks nodes over their control channel: one transport for all calls of a client, datagrams or, where none can reach a node (cut off,
 * or only reachable from inside), a command inside its container.
 *
 * What is sent when, and what a reply means, is decided in node/wire/control-call.ts; frame and key: node/wire/control-frame.ts;
 * node/protocol/control.md.
 */
import {
  type ControlReply,
  type ControlRequest,
  type ControlResult,
  PingData,
  type RefusalCode,
} from "../../node/wire/control.ts";
import { type CallOutcome, ControlCall, type ReplyPace } from "../../node/wire/control-call.ts";
import { joinPages, openControlReply, sealControlRequest } from "../../node/wire/control-frame.ts";
import type { Authenticator } from "../../node/wire/envelope.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { toHex } from "../base/bytes.ts";
import type { Hints } from "../base/hint.ts";
import { interrupted, LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { ControlTransport } from "./udp-control.ts";
import { newRequestId, type World } from "./world.ts";

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
  /** Set to repeat a request that may have been executed already. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
  /** The node took the request up and is still working on it. */
  readonly onAccepted?: () => void;
}

const TIMEOUT_MS = 3_000;
/** A command inside a container begins with starting Node. */
const EXEC_TIMEOUT_MS = 10_000;

export class ControlClient implements AsyncDisposable {
  readonly #authenticator: Authenticator;
  readonly #bootId: string;
  /** Each takes the replies to its own requests. */
  readonly #calls = new Set<(reply: ControlReply, bootId: string) => void>();
  /** Boot ids that nodes put into their replies, by address. */
  readonly #boots = new Map<string, string>();
  readonly #world: World;
  readonly #pace: ReplyPace = { replyMs: 0 };
  #packetSeq = 0;
  #transport: Promise<ControlTransport> | null = null;

  /**
   * @param token null: the public one, which nodes obey from their own host only
   * @param world the nodes'
   */
  constructor(token: string | null, world: World) {
    this.#world = world;
    this.#bootId = toHex(world.entropy(8));
    this.#authenticator = world.controlKey(token);
  }

  /**
   * The node's answer, be it a refusal.
   * @throws LabError("timeout") without an answer within the deadline, LabError("interrupted") when aborted
   */
  async request(target: ControlTarget, body: ControlBody, options: CallOptions = {}): Promise<ControlResult> {
    const requestId = options.requestId ?? newRequestId(this.#world);
    const request = { ...body, request_id: requestId } as ControlRequest;
    const { address } = target;
    if (address === null) return requestByExec(target, request, options);
    const transport = await this.#open();
    const call = new ControlCall({
      request,
      boot: this.#boots.get(address) ?? null,
      deadlineMs: this.#world.clock.nowMs() + (options.timeoutMs ?? TIMEOUT_MS),
      pace: this.#pace,
      newId: () => newRequestId(this.#world),
      retryMsMax: options.retryMsMax,
      onAccepted: options.onAccepted,
    });
    const outcome = await this.#carry(call, transport, address, options.signal);
    if (outcome.state === "answered") return assertReadable(target, outcome.result);
    if (outcome.state === "silent") throw noAnswer(target, outcome, requestId);
    const why = "it restarted, or forgot the answer";
    throw new LabError("failed", `node ${target.node} can't send the rest of its answer: ${why}`, "repeat the command");
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

  /** The node's word about itself in one small datagram; null: no answer in time, or it doesn't obey us. */
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

  /** Does over the transport what the call asks for, until it has an outcome. */
  #carry(call: ControlCall, transport: ControlTransport, address: string, signal?: AbortSignal): Promise<CallOutcome> {
    const { clock } = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<CallOutcome>();
    let cancel = () => {};
    const advance = (): void => {
      cancel();
      try {
        if (clock.failure !== null) throw clock.failure;
        // What is lost is repeated; the deadline ends it.
        for (const request of call.poll(clock.nowMs())) transport.send(this.#seal(request), address);
      } catch (error) {
        reject(error);
        return;
      }
      if (call.outcome === null) cancel = clock.after(call.nextAtMs - clock.nowMs(), advance);
      else resolve(call.outcome);
    };
    const onReply = (reply: ControlReply, bootId: string): void => {
      if (!call.receive(reply, bootId, clock.nowMs())) return;
      this.#boots.set(address, bootId);
      advance();
    };
    const onAbort = () => reject(interrupted());
    this.#calls.add(onReply);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    else advance();
    return promise.finally(() => {
      cancel();
      this.#calls.delete(onReply);
      signal?.removeEventListener("abort", onAbort);
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
      if (opened.ok) for (const take of [...this.#calls]) take(opened.reply, opened.header.bootId);
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
  const answer = await target.exec(JSON.stringify(request), options.timeoutMs ?? EXEC_TIMEOUT_MS);
  return assertReadable(target, joinPages([answer]));
}

function assertReadable(target: ControlTarget, result: ControlResult | null): ControlResult {
  if (result !== null) return result;
  throw new LabError("failed", `node ${target.node} sent an answer that can't be read`, [
    "is it of another version?",
    NEXT.readAllStatus(),
  ]);
}

function noAnswer(
  target: ControlTarget,
  { sent, accepted }: { readonly sent: number; readonly accepted: boolean },
  requestId: string,
): LabError {
  const details = { node: target.node, request_id: requestId, accepted };
  if (accepted) {
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
