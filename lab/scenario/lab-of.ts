/** The lab that a scenario asks for. */
import { toEnv, toLimits, toNodes } from "../cluster/lab-fields.ts";
import type { LabRequest } from "../cluster/plan-lab.ts";
import type { Program } from "../kind/program-spec.ts";
import type { Scenario } from "./scenario-schema.ts";

/** Its nodes write down every delivery, and every datagram unless the file says otherwise. */
export function labOf(scenario: Scenario, name: string, program: Program | null = null): LabRequest {
  const detail = { DS_LOG_LEVEL: "DEBUG", DS_JOURNAL: scenario.wire === false ? "events" : "wire" };
  return {
    name,
    profile: scenario.profile ?? "default",
    nodes: toNodes(scenario.nodes) ?? 5,
    voters: scenario.voters ?? null,
    program,
    limits: toLimits(scenario),
    env: { ...detail, ...toEnv(scenario) },
  };
}
