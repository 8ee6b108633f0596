/**
 * One row per node: what the engine and the node itself say, side by side. What `ps` and `up` show and `-o json` prints.
 */
import type { PingData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { NodeInfo, NodeStatus } from "../engine/engine.ts";
import { describeExit } from "../engine/node-status.ts";
import type { Facts } from "../kind/program-lines.ts";
import type { Answers } from "./judge-agreement.ts";
import type { LabHandle } from "./lab-handle.ts";

export interface NodeRow {
  readonly id: NodeId;
  /** The engine's word. */
  readonly status: NodeStatus;
  /** The node's own words; null: it can't or doesn't answer. */
  readonly role: PingData["role"] | null;
  readonly phase: PingData["phase"] | null;
  readonly coordinator: NodeId | null;
  readonly term: number | null;
  readonly elected: boolean | null;
  readonly balance: number | null;
  readonly incarnation: number | null;
  readonly address: string | null;
  readonly handle: string;
  readonly unplugged: boolean;
  readonly exitCode: number | null;
  /** When its last process ended, wall clock of the nodes. */
  readonly finishedAtMs: number | null;
  /** The kernel ended it because memory ran out. */
  readonly oomKilled: boolean;
  readonly startedAtMs: number | null;
  /** What its output told last, where nodes run a program that isn't ours. */
  readonly facts?: Facts;
  /** The host that it was placed on, by name; null: there is but one. */
  readonly host: string | null;
}

/** Asks the engine and the nodes. */
export async function reportNodes(lab: LabHandle): Promise<readonly NodeRow[]> {
  await lab.refresh();
  return await askNodes(lab);
}

/** Asks the nodes alone: for a handle that has just been opened, and so knows what the engine says. */
export async function askNodes(lab: LabHandle): Promise<readonly NodeRow[]> {
  const [answers, columns] = await Promise.all([lab.ping(), lab.kind.columns(lab)]);
  return describeNodes(lab, answers).map((row) => ({ ...row, ...columns.get(row.id) }));
}

export function describeNodes(lab: LabHandle, answers: Answers): readonly NodeRow[] {
  return lab.ids.map((id) => describeNode(lab.node(id), answers.get(id) ?? null));
}

function describeNode(info: NodeInfo, ping: PingData | null): NodeRow {
  return {
    id: info.id,
    // A node that answers runs, whatever a health check that runs every few seconds has seen so far.
    status: ping !== null && info.status === "starting" ? "running" : info.status,
    role: ping?.role ?? null,
    phase: ping?.phase ?? null,
    coordinator: ping?.coordinator ?? null,
    term: ping?.term ?? null,
    elected: ping?.elected ?? null,
    balance: ping?.balance ?? null,
    incarnation: ping?.inc ?? null,
    address: info.control ?? info.ip,
    handle: info.handle,
    unplugged: info.unplugged,
    exitCode: info.exitCode,
    finishedAtMs: info.finishedAtMs,
    oomKilled: info.oomKilled,
    startedAtMs: info.startedAtMs,
    host: info.host ?? null,
  };
}

/** A node's state for people, in a few words. */
export function stateOf(row: NodeRow): string {
  if (row.status === "exited") {
    const how = describeExit(row);
    return how === null ? "exited" : `exited (${how})`;
  }
  if (row.status === "paused" || row.status === "created" || row.status === "unreachable") return row.status;
  const silent = row.facts === undefined ? "no answer" : "running";
  const state = row.phase ?? (row.status === "starting" ? "starting" : silent);
  return row.unplugged ? `${state}, unplugged` : state;
}
