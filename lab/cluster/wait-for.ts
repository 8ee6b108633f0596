/**
 * Waiting for what nodes say of themselves, without fixed pauses.
 *
 * Idea: a question costs the node that is asked, and while fifty nodes start on two cores that is time they need for starting. So one
 * node, the likely coordinator, is asked in short intervals; the others when its answer changes, and again only while theirs
 * differs. What the condition needs is judged after every answer.
 */
import type { PingData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { type LabClock, sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { describeExit, isAlive, isUp } from "../engine/node-status.ts";
import { type Agreement, type Answers, judgeAgreement } from "./judge-agreement.ts";
import type { LabHandle } from "./lab-handle.ts";
import { lastWords } from "./last-words.ts";

const ASK_MS_MIN = 15;
const ASK_MS_PER_NODE = 2;
const ASK_MS_MAX = 250;
const RETRY_MS_MAX = 50;
const ASK_EXEC_MS = 500;
/** Nodes that agree with the one that is watched, or wait with it, are asked again after this at the latest. */
const ASK_MS_REST = 400;
/** How often the engine is asked whether nodes still run. */
const LOOK_MS = 400;

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called with the reason why it still waits, whenever that changes. */
  readonly onReason?: (reason: string) => void;
}

export interface Agreed {
  readonly agreement: Agreement;
  readonly answers: ReadonlyMap<NodeId, PingData>;
  readonly tookMs: number;
}

/**
 * Waits until `ids` agree (default: all nodes that run and aren't paused), on an elected coordinator where a majority can elect.
 * @throws LabError("timeout") with what was seen instead; LabError("failed") when one of the nodes exits meanwhile
 */
export async function waitForAgreement(
  lab: LabHandle,
  options: WaitOptions & { ids?: readonly NodeId[] },
): Promise<Agreed> {
  const { clock } = lab;
  const startedAtMs = clock.nowMs();
  const ids = options.ids ?? lab.running;
  if (ids.length === 0) throw new LabError("failed", `no node of lab "${lab.name}" is running`, NEXT.startAllNodes());
  const answers = new Map<NodeId, PingData | null>(ids.map((id) => [id, null]));
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  let reason = "";
  const { promise, resolve } = Promise.withResolvers<Agreed>();
  const sides = await lab.sides();
  const judge = () => {
    const agreement = judgeAgreement(answers, { sides, voters: lab.info.voters });
    if (agreement.reason !== reason) {
      reason = agreement.reason;
      if (reason !== "") options.onReason?.(reason);
    }
    return agreement;
  };
  let confirming = false;
  const onAnswer = async () => {
    if (confirming || !judge().agreed) return;
    // Answers are of different instants: one more round, all at once, must say the same.
    confirming = true;
    for (const [id, ping] of await lab.ping(ids, { signal })) answers.set(id, ping);
    confirming = false;
    const agreement = judge();
    if (agreement.agreed) {
      resolve({ agreement, answers: answers as Map<NodeId, PingData>, tookMs: clock.nowMs() - startedAtMs });
    }
  };
  const outOfTime = sleep(clock, options.timeoutMs, signal).then((): never => {
    throw new LabError(
      "timeout",
      `no agreement after ${options.timeoutMs / 1000} s: ${reason}`,
      [NEXT.listNodes(), NEXT.readAllLogs()],
      { details: { reason } },
    );
  });
  const pace = new Pace(answers, clock);
  const asking = ids.map((id) =>
    askAgain(lab, id, pace, signal, async (ping) => {
      answers.set(id, ping);
      pace.note(id);
      await onAnswer();
    }),
  );
  const looking = watchExits(lab, ids, signal);
  try {
    return await Promise.race([promise, outOfTime, ...asking, looking]);
  } finally {
    stop.abort();
    await Promise.allSettled([outOfTime, ...asking, looking]);
  }
}

/** Looks at the running nodes until `holds` says yes. @throws LabError("timeout") with what `describe` saw last */
export async function waitUntil(
  lab: LabHandle,
  options: WaitOptions,
  look: (answers: Answers) => Promise<{ readonly done: boolean; readonly seen: string }>,
): Promise<void> {
  const { clock } = lab;
  const deadlineMs = clock.nowMs() + options.timeoutMs;
  for (let lookedAtMs = Number.NEGATIVE_INFINITY, seen = ""; ; ) {
    if (clock.nowMs() - lookedAtMs > LOOK_MS) {
      lookedAtMs = clock.nowMs();
      await lab.refresh();
    }
    const leftMs = deadlineMs - clock.nowMs();
    const view = await look(await lab.ping(lab.running, { timeoutMs: Math.max(50, Math.min(leftMs, 500)) }));
    if (view.done) return;
    if (view.seen !== seen) options.onReason?.(view.seen);
    seen = view.seen;
    if (clock.nowMs() > deadlineMs) {
      throw new LabError(
        "timeout",
        `not reached after ${options.timeoutMs / 1000} s: ${seen}`,
        [NEXT.listNodes(), NEXT.readAllLogs()],
        {
          details: { seen },
        },
      );
    }
    const everyMs = lab.kind.lookEveryMs(lab.running.length);
    await sleep(clock, everyMs, options.signal);
  }
}

/** How soon each node is asked again. */
class Pace {
  readonly #answers: Answers;
  readonly #clock: LabClock;
  /** The highest id: the one that will lead, or know who does. */
  readonly #watched: NodeId;
  #claim = "";
  #changed = Promise.withResolvers<void>();

  constructor(answers: Answers, clock: LabClock) {
    this.#answers = answers;
    this.#clock = clock;
    this.#watched = Math.max(...answers.keys());
  }

  /** A new answer of `id` is there: if the watched node changed its mind, everybody is asked at once. */
  note(id: NodeId): void {
    const claim = this.#claimOf(this.#watched);
    if (id !== this.#watched || claim === this.#claim) return;
    this.#claim = claim;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async rest(id: NodeId, signal: AbortSignal): Promise<void> {
    const count = this.#answers.size;
    const isWatched = id === this.#watched;
    const isSettled = this.#claim === "" || this.#claimOf(id) === this.#claim;
    if (isWatched) await sleep(this.#clock, this.#claim === "" ? ASK_MS_MIN : askEveryMs(count), signal);
    else if (!isSettled) await sleep(this.#clock, askEveryMs(count), signal);
    else await sleepUnless(this.#changed.promise, this.#clock, ASK_MS_REST, signal);
  }

  /** Empty: not READY, or follows nobody. */
  #claimOf(id: NodeId): string {
    const ping = this.#answers.get(id) ?? null;
    if (ping === null || ping.phase !== "READY" || ping.coordinator === null) return "";
    return `${ping.coordinator}/${ping.term}/${ping.elected}`;
  }
}

async function askAgain(
  lab: LabHandle,
  id: NodeId,
  pace: Pace,
  signal: AbortSignal,
  onAnswer: (ping: PingData | null) => Promise<void>,
): Promise<never> {
  // A command inside a container costs a process: it is given time.
  const isByExec = lab.target(id).address === null;
  for (;;) {
    // A node that is starting doesn't listen yet: ask at short intervals instead of ever longer ones.
    const ping = await lab.pingOne(id, { signal, timeoutMs: 1_000, retryMsMax: RETRY_MS_MAX });
    await onAnswer(ping);
    await (isByExec ? sleep(lab.clock, ASK_EXEC_MS, signal) : pace.rest(id, signal));
  }
}

/** Throws when one of the nodes has exited: waiting for it would be in vain. */
async function watchExits(lab: LabHandle, ids: readonly NodeId[], signal: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(lab.clock, LOOK_MS, signal);
    const info = await lab.refresh();
    const gone = ids.filter((id) => !info.nodes.some((node) => node.id === id && isAlive(node)));
    if (gone.length > 0) throw await explainExit(lab, gone);
    const frozen = info.nodes.filter((node) => ids.includes(node.id) && !isUp(node));
    if (frozen.length > 0) {
      const who = frozen.map((node) => node.id);
      throw new LabError("failed", `node ${who.join(", ")} was paused meanwhile`, NEXT.resumeNodes(who));
    }
  }
}

/** Why nodes that should run don't: their last words. */
export async function explainExit(lab: LabHandle, ids: readonly NodeId[]): Promise<LabError> {
  const first = ids[0] ?? 0;
  const words = await lastWords(lab, first, 8);
  const node = lab.info.nodes.find(({ id }) => id === first);
  const end = node === undefined ? null : describeExit(node);
  const how = end === null ? "exited" : `exited (${end})`;
  const who = ids.length === 1 ? `node ${first} ${how}` : `nodes ${ids.join(", ")} exited; node ${first} ${how}`;
  const said =
    words.length === 0 ? " without a word" : ` and said last:\n${words.map((line) => `    ${line}`).join("\n")}`;
  return new LabError("failed", `${who}${said}`, [NEXT.readLogs(first), NEXT.startNodes(ids)], {
    details: { nodes: ids, last: words },
  });
}

export function askEveryMs(count: number): number {
  return Math.min(ASK_MS_MAX, ASK_MS_MIN + ASK_MS_PER_NODE * count);
}

/** A pause that `event` ends. */
async function sleepUnless(event: Promise<void>, clock: LabClock, ms: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([sleep(clock, ms, AbortSignal.any([signal, over.signal])), event]);
  } finally {
    over.abort();
  }
}
