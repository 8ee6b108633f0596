/** Steps that break and mend the network: expanded to directed pairs, applied and read back by lab/faults. */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { isUp } from "../engine/node-status.ts";
import { expandIsolate, expandNetem, expandPartition, type Pair } from "../faults/expand.ts";
import { type FaultKind, NO_IMPAIRMENT } from "../faults/fault.ts";
import { parseChance, parseDelayMs, parseRateBps } from "../faults/parse-fault.ts";
import { heal, setFault, unplug } from "../faults/service.ts";
import { expandBridge, expandRing } from "../faults/shapes.ts";
import type { ActionFields } from "./actions.ts";
import {
  idsOf,
  type Outcome,
  resolveGroups,
  resolveNodes,
  resolveOne,
  type StepContext,
  spanMs,
} from "./step-context.ts";

const CUT = { ...NO_IMPAIRMENT, cut: true };

export async function netemStep(context: StepContext, fields: ActionFields<"netem">): Promise<Outcome> {
  const { delay, jitter, loss, dup, reorder, rate } = fields;
  const impairment = {
    cut: false,
    delayMs: delay === undefined ? 0 : parseDelayMs(delay, "delay"),
    jitterMs: jitter === undefined ? 0 : parseDelayMs(jitter, "jitter"),
    loss: loss === undefined ? 0 : parseChance(loss, "loss"),
    duplicate: dup === undefined ? 0 : parseChance(dup, "dup"),
    reorder: reorder === undefined ? 0 : parseChance(reorder, "reorder"),
    rateBps: rate === undefined ? 0 : parseRateBps(rate, "rate"),
  };
  const nodes = idsOf(await resolveNodes(context, fields.nodes));
  const pick = async (selector: string | undefined) =>
    selector === undefined ? null : idsOf(await resolveNodes(context, selector));
  const egress = fields.egress === true;
  const target = {
    nodes,
    from: await pick(fields.from),
    to: await pick(fields.to),
    both: fields.both === true,
    egress,
  };
  const pairs = expandNetem(target, context.lab.ids);
  const what = Object.entries({ delay, jitter, loss, dup, reorder, rate }).filter(([, value]) => value !== undefined);
  const cause = `netem ${nodes.join(",")} ${what.map(([name, value]) => `--${name} ${value}`).join(" ")}`;
  return await impair(context, { cause, kind: "netem", pairs, impairment, egress, span: fields.for });
}

export async function partitionStep(context: StepContext, fields: ActionFields<"partition">): Promise<Outcome> {
  const { lab, draw } = context;
  const span = fields.for;
  if (fields.shape === "ring") {
    const pairs = expandRing(lab.running);
    return await impair(context, { cause: "partition ring", kind: "partition", pairs, span });
  }
  if (fields.shape === "bridge") {
    const bridge = await resolveOne(context, fields.bridge ?? "random", isUp);
    const { pairs, halves } = expandBridge(lab.ids, bridge, () => draw.fraction());
    const cause = `partition bridge ${bridge} (${halves.map((half) => half.join(",")).join(" | ")})`;
    return await impair(context, { cause, kind: "partition", pairs, span });
  }
  const groups = (await resolveGroups(context, fields.groups ?? [])).map(idsOf);
  const { pairs, bridges } = expandPartition(groups, lab.ids, { oneWay: fields.oneWay === true });
  const cause = `partition ${groups.map((group) => group.join(",")).join(" ")}${fields.oneWay === true ? " --one-way" : ""}`;
  const outcome = await impair(context, { cause, kind: "partition", pairs, span });
  return bridges.length === 0
    ? outcome
    : { ...outcome, resolved: `${outcome.resolved}; ${bridges.join(",")} in no group: still in contact with everyone` };
}

export async function isolateStep(context: StepContext, fields: ActionFields<"isolate">): Promise<Outcome> {
  const ids = idsOf(await resolveNodes(context, fields.nodes));
  const pairs = expandIsolate(ids, context.lab.ids);
  return await impair(context, { cause: `isolate ${ids.join(",")}`, kind: "isolate", pairs, span: fields.for });
}

export async function unplugStep(context: StepContext, fields: ActionFields<"unplug">): Promise<Outcome> {
  const ids = idsOf(await resolveNodes(context, fields.nodes));
  const { id } = await unplug(context.lab, ids, `unplug ${ids.join(",")}`);
  return { resolved: `unplugged ${ids.join(",")} (${id})`, seen: "" };
}

export async function plugStep(context: StepContext, fields: ActionFields<"plug">): Promise<Outcome> {
  const ids = idsOf(await resolveNodes(context, fields.nodes));
  const { plugged } = await heal(context.lab, { cables: ids }, `plug ${ids.join(",")}`);
  if (plugged.length === 0) throw new LabError("failed", `no cable of ${ids.join(",")} was out`, "unplug it first");
  return { resolved: `plugged ${plugged.join(",")}`, seen: "" };
}

export async function healStep(context: StepContext, fields: ActionFields<"heal">): Promise<Outcome> {
  const target =
    fields.nodes === undefined ? ({ all: true } as const) : { nodes: idsOf(await resolveNodes(context, fields.nodes)) };
  const cause = "all" in target ? "heal" : `heal ${target.nodes.join(",")}`;
  const { healed, plugged, reports } = await heal(context.lab, target, cause);
  const causes = [...new Set(healed.map((fault) => `${fault.id}: ${fault.cause}`))];
  const cables = plugged.map((id) => `${id}: cable plugged in again`);
  const pending = reports.filter((report) => report.pending).map((report) => `${report.node}: ${report.detail}`);
  const all = [...causes, ...cables];
  return {
    resolved: all.length === 0 ? "there was nothing to heal" : `healed ${all.join("; ")}`,
    seen: pending.join("; "),
  };
}

interface Impairing {
  readonly cause: string;
  readonly kind: FaultKind;
  readonly pairs: readonly Pair[];
  readonly impairment?: typeof CUT;
  readonly egress?: boolean;
  readonly span: string | undefined;
}

async function impair(
  { lab }: StepContext,
  { cause, kind, pairs, impairment, egress, span }: Impairing,
): Promise<Outcome> {
  const forMs = span === undefined ? null : Math.round(spanMs(span));
  const request = { cause, kind, pairs, impairment: impairment ?? CUT, forMs, egress: egress === true };
  const { id, reports, replaced } = await setFault(lab, request);
  const nodes = new Set<NodeId>(pairs.map((pair) => pair.to));
  const pending = reports.filter((report) => report.pending && nodes.has(report.node));
  const late = pending.map((report) => `not yet on ${report.node} (${report.detail})`);
  // Of netem, the last one about a link holds.
  const gone = [...new Set(replaced.map((fault) => fault.id))].map((fault) => `in place of ${fault} on these links`);
  const seen = [...gone, ...late].join("; ");
  return { resolved: `${id}: ${cause}${span === undefined ? "" : ` for ${span}`}`, seen };
}
