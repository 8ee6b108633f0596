/**
 * Brings a fault list about on the nodes it concerns, and reads back whether it is there.
 *
 * Idea: one exec a node does everything in its kernel (put the script there, apply, report), in parallel with one control request
 * for its shim. Only nodes whose compiled state changes are touched. A node that is down or paused can't be: its report says
 * `pending`, and the command that starts or resumes it calls `reapplyFaults` (service.ts).
 */

import { splitRules } from "../../node/wire/control-frame.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { KernelFaults, NodeInfo } from "../engine/engine.ts";
import { FAULTS_DIR } from "../engine/engine.ts";
import { isUp } from "../engine/node-status.ts";
import { type CompiledNode, compileNode, isSame, stateAt } from "./compile.ts";
import { SCRIPT_EXIT } from "./compile-library.ts";
import { type Application, compileInstallScript, compileTimerScript, needsTimer } from "./compile-script.ts";
import { type FaultList, type FaultReport, NO_VERSIONS, type NodeVersions } from "./fault.ts";
import { writeFaults } from "./fault-store.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import { hasTools, readShim } from "./node-copy.ts";
import { findDifferences, parseReadBack, type ReadBack } from "./verify.ts";

export interface ApplyOptions {
  /** The list that held before; nodes for which nothing changes are left alone. */
  readonly previous: FaultList;
  /** Nodes to bring to their state in any case; default: none. */
  readonly force?: readonly NodeId[];
}

const FOREIGN = "foreignList";
/** Generations that a node may have: more than these few commands in a row have never died on their way. */
const KNOWN_MAX = 7;
/** An argument of exec may have 128 KiB. */
const ARGUMENT_CHARS_MAX = 100_000;
/** A node that is just starting takes a while to listen: a container on a machine with ten runnable processes a core took 14 s. */
const SHIM_MS_MAX = 30_000;
/** Nodes worked on at the same time: more only make the engine's queue longer. */
const NODES_AT_ONCE = 12;

/** Result of applying a list: the list with what its nodes have now, and a report or a failure of each node concerned. */
export interface Applied {
  readonly list: FaultList;
  readonly reports: readonly FaultReport[];
  readonly failures: ReadonlyMap<NodeId, LabError>;
}

/** A node's refusal: it has a list that this one doesn't come from. */
export function isForeign(error: LabError): boolean {
  return error.details.reason === FOREIGN;
}

interface NodeWork {
  readonly node: NodeInfo;
  readonly before: CompiledNode;
  readonly compiled: CompiledNode;
  /** A shim without rules before and after needn't be told, unless what it has of earlier isn't known. */
  readonly tellShim: boolean;
}

/** Saves the list, brings it about, and saves what came of it. The caller holds the lab's lock. */
export async function applyFaults(
  lab: FaultableLab,
  list: FaultList,
  kernel: KernelFaults,
  options: ApplyOptions,
): Promise<Applied> {
  const work = planWork(lab, list, kernel, options);
  const touched = work.filter(({ node }) => isUp(node));
  // Written down before it is sent: a command that dies in between must not take its own list for somebody else's.
  const addOwn = (versions: readonly number[] | null) =>
    versions === null ? null : [...versions.slice(-KNOWN_MAX), list.generation];
  await writeFaults(lab, withVersions(list, touched, addOwn));
  const failures = new Map<NodeId, LabError>();
  const reports = await mapLimited(work, NODES_AT_ONCE, async ({ node, before, compiled, tellShim }) => {
    if (!isUp(node)) return pendingReport(node, before, compiled);
    const known = list.nodes[node.id] ?? NO_VERSIONS;
    try {
      return await applyToNode(lab, { compiled, kernel, list, known, tellShim });
    } catch (error) {
      failures.set(node.id, asLabError(error, node.id));
      return null;
    }
  });
  const done = touched.filter(({ node }) => !failures.has(node.id));
  // A node that refused has neither; one that failed may have either.
  const doubtful = touched.filter(({ node }) => {
    const failure = failures.get(node.id);
    return failure !== undefined && !isForeign(failure);
  });
  const settled = withVersions(
    withVersions(list, done, () => [list.generation]),
    doubtful,
    addOwn,
  );
  await writeFaults(lab, settled);
  return { list: settled, reports: reports.filter((report) => report !== null), failures };
}

/** @throws LabError for the first node that failed, naming those that didn't */
export function assertApplied({ reports, failures }: Applied): void {
  const [first] = failures.values();
  if (first === undefined) return;
  throw new LabError(first.exit, summarise(first, failures.size, reports), first.hints, {
    cause: first,
    details: { ...first.details, reports },
  });
}

