/**
 * The state of a lab at one moment, by its engine and its nodes, in one value: what `lab watch`, the page and /metrics show.
 *
 * Idea: each node is asked for its full state at the same time, with a short deadline; who doesn't answer is shown as silent instead of
 * holding up the others. Nothing is remembered from one look to the next.
 */
import { type PingData, StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { judgeAgreement } from "../cluster/judge-agreement.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { isUp } from "../engine/node-status.ts";
import { describeImpairment } from "../faults/describe-fault.ts";
import type { Fault } from "../faults/fault.ts";
import { readFaults } from "../faults/fault-store.ts";
import { groupById } from "../faults/list.ts";
import type { FaultView, NodeView, NodeWords, Snapshot } from "./protocol.ts";

/** Longer than a loaded node takes for its few pages; shorter than a person waits. */
const ANSWER_MS = 900;
/** A command inside a container begins with starting Node. */
const EXEC_ANSWER_MS = 5_000;

/** @throws LabError("notFound") when the lab is gone, LabError("engineUnreachable") when nobody can tell */
export async function takeSnapshot(lab: LabHandle, signal?: AbortSignal): Promise<Snapshot> {
  await lab.refresh();
  const [says, faults] = await Promise.all([
    Promise.all(lab.ids.map((id) => askNode(lab, id, signal))),
    readFaults(lab, lab.clock.wallMs()),
  ]);
  const nodes = lab.ids.map((id, i): NodeView => {
    const { status, exitCode, unplugged, startedAtMs, control, ip, host } = lab.node(id);
    const words = says[i] ?? null;
    // A node that answers runs, whatever a health check has seen so far.
    const seen = words !== null && status === "starting" ? "running" : status;
    return {
      id,
      status: seen,
      exitCode,
      unplugged,
      startedAtMs,
      address: control ?? ip,
      says: words,
      ...(host !== undefined && { host }),
    };
  });
  const answers = new Map(
    nodes.filter((node) => node.status === "running").map((node): [NodeId, PingData | null] => [node.id, node.says]),
  );
  const agreement = judgeAgreement(answers, { sides: await lab.sides() });
  return {
    type: "snapshot",
    atMs: lab.clock.wallMs(),
    nodes,
    faults: describeFaults(faults.faults),
    agreement,
  };
}

/** Null: it can't or doesn't answer. */
async function askNode(lab: LabHandle, id: NodeId, signal?: AbortSignal): Promise<NodeWords | null> {
  if (!isUp(lab.node(id))) return null;
  const timeoutMs = lab.target(id).address === null ? EXEC_ANSWER_MS : ANSWER_MS;
  try {
    const { data } = await lab.call(id, { op: "state" }, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
    return pickWords(StateData.parse(data));
  } catch (error) {
    const isFinal = error instanceof LabError && ["interrupted", "notFound", "engineUnreachable"].includes(error.exit);
    // Anything else is a node's silence or refusal; a node that was removed meanwhile is one, too.
    if (isFinal && error.exit !== "notFound") throw error;
    return null;
  }
}

/** The part of a node's state that goes to a screen, with the sum of all balances as it knows them. */
function pickWords(state: StateData): NodeWords {
  const { id, inc, phase, role, coordinator, term, elected, preempt, balance, ledger_hash, holdback, pending } = state;
  const { clock, balances, reserved, pending_trades, counters, uptime_ms, rss_bytes } = state;
  const ping: PingData = {
    ...{ id, inc, phase, role, coordinator, term, elected, preempt, balance, ledger_hash, holdback, pending },
  };
  return {
    ...ping,
    members: state.members.map(({ id, state: seen, inc, phase, silent_ms, srtt_ms }) => ({
      ...{ id, state: seen, inc, phase, silent_ms, srtt_ms },
    })),
    ...{ clock, balances, reserved, pending_trades, counters, uptime_ms, rss_bytes },
    sum: Object.values(balances).reduce((sum, balance) => sum + balance, 0),
  };
}

/** One line a command: what it made, between whom. */
function describeFaults(faults: readonly Fault[]): readonly FaultView[] {
  return groupById(faults).map((group) => {
    const [{ id, cause, kind, impairment, untilMs }] = group;
    const pairs = group.map(({ from, to }) => ({ from, to }));
    return { id, cause, kind, pairs, effect: describeImpairment(impairment), untilMs };
  });
}
