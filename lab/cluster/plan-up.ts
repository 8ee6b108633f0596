/**
 * What `up` is going to do, as a value: create a lab, or complete the one that is there. `up --dry-run` prints it, `execute-up.ts` does it.
 *
 * Pure: what exists is handed in. Like compose, `up` completes a lab that is there as described, and leaves any other alone.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { hasContainers, type LabInfo } from "../engine/engine.ts";
import { describePlan, type LabPlan } from "./plan-lab.ts";

export interface UpPlan {
  /** The lab as it was asked for. */
  readonly lab: LabPlan;
  readonly steps: readonly UpStep[];
  /** Where each node would go, on a swarm. */
  readonly hosts?: ReadonlyMap<NodeId, string>;
}

export type UpStep =
  /** Image, network, folder and nodes. What was made is removed again when one of them fails. */
  | { readonly do: "create"; readonly nodes: readonly NodeId[] }
  /** Nodes of the lab that is there and have exited. */
  | { readonly do: "start"; readonly nodes: readonly NodeId[] }
  /** Until all nodes agree on a coordinator. */
  | { readonly do: "wait" };

export interface UpWishes {
  readonly wait: boolean;
  /** A lab of that name must not exist yet. */
  readonly mustBeNew?: boolean;
}

/**
 * @param existing the lab of that name; null: there is none
 * @throws LabError("failed") when the lab that is there isn't the one that was asked for
 */
export function planUp(lab: LabPlan, existing: LabInfo | null, { wait, mustBeNew = false }: UpWishes): UpPlan {
  const waiting: readonly UpStep[] = wait ? [{ do: "wait" }] : [];
  if (existing === null) return { lab, steps: [{ do: "create", nodes: lab.spec.nodes }, ...waiting] };
  assertSame(lab, existing, mustBeNew);
  const down = existing.nodes.filter((node) => node.status === "exited" || node.status === "created");
  const starting: readonly UpStep[] = down.length === 0 ? [] : [{ do: "start", nodes: down.map((node) => node.id) }];
  return { lab, steps: [...starting, ...waiting] };
}

function assertSame({ spec }: LabPlan, existing: LabInfo, mustBeNew: boolean): void {
  const { name, profile, run, runtime } = existing;
  const ids = existing.nodes.map((node) => node.id);
  if (mustBeNew) {
    const message = `lab "${name}" exists already`;
    throw new LabError("failed", message, [NEXT.removeLabFirst(name), "or choose another name"]);
  }
  if (ids.length === 0 || (runtime === "local" && run === null)) {
    const message = `lab "${name}" is half-made: an earlier \`up\` was killed`;
    throw new LabError("failed", message, NEXT.removeLabFirst(name));
  }
  const differs = spec.nodes.length !== ids.length || spec.nodes.some((id) => !ids.includes(id));
  if (!differs && profile === spec.profile) return;
  const message = `lab "${name}" exists already: nodes ${ids.join(",")}, profile ${profile}`;
  const change = differs ? [NEXT.scaleTo(spec.nodes.length)] : [];
  throw new LabError("failed", message, [...change, NEXT.removeLab(name), "or choose another --name"]);
}

/** For people: the lab, then what is done, a line each. Secrets are left out. */
export function describeUp({ lab, steps, hosts = new Map() }: UpPlan): string {
  const lines = steps.map((step, index) => `step ${index + 1}    ${describeStep(step, lab)}`);
  const places = [...new Set(hosts.values())].map((host) => {
    const ids = [...hosts].filter(([, other]) => other === host).map(([id]) => id);
    return `host ${host}`.padEnd(10) + ids.join(", ");
  });
  return [describePlan(lab), ...places, ...(lines.length === 0 ? ["nothing to do: the lab is there"] : lines)].join(
    "\n",
  );
}

function describeStep(step: UpStep, { spec }: LabPlan): string {
  switch (step.do) {
    case "create":
      return hasContainers(spec.runtime)
        ? `create 1 network and ${step.nodes.length} containers, and the image if it isn't there`
        : `create ${step.nodes.length} processes, with ledgers and logs in the state folder`;
    case "start":
      return `start node ${step.nodes.join(", ")} again, with the ledger that it had`;
    case "wait":
      if (spec.program != null) return "wait until all nodes are ready";
      return "wait until all nodes agree on a coordinator";
    default:
      return step satisfies never;
  }
}