function planWork(
  lab: FaultableLab,
  list: FaultList,
  kernel: KernelFaults,
  { previous, force = [] }: ApplyOptions,
): readonly NodeWork[] {
  const nowMs = lab.clock.wallMs();
  const compile = (source: FaultList, node: NodeInfo): CompiledNode =>
    compileNode(source, node, lab.info.nodes, kernel, nowMs);
  return lab.info.nodes
    .map((node) => {
      const [before, compiled] = [compile(previous, node), compile(list, node)];
      const isForced = force.includes(node.id);
      return {
        node,
        before,
        compiled,
        isForced,
        tellShim: isForced || before.rules.length + compiled.rules.length > 0,
      };
    })
    .filter(({ before, compiled, isForced }) => isForced || !isSame(before, compiled))
    .sort((a, b) => a.node.id - b.node.id);
}

/** The list with other versions noted for these nodes: of their kernels, and of the shims that were told. */
function withVersions(
  list: FaultList,
  work: readonly NodeWork[],
  next: (versions: readonly number[] | null) => number[] | null,
): FaultList {
  const changed = work.map(({ node, tellShim }) => {
    const { kernel, shim } = list.nodes[node.id] ?? NO_VERSIONS;
    return [node.id, { kernel: next(kernel), shim: tellShim ? next(shim) : shim }] as const;
  });
  return { ...list, nodes: { ...list.nodes, ...Object.fromEntries(changed) } };
}

interface NodeTask {
  readonly compiled: CompiledNode;
  readonly kernel: KernelFaults;
  readonly list: FaultList;
  readonly known: NodeVersions;
  readonly tellShim: boolean;
}

async function applyToNode(lab: FaultableLab, task: NodeTask): Promise<FaultReport> {
  const { compiled, kernel, list, known, tellShim } = task;
  const { generation } = list;
  const { helpers, isTapped } = lab;
  const application = { compiled, kernel, generation, known: known.kernel, nowMs: lab.clock.wallMs(), isTapped };
  const isClear = compiled.faults.length === 0;
  // A node of somebody else's program has a helper while it has faults, and none before and after.
  const isUntouched = helpers !== null && isClear && !(await helpers.hasHelper(lab.name, compiled.node));
  // Both to their ends, so that no work goes on after an error was reported.
  const [inKernel, inShim] = await Promise.allSettled([
    hasTools(kernel) && !isUntouched ? applyToKernel(lab, application, list) : Promise.resolve(null),
    tellShim && helpers === null ? applyToShim(lab, compiled, generation, known.shim) : Promise.resolve(null),
  ]);
  if (inKernel.status === "rejected") throw inKernel.reason;
  if (inShim.status === "rejected") throw inShim.reason;
  if (isClear && inKernel.value?.draining !== true) await helpers?.dropHelper(lab.name, compiled.node);
  return {
    node: compiled.node,
    backends: compiled.backends,
    verified: true,
    pending: false,
    detail: describeApplied(compiled, inKernel.value),
  };
}

async function applyToKernel(lab: FaultableLab, application: Application, list: FaultList): Promise<ReadBack> {
  const { compiled, kernel } = application;
  const id = compiled.node;
  if (needsTimer(compiled)) {
    await lab.engine.rootExec(lab.name, id, compileTimerScript(application), { detach: true });
  }
  const copy = JSON.stringify({ ...list, faults: compiled.faults, nodes: {} });
  const script = compileInstallScript(application, copy);
  const result =
    script.length < ARGUMENT_CHARS_MAX
      ? await lab.engine.rootExec(lab.name, id, script)
      : await lab.engine.rootExec(lab.name, id, "exec sh -s", { stdin: script });
  if (result.exitCode !== 0) throw scriptFailure(id, result.exitCode, result.stderr);
  const readBack = parseReadBack(result.stdout);
  if (readBack === null) {
    throw new LabError(
      "failed",
      `node ${id}: the faults' script ended early: ${lastLine(result.stderr)}`,
      ["repeat the command", NEXT.restartNode(id)],
      { details: { node: id } },
    );
  }
  const differences = findDifferences(stateAt(compiled, readBack.clockMs), readBack, kernel);
  if (differences.length > 0) {
    throw new LabError(
      "failed",
      `node ${id}: the kernel doesn't have what it was asked for: ${differences.join("; ")}`,
      [NEXT.healAll(), "and repeat the command", NEXT.restartNode(id)],
      { details: { node: id, differences } },
    );
  }
  if (readBack.draining) {
    // The last delayed packets still arrive; what carried them goes when they are through, with or without the lab.
    await lab.engine.rootExec(lab.name, id, `exec sh ${FAULTS_DIR}/apply drain`, { detach: true });
  }
  return readBack;
}

