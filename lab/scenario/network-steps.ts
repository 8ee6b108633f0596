/** Steps that break and heal the network: each is one request to lab/faults, resolved with the scenario's own dice. */
import { LabError } from "../base/lab-error.ts";
import { parseImpairment } from "../faults/parse-fault.ts";
import { type FaultCommand, resolveFault } from "../faults/request.ts";
import { heal, setFault } from "../faults/service.ts";
import type { ActionFields } from "./actions.ts";
import { idsOf, type Outcome, resolveNodes, type StepContext, spanMs } from "./step-context.ts";

export async function netemStep(context: StepContext, fields: ActionFields<"netem">): Promise<Outcome> {
  const { nodes, from, to, both, egress } = fields;
  const impairment = parseImpairment(fields, "");
  return await impair(context, { verb: "netem", nodes, from, to, both, egress, impairment, forMs: readFor(fields) });
}

export async function partitionStep(context: StepContext, fields: ActionFields<"partition">): Promise<Outcome> {
  const { shape, groups = [], oneWay = false, bridge = "random" } = fields;
  const forMs = readFor(fields);
  if (shape === "ring") return await impair(context, { verb: "ring", forMs });
  if (shape === "bridge") return await impair(context, { verb: "bridge", bridge, forMs });
  return await impair(context, { verb: "partition", groups, oneWay, forMs });
}

export async function isolateStep(context: StepContext, fields: ActionFields<"isolate">): Promise<Outcome> {
  return await impair(context, { verb: "isolate", nodes: fields.nodes, forMs: readFor(fields) });
}

export async function unplugStep(context: StepContext, fields: ActionFields<"unplug">): Promise<Outcome> {
  return await impair(context, { verb: "unplug", nodes: fields.nodes, forMs: null });
}

export async function plugStep(context: StepContext, fields: ActionFields<"plug">): Promise<Outcome> {
  const ids = idsOf(await resolveNodes(context, fields.nodes));
  const { plugged } = await heal(context.lab, { cables: ids });
  if (plugged.length === 0) throw new LabError("failed", `no cable of ${ids.join(",")} was out`, "unplug it first");
  return { resolved: `plugged ${plugged.join(",")}`, seen: "" };
}

export async function healStep(context: StepContext, fields: ActionFields<"heal">): Promise<Outcome> {
  const { nodes, fault } = fields;
  const named = nodes === undefined ? ({ all: true } as const) : { nodes: idsOf(await resolveNodes(context, nodes)) };
  const target = fault === undefined ? named : { id: fault };
  const { healed, plugged, reports } = await heal(context.lab, target);
  const causes = [...new Set(healed.map((fault) => `${fault.id}: ${fault.cause}`))];
  const cables = plugged.map((id) => `${id}: cable plugged in again`);
  const pending = reports.filter((report) => report.pending).map((report) => `${report.node}: ${report.detail}`);
  const all = [...causes, ...cables];
  return {
    resolved: all.length === 0 ? "there was nothing to heal" : `healed ${all.join("; ")}`,
    seen: pending.join("; "),
  };
}

async function impair({ lab, draw }: StepContext, command: FaultCommand): Promise<Outcome> {
  const request = await resolveFault(lab, command, () => draw.fraction());
  const { id, added, reports, replaced } = await setFault(lab, request);
  const nodes = new Set(added.map((fault) => fault.to));
  const pending = reports.filter((report) => report.pending && nodes.has(report.node));
  const late = pending.map((report) => `not yet on ${report.node} (${report.detail})`);
  // Of netem, the last one about a link holds.
  const gone = [...new Set(replaced.map((fault) => fault.id))].map((fault) => `in place of ${fault} on these links`);
  const { cause, bridges } = request;
  const whole = bridges.length === 0 ? "" : `; ${bridges.join(",")} in no group: still in contact with everyone`;
  return { resolved: `${id}: ${cause}${whole}`, seen: [...gone, ...late].join("; ") };
}

function readFor(fields: { readonly for?: string | undefined }): number | null {
  return fields.for === undefined ? null : Math.round(spanMs(fields.for));
}
