/**
 * What came of the last command, and what undoes it. It stays in sight at the panel's lower edge, wherever the button was.
 */
import type { DashCommand } from "../../dash/protocol.ts";
import type { Store } from "../app/page-store.ts";
import type { ClusterState, ProcessState } from "../model/cluster-state.ts";
import { formatSpan } from "../model/format-time.ts";
import { formatIds } from "../model/headline.ts";
import type { Shared } from "./app.tsx";
import { CommandRow } from "./command-row.tsx";
import { Do } from "./do.tsx";

/** What comes later has other reasons. */
const FOLLOWS_MS = 30_000;

/** @param hasUndo false: what undoes it stands elsewhere in the panel */
export function Outcome({ hasUndo = true, ...shared }: Shared & { readonly hasUndo?: boolean }) {
  const { store } = shared;
  const { order } = store;
  if (order === null || order.line === "") return null;
  const { reply } = order;
  const undo = hasUndo && reply?.ok === true ? findUndo(order.command, store.state) : null;
  return (
    <div class={`outcome ${reply === null ? "" : reply.ok ? "done" : "failed"}`} role="status">
      <CommandRow store={store} line={order.line} />
      {reply === null ? (
        <p>under way …</p>
      ) : reply.ok ? (
        <p>
          {[reply.said.length === 0 ? "done" : reply.said.slice(-3).join(" · "), ...describeSequel(store)].join(". ")}
        </p>
      ) : (
        <p>
          {reply.message}
          {reply.hint !== "" && <small> {reply.hint}</small>}
        </p>
      )}
      {undo !== null && <Do {...shared} {...undo} />}
    </div>
  );
}

/** The command that takes it back, as things stand now; null: nothing does. */
function findUndo(
  command: DashCommand | null,
  state: ClusterState,
): { readonly command: DashCommand; readonly name: string } | null {
  const idsIn = (...processes: ProcessState[]): string =>
    formatIds([...state.nodes.values()].filter(({ process }) => processes.includes(process)).map(({ id }) => id));
  switch (command?.verb) {
    case "kill":
    case "stop": {
      const nodes = idsIn("killed", "stopped");
      return nodes === "" ? null : { command: { verb: "start", nodes }, name: `Bring ${nodes} back` };
    }
    case "pause": {
      const nodes = idsIn("paused");
      return nodes === "" ? null : { command: { verb: "resume", nodes }, name: `Resume ${nodes}` };
    }
    case "partition":
    case "isolate":
    case "netem": {
      const fault = state.faults.at(-1);
      return fault === undefined ? null : { command: { verb: "heal", what: [fault.id] }, name: "Heal it" };
    }
    case "unplug":
      return { command: { verb: "plug", nodes: command.nodes }, name: "Plug it in again" };
    default:
      return null;
  }
}

/** The next leader: "Node 4 is coordinator, elected in term 2, after 1.8 s". */
function describeSequel({ order, history, atMs }: Store): readonly string[] {
  const isTrade = order?.command?.verb === "sell" || order?.command?.verb === "buy";
  if (order === null || order.command === null || isTrade) return [];
  const next = history.marks.within(order.atMs + 1, Math.min(atMs, order.atMs + FOLLOWS_MS));
  const leader = next.find(({ kind }) => kind === "leader");
  return leader === undefined ? [] : [`${leader.text}, after ${formatSpan(leader.atMs - order.atMs)}`];
}
