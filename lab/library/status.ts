/** From a row of `lab ps` to what the library shows of a node. */
import type { NodeRow } from "../report.ts";
import type { NodeStatus } from "./types.ts";

export function describeStatus(row: NodeRow): NodeStatus {
  const { id, status, role, phase, coordinator, term, elected, balance, incarnation, exitCode } = row;
  return { id, status, role, phase, coordinator, term, elected, balance, incarnation, exitCode };
}
