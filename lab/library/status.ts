/** From a row of `lab ps` to what the library shows of a node. */
import type { NodeRow } from "../cluster/node-rows.ts";
import type { NodeStatus } from "./public-types.ts";

export function describeStatus(row: NodeRow): NodeStatus {
  const { id, status, role, phase, coordinator, term, elected, balance, incarnation, exitCode } = row;
  const facts = row.facts === undefined ? {} : { facts: row.facts };
  return { id, status, role, phase, coordinator, term, elected, balance, incarnation, exitCode, ...facts };
}
