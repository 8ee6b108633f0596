/**
 * Brings a fault list about on the nodes it concerns, and reads back whether it is there.
 *
 * Idea: one exec a node does everything in its kernel (put the script there, apply, report), in parallel with one control request
 * for its shim. Only nodes whose compiled state changes are touched. A node that is down or paused can't be: its report says
 * `pending`, and the command that starts or resumes it calls `reapplyFaults` (service.ts).
 */

import { type ImpairmentRule, StateData } from "../../node/wire/control.ts";
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
import type { FaultList, FaultReport } from "./fault.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import { findDifferences, parseReadBack, type ReadBack } from "./verify.ts";

export interface ApplyOptions {
  /** The list that held before; nodes for which nothing changes are left alone. */
  readonly previous: FaultList;
  /** Nodes to bring to their state in any case; default: none. */
  readonly force?: readonly NodeId[];
}

/** An argument of exec may have 128 KiB. */
const ARGUMENT_CHARS_MAX = 100_000;
/** A node that is just starting takes a while to listen: a container on a machine with ten runnable processes a core took 14 s. */
const SHIM_MS_MAX = 30_000;
/** Nodes worked on at the same time: more only make the engine's queue longer. */
const NODES_AT_ONCE = 12;

/**
 * Reports of the nodes concerned, in order of their ids. The caller holds the lab's lock and has saved the list.
 * @throws LabError when a node that runs couldn't be brought to its state; all others are nevertheless
 */
export async function applyFaults(
  lab: FaultableLab,
  list: FaultList,
  kernel: KernelFaults,
  options: ApplyOptions,
): Promise<readonly FaultReport[]> {
  const nowMs = lab.clock.wallMs();
  const compile = (source: FaultList, node: NodeInfo): CompiledNode =>
    compileNode(source, node, lab.info.nodes, kernel, nowMs);
  const work = lab.info.nodes
    .map((node) => {
      return { node, before: compile(options.previous, node), compiled: compile(list, node) };
    })
    .filter(({ node, before, compiled }) => options.force?.includes(node.id) === true || !isSame(before, compiled))
    .sort((a, b) => a.node.id - b.node.id);
  const outcomes = await mapLimited(work, NODES_AT_ONCE, async ({ node, before, compiled }) => {
    if (!isUp(node)) return pendingReport(node, before, compiled);
    // A shim without rules before and after needn't be told, unless what it has of earlier isn't known.
    const isKnown = options.force?.includes(node.id) !== true;
    const tellShim = !isKnown || before.rules.length + compiled.rules.length > 0;
    const application = { compiled, kernel, generation: list.generation, nowMs: lab.clock.wallMs() };
    try {
      return await applyToNode(lab, application, tellShim, list);
    } catch (error) {
      return asLabError(error, node.id);
    }
  });
  const failures = outcomes.filter((outcome) => outcome instanceof LabError);
  const reports = outcomes.flatMap((outcome) => (outcome instanceof LabError ? [] : [outcome]));
  const [first] = failures;
  if (first === undefined) return reports;
  throw new LabError(first.exit, summarise(first, failures.length, reports), first.hints, {
    cause: first,
    details: { ...first.details, reports },
  });
}

async function applyToNode(
  lab: FaultableLab,
  application: Application,
  tellShim: boolean,
  list: FaultList,
): Promise<FaultReport> {
  const { compiled, kernel } = application;
  const hasKernel = kernel.nft || kernel.htb || kernel.netem;
  // Both to their ends, so that no work goes on after an error was reported.
  const [inKernel, inShim] = await Promise.allSettled([
    hasKernel ? applyToKernel(lab, application, list) : Promise.resolve(null),
    tellShim ? applyToShim(lab, compiled.node, application.generation, compiled.rules) : Promise.resolve(null),
  ]);
  if (inKernel.status === "rejected") throw inKernel.reason;
  if (inShim.status === "rejected") throw inShim.reason;
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
  const copy = JSON.stringify({ ...list, faults: compiled.faults });
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
  id: NodeId,
  generation: number,
  rules: readonly ImpairmentRule[],
): Promise<void> {
  const groups = splitRules(rules);
  const answers = await Promise.all(
    groups.map((group, part) =>
      lab.call(id, { op: "impair", generation, rules: group, part, parts: groups.length }, { timeoutMs: SHIM_MS_MAX }),
    ),
  );
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

/** The generation that a node's shim has; 0 when it doesn't say. */
export async function readShimGeneration(lab: FaultableLab, id: NodeId): Promise<number> {
  try {
    const { data } = await lab.call(id, { op: "state" }, { timeoutMs: 1_000 });
    return StateData.pick({ impair_generation: true }).parse(data).impair_generation;
  } catch {
    return 0;
  }
}

function pendingReport(node: NodeInfo, before: CompiledNode, compiled: CompiledNode): FaultReport {
  const when = node.status === "paused" ? "when it is resumed" : "when it starts";
  // Nothing changes for it; what it has of earlier is put right then too.
  if (isSame(before, compiled)) {
    return { node: node.id, backends: compiled.backends, verified: true, pending: false, detail: node.status };
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
  const details = { node: id, exitCode };
  const line = lastLine(stderr);
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

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
