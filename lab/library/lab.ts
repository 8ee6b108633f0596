/**
 * The library: a cluster as one object that a program starts, breaks, waits for and judges. `import { Lab } from "energy-lab"`.
 *
 * A thin front of what the commands do (lab/cluster/lab-handle.ts and the use cases beside it): the same names, the same faults, the same errors
 * (LabError says what happened and what to do). All waiting is by the clock of the runtime, so the same program runs in virtual time.
 *
 *   await using lab = await Lab.up({ nodes: 5 });
 *   await (await lab.leader()).kill();
 *   await lab.until("leader == 4", { withinMs: 5_000 });
 *   await lab.assertValid();
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { prepareScale, scale } from "../cluster/change.ts";
import { collectJournal } from "../cluster/collect.ts";
import { collectEvidence } from "../cluster/evidence.ts";
import { lookAtAll, parseCondition } from "../cluster/lab-conditions.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { reportNodes } from "../cluster/node-rows.ts";
import { openHandle } from "../cluster/open-handle.ts";
import { waitUntil } from "../cluster/wait-for.ts";
import { NO_IMPAIRMENT } from "../faults/fault.ts";
import { assertImpairs } from "../faults/parse-fault.ts";
import { type FaultCommand, resolveFault } from "../faults/request.ts";
import { heal, setFault } from "../faults/service.ts";
import type { Journal } from "../journal/journal.ts";
import { type CollectedRun, judgeRun } from "../report/judged-run.ts";
import { writeReport } from "../report/write-report.ts";
import { describeResults, judge } from "./judge-run.ts";
import { LabNode } from "./node.ts";
import { openLab } from "./open.ts";
import type {
  CheckReport,
  Condition,
  Fault,
  LabOptions,
  Netem,
  NodeRef,
  NodeStatus,
  Runtime,
  ScenarioOutcome,
  WaitOptions,
} from "./public-types.ts";
import { runScenarioOn } from "./run-scenario-on.ts";
import { splitConditions } from "./split-conditions.ts";
import { describeStatus } from "./status.ts";

const WAIT_MS = 30_000;
const VALID_MS = 60_000;
const JUDGE_EVERY_MS = 1_000;

export class Lab implements AsyncDisposable {
  readonly #inner: LabHandle;
  readonly #seed: number | null;
  readonly #down: () => Promise<void>;
  readonly #signal: AbortSignal;
  readonly #startedAtMs = Date.now();
  /** Asked for the run just before it is gone. */
  readonly #beforeDown: (() => Promise<void>)[] = [];
  #isDown = false;

  private constructor(
    inner: LabHandle,
    options: { seed: number | null; down: () => Promise<void>; signal: AbortSignal | undefined },
  ) {
    this.#inner = inner;
    this.#seed = options.seed;
    this.#down = options.down;
    this.#signal = options.signal ?? new AbortController().signal;
  }

  /**
   * Starts a cluster and waits until its nodes agree on a coordinator. It is taken down by `await using`, or `down()`.
   * @throws LabError; what was made by then is removed again
   */
  static async up(options: LabOptions = {}): Promise<Lab> {
    const { inner, seed, down } = await openLab(options);
    return new Lab(inner, { seed, down, signal: options.signal });
  }

  /** A lab that exists already (`lab up`): it stays when this handle is closed. @throws LabError("notFound") */
  static async open(
    name: string,
    options: { readonly runtime?: Runtime; readonly signal?: AbortSignal } = {},
  ): Promise<Lab> {
    const { runtime = "auto", signal } = options;
    const inner = await openHandle(name, { runtime, ...(signal === undefined ? {} : { signal }) });
    return new Lab(inner, { seed: null, down: () => inner[Symbol.asyncDispose](), signal });
  }

  get name(): string {
    return this.#inner.name;
  }

  /** Where it really runs, once `auto` was decided. */
  get runtime(): "docker" | "swarm" | "local" | "sim" {
    return this.#inner.info.runtime;
  }

  /** Ids of all nodes, ascending, those that don't run included. */
  get ids(): readonly NodeId[] {
    return this.#inner.ids;
  }

  get nodes(): readonly LabNode[] {
    return this.ids.map((id) => this.node(id));
  }

  /** @throws LabError("notFound") naming the nodes that there are */
  node(id: NodeId): LabNode {
    return new LabNode(this.#inner, this.#inner.node(id).id);
  }

  /** The nodes that a selector means now: `leader`, `followers`, `random`, `1-3`, `all`. */
  async select(ref: NodeRef): Promise<readonly LabNode[]> {
    return (await this.#resolve(ref)).map((id) => this.node(id));
  }

  /** The coordinator. @throws LabError("notFound") while nobody does: wait for `agree` first */
  async leader(): Promise<LabNode> {
    const [leader] = await this.select("leader");
    if (leader === undefined) throw new LabError("notFound", "there is no coordinator", "wait for `agree` first");
    return leader;
  }

  /** All nodes as engine and nodes describe them, by id. */
  async status(): Promise<readonly NodeStatus[]> {
    return (await reportNodes(this.#inner)).map(describeStatus);
  }

  /** Credits of the nodes that answer, each by its own word. */
  async balances(): Promise<Readonly<Record<NodeId, number>>> {
    const rows = await this.status();
    return Object.fromEntries(rows.flatMap(({ id, balance }) => (balance === null ? [] : [[id, balance]])));
  }

  /**
   * Waits until it holds: a condition in words (see Condition), or what a function says of all nodes' status.
   * @returns how long it took, in the time of the nodes
   * @throws LabError("timeout") with what was seen instead; LabError("usage") for words that mean nothing
   */
  async until(
    condition: Condition | ((nodes: readonly NodeStatus[]) => boolean),
    options: WaitOptions = {},
  ): Promise<{ readonly tookMs: number }> {
    const startedAtMs = this.#inner.clock.nowMs();
    const wait = { timeoutMs: options.withinMs ?? WAIT_MS, signal: this.#signal };
    if (typeof condition === "function") {
      await waitUntil(this.#inner, wait, async () => {
        const nodes = await this.status();
        return { done: condition(nodes), seen: describeSeen(nodes) };
      });
    } else {
      const conditions = splitConditions(condition).map(parseCondition);
      if (conditions.length === 0) throw new LabError("usage", "there is no condition", "write agree, or leader == 4");
      await waitUntil(this.#inner, wait, (answers) => lookAtAll(conditions, this.#inner, answers));
    }
    return { tookMs: this.#inner.clock.nowMs() - startedAtMs };
  }

  /** Lets time pass: the machine's, or the simulated world's (at once then). To wait for something, use `until`. */
  async sleep(ms: number): Promise<void> {
    await sleep(this.#inner.clock, ms, this.#signal);
  }

  /**
   * Cuts the network between groups; nodes in no group reach everyone; a single group is cut off from the rest.
   * The last argument may be `{ oneWay: true }` (only what the first group sends to the second) and `{ forMs }`.
   */
  async partition(...args: readonly [NodeRef, ...(NodeRef | PartitionOptions)[]]): Promise<Fault> {
    const last = args.at(-1);
    const options = isOptions(last) ? last : {};
    const groups = args.filter((arg): arg is NodeRef => !isOptions(arg));
    const { oneWay = false, forMs = null } = options;
    return await this.#impair({ verb: "partition", groups: groups.map(selectorOf), oneWay, forMs });
  }

  /** Cuts nodes off from all others, both ways. */
  async isolate(nodes: NodeRef, options: { readonly forMs?: number } = {}): Promise<Fault> {
    return await this.#impair({ verb: "isolate", nodes: selectorOf(nodes), forMs: options.forMs ?? null });
  }

  /** Delays, loses, doubles, reorders or slows down what a node sends. A later one for the same pairs replaces it. */
  async netem(netem: Netem): Promise<Fault> {
    const { node, to, from, both, forMs = null, ...values } = netem;
    const given = Object.entries(values).filter(([, value]) => value !== undefined);
    const impairment: Impairment = { ...NO_IMPAIRMENT, ...Object.fromEntries(given) };
    assertImpairs(impairment, "say what: { node: 3, delayMs: 100, loss: 0.1 }");
    return await this.#impair({
      verb: "netem",
      nodes: selectorOf(node),
      from: from === undefined ? undefined : selectorOf(from),
      to: to === undefined ? undefined : selectorOf(to),
      both,
      impairment,
      forMs,
    });
  }

  /** Ends all network faults, cables included. */
  async heal(): Promise<void> {
    await heal(this.#inner, { all: true });
  }

  /** Adds new nodes above all ids that were ever used, or lets the highest leave, until there are so many. */
  async scale(count: number): Promise<void> {
    await this.#inner.locked(`scale ${count}`, async () => {
      await scale(this.#inner, await prepareScale(this.#inner, count), this.#signal);
    });
    await this.#inner.refresh();
  }

  /**
   * Plays a scenario file (see `lab run`) on this lab, which stays; what the file says of nodes and settings is passed over.
   * Failed steps and broken promises are results. @throws LabError("usage") for a file that can't be read, with line and column
   */
  async run(file: string, options: { readonly seed?: number } = {}): Promise<ScenarioOutcome> {
    return await runScenarioOn(this.#inner, file, { signal: this.#signal, ...options });
  }

  /** The journal of all nodes and of the lab until now, in causal order. */
  async journal(): Promise<Journal> {
    return await collectJournal(this.#inner, { seed: this.#seed });
  }

  /**
   * Judges what happened until now by the journal: credits conserved, trades applied at most once, delivery causal, and so on. What takes
   * time (agreement after the last fault) is `inconclusive` until that time is over.
   * @param names only these checkers; default: all
   */
  async check(...names: readonly string[]): Promise<CheckReport> {
    // When somebody looked: until then at least the run went on.
    await this.#inner.note({ action: "check" }, "check");
    const journal = await this.journal();
    const { kind } = this.#inner;
    if (kind.hasControl) return judge(journal, names);
    return describeResults(journal, await kind.judge(journal, names.length === 0 ? "all" : names, "."));
  }

  /**
   * Waits until everything can be judged, and throws what was broken.
   * @throws LabError("invariantViolated") with the first violation and its proof; LabError("inconclusive") when it can't be judged by then
   */
  async assertValid(
    options: {
      /** Only these checkers; default: all. */
      readonly checks?: readonly string[];
      /** Promises about time need up to 15 s of calm (profile `fast`), in the time of the nodes. Default: 60,000. */
      readonly withinMs?: number;
    } = {},
  ): Promise<CheckReport> {
    const { clock } = this.#inner;
    const deadlineMs = clock.nowMs() + (options.withinMs ?? VALID_MS);
    for (;;) {
      const report = await this.check(...(options.checks ?? []));
      if (report.verdict === "valid") return report;
      const { facts, gaps } = report.journal;
      // A delivery that wasn't recorded won't be recorded later.
      const mayChange = report.verdict === "inconclusive" && facts.isDetailed && gaps.length === 0;
      if (!mayChange || clock.nowMs() >= deadlineMs) throw describeVerdict(report);
      await sleep(clock, JUDGE_EVERY_MS, this.#signal);
    }
  }

  /**
   * Writes everything about the run until now into a new folder inside `folder`: verdict, journal, logs, settings, report.html.
   * @returns its path
   */
  async report(folder: string, options: { readonly title?: string; readonly failure?: string } = {}): Promise<string> {
    const record = judgeRun(await this.collect(), { title: this.name, ...options });
    return (await writeReport(folder, record)).path;
  }

  /** @internal Everything that a report of the run until now takes, for callers that decide later whether to write one. */
  async collect(): Promise<CollectedRun> {
    const collected = await collectEvidence(this.#inner, { seed: this.#seed });
    return { ...collected, startedAtMs: this.#startedAtMs, tookMs: Date.now() - this.#startedAtMs };
  }

  /** @internal Has `collect` called just before the lab is taken down. */
  beforeDown(collect: () => Promise<void>): void {
    this.#beforeDown.push(collect);
  }

  /** Takes the lab down; one that was only opened stays. Safe to repeat. */
  async down(): Promise<void> {
    if (this.#isDown) return await this.#down();
    this.#isDown = true;
    try {
      for (const collect of this.#beforeDown) await collect();
    } finally {
      await this.#down();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  async #resolve(ref: NodeRef): Promise<readonly NodeId[]> {
    return (await this.#inner.resolve(selectorOf(ref))).map(({ id }) => id);
  }

  async #impair(command: FaultCommand): Promise<Fault> {
    const request = await resolveFault(this.#inner, command);
    const { id } = await setFault(this.#inner, request);
    const healThis = async () => {
      try {
        await heal(this.#inner, { id });
      } catch (error) {
        // It has ended by itself, or with all others.
        if (!(error instanceof LabError) || error.exit !== "notFound") throw error;
      }
    };
    return { id, what: request.cause, heal: healThis, [Symbol.asyncDispose]: healThis };
  }
}

export interface PartitionOptions {
  /** Cut only what the first group sends to the second. */
  readonly oneWay?: boolean;
  /** Ends by itself then. */
  readonly forMs?: number;
}

function selectorOf(ref: NodeRef): string {
  return typeof ref === "string" ? ref : typeof ref === "number" ? String(ref) : ref.join(",");
}

function isOptions(arg: NodeRef | PartitionOptions | undefined): arg is PartitionOptions {
  return typeof arg === "object" && !Array.isArray(arg);
}

function describeSeen(nodes: readonly NodeStatus[]): string {
  return nodes
    .map(
      ({ id, status, coordinator, balance }) =>
        `node ${id} ${status}, follows ${coordinator ?? "nobody"}, has ${balance ?? "?"}`,
    )
    .join("; ");
}

function describeVerdict({ verdict, violations, results }: CheckReport): LabError {
  const [first] = violations;
  if (verdict === "invalid" && first !== undefined) {
    const proof = first.proof
      .slice(-8)
      .map(({ node, inc, seq, msg }) => `    ${node === 0 ? "lab" : `node ${node}.${inc}`} #${seq}  ${msg}`);
    const message = [`${first.check}: ${first.what}`, ...proof].join("\n");
    return new LabError("invariantViolated", message, "the whole run: lab.report(folder)", { details: { violations } });
  }
  const unjudged = results.filter((result) => result.verdict === "inconclusive");
  const why = unjudged.map(({ check, detail }) => `${check}: ${detail}`).join("; ");
  return new LabError("inconclusive", `it can't be judged: ${why}`, 'make the lab with journal: "wire"');
}