async function applyToShim(
  lab: FaultableLab,
  { node: id, rules }: CompiledNode,
  generation: number,
  known: readonly number[] | null,
): Promise<void> {
  const groups = splitRules(rules);
  // A shim takes no list blindly, or a recording could be played back: what it has is named to it.
  const follows = known ?? [(await readShim(lab, id)).impair_generation];
  const send = (part: number) =>
    lab.call(
      id,
      { op: "impair", generation, follows: [...follows], rules: groups[part] ?? [], part, parts: groups.length },
      { timeoutMs: SHIM_MS_MAX },
    );
  const answers = await Promise.all(groups.map((_, part) => send(part))).catch((error: unknown) => {
    const isStale = error instanceof LabError && error.details.code === "STALE";
    throw isStale ? foreignList(id) : error;
  });
  const applied = answers.map(({ data }) => data as { applied?: boolean; rules?: number; generation?: number });
  const isThere = applied.some(
    (data) => data.applied === true && data.rules === rules.length && data.generation === generation,
  );
  if (isThere) return;
  throw new LabError(
    "failed",
    `node ${id} didn't put its ${rules.length} rules in force`,
    ["repeat the command", NEXT.restartNode(id)],
    { details: { node: id } },
  );
}

function foreignList(id: NodeId): LabError {
  return new LabError("failed", `node ${id} has faults that somebody else set`, NEXT.listFaults(), {
    details: { node: id, reason: FOREIGN },
  });
}

function pendingReport(node: NodeInfo, before: CompiledNode, compiled: CompiledNode): FaultReport {
  const when = node.status === "paused" ? "when it is resumed" : "when it starts";
  // Nothing changes for it; what it has of earlier is put right then too.
  if (isSame(before, compiled)) {
    return { node: node.id, backends: compiled.backends, verified: false, pending: false, detail: node.status };
  }
  return {
    node: node.id,
    backends: compiled.backends,
    verified: false,
    pending: true,
    detail: `${node.status}: will be applied ${when}`,
  };
}

function describeApplied(compiled: CompiledNode, readBack: ReadBack | null): string {
  const { state } = compiled.steps[0];
  const parts = [
    state.cut.length > 0 ? `nft cuts ${count(state.cut.length, "source")}` : "",
    state.loss.length > 0 ? `nft drops from ${count(state.loss.length, "source")}` : "",
    state.leaves.length > 0 ? `tc impairs ${count(state.leaves.length, "source")}` : "",
    state.egress !== null ? "tc impairs what it sends" : "",
    compiled.rules.length > 0 ? `shim has ${count(compiled.rules.length, "rule")}` : "",
    readBack?.device === "" && state.leaves.length > 0 ? "unplugged: tc follows when it is plugged in" : "",
    readBack?.draining === true ? "the last delayed packets still arrive" : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "clear" : parts.join(", ");
}

function scriptFailure(id: NodeId, exitCode: number, stderr: string): LabError {
  if (exitCode === SCRIPT_EXIT.foreignList) return foreignList(id);
  const details = { node: id, exitCode };
  const line = complaintOf(stderr);
  if (exitCode === SCRIPT_EXIT.foreignRoot) {
    return new LabError(
      "failed",
      `node ${id} has a root qdisc that isn't the lab's, which is never replaced`,
      "remove it (`tc qdisc del dev … root` in the container), or leave --egress off",
      { details },
    );
  }
  if (/not permitted|denied/i.test(line)) {
    return new LabError(
      "failed",
      `node ${id}: its container lacks NET_ADMIN (${line})`,
      "was it made outside of the lab? Give it cap_add: [NET_ADMIN]",
      { details },
    );
  }
  const what = { [SCRIPT_EXIT.nft]: "nft", [SCRIPT_EXIT.tree]: "tc" }[exitCode] ?? "the faults' script";
  return new LabError("failed", `node ${id}: ${what} refused (exit code ${exitCode}): ${line}`, NEXT.runDoctor(), {
    details,
  });
}

function summarise(first: LabError, failed: number, reports: readonly FaultReport[]): string {
  const others = failed > 1 ? `; ${failed - 1} more failed` : "";
  const done = reports.filter((report) => report.verified).map((report) => report.node);
  return `${first.message}${others}${done.length > 0 ? ` (done on ${done.join(",")})` : ""}`;
}

function asLabError(error: unknown, id: NodeId): LabError {
  if (error instanceof LabError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LabError("failed", `node ${id}: ${message}`, NEXT.runDoctor(), { cause: error, details: { node: id } });
}

async function mapLimited<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) || "no message";
}

/** nft says what is wrong first, and points at the place below. */
function complaintOf(stderr: string): string {
  return /^.*\berror\b.*$/im.exec(stderr)?.[0].trim() ?? lastLine(stderr);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
