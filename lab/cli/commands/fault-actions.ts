/**
 * The fault commands: each reads its values, has the fault set or healed (lab/faults), and prints what holds now.
 */
import { formatDuration, parseDuration } from "../../base/duration.ts";
import { renderHint } from "../../base/hint.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import { chooseBackends } from "../../faults/compile.ts";
import { describeEffect, describeEffects, describeOwn, formatRemaining } from "../../faults/describe-fault.ts";
import { groupById, type HealTarget } from "../../faults/list.ts";
import { assertImpairs, type NetemTexts, parseImpairment } from "../../faults/parse-fault.ts";
import { type FaultCommand, resolveFault } from "../../faults/request.ts";
import { type FaultOutcome, type HealOutcome, heal, listFaults, setFault } from "../../faults/service.ts";
import type { CommandContext } from "./context.ts";

/** Longer than any demonstration; what should last longer lasts until healed. */
const FOR_MS_MIN = 100;
const FOR_MS_MAX = 7 * 24 * 3_600_000;

export interface NetemOptions extends NetemTexts {
  readonly from?: string;
  readonly to?: string;
  readonly both?: boolean;
  readonly egress?: boolean;
  readonly for?: string;
}

export async function runNetem(context: CommandContext, nodes: string, options: NetemOptions): Promise<void> {
  const impairment = parseImpairment(options, "--");
  assertImpairs(impairment, NEXT.impair(nodes));
  const { from, to, both, egress } = options;
  const forMs = readFor(options.for);
  await set(context, { verb: "netem", nodes, from, to, both, egress, impairment, forMs });
}

export async function runPartition(
  context: CommandContext,
  groups: readonly string[],
  options: { readonly oneWay?: boolean; readonly for?: string },
): Promise<void> {
  const forMs = readFor(options.for);
  const oneWay = options.oneWay === true;
  const [shape, bridge = "random", ...more] = groups;
  if (shape !== "ring" && shape !== "bridge") {
    await set(context, { verb: "partition", groups, oneWay, forMs });
    return;
  }
  if (oneWay || more.length > 0 || (shape === "ring" && groups.length > 1)) {
    throw new LabError("usage", `"${["partition", ...groups].join(" ")}" can't be read`, [
      NEXT.partition(),
      NEXT.partitionRing(),
      NEXT.partitionBridge(),
    ]);
  }
  await set(context, shape === "ring" ? { verb: "ring", forMs } : { verb: "bridge", bridge, forMs });
}

export async function runIsolate(context: CommandContext, nodes: string, options: { for?: string }): Promise<void> {
  await set(context, { verb: "isolate", nodes, forMs: readFor(options.for) });
}

export async function runUnplug(context: CommandContext, nodes: string): Promise<void> {
  await set(context, { verb: "unplug", nodes, forMs: null });
}

export async function runPlug(context: CommandContext, nodes: string): Promise<void> {
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(nodes);
    printHealed(context, await heal(lab, { cables: chosen.map((node) => node.id) }));
  });
}

export async function runHeal(context: CommandContext, what: readonly string[]): Promise<void> {
  await context.withLab(async (lab) => {
    if (what.length === 0) {
      printHealed(context, await heal(lab, { all: true }));
      return;
    }
    for (const item of what) {
      printHealed(context, await heal(lab, await readHealTarget(lab, item)));
    }
  });
}

async function readHealTarget(lab: LabHandle, item: string): Promise<HealTarget> {
  if (/^f\d+$/.test(item)) return { id: item };
  return { nodes: (await lab.resolve(item)).map((node) => node.id) };
}

export async function runFaults(context: CommandContext): Promise<void> {
  await context.withLab(async (lab) => {
    const [list, kernel] = await Promise.all([listFaults(lab), lab.engine.kernelFaults(lab.progress)]);
    const nowMs = lab.clock.wallMs();
    const groups = groupById(list.faults).map((faults) => {
      const [first] = faults;
      return {
        id: first.id,
        cause: first.cause,
        kind: first.kind,
        pairs: faults.map(({ from, to }) => ({ from, to })),
        impairment: first.impairment,
        egress: first.egress,
        untilMs: first.untilMs,
        remainingMs: first.untilMs === null ? null : first.untilMs - nowMs,
        backends: [...new Set(faults.flatMap((fault) => chooseBackends(fault, kernel)))],
        effects: describeEffects(faults, list),
        own: describeOwn(faults),
      };
    });
    const text = groups.map((group) =>
      [
        `${group.id}  ${group.cause}  (${formatRemaining(group.untilMs, nowMs)}; backend ${group.backends.join(" + ")})`,
        ...[...group.effects.map(describeEffect), ...group.own].map((line) => `    ${line}`),
      ].join("\n"),
    );
    context.printer.data(groups, text.join("\n"));
    if (groups.length === 0) {
      context.printer.say("the lab has no faults");
      context.next(NEXT.partition());
    }
  });
}

async function set(context: CommandContext, command: FaultCommand): Promise<void> {
  await context.withLab(async (lab) => {
    const request = await resolveFault(lab, command);
    const outcome = await setFault(lab, request);
    printSet(context, lab, outcome);
    const isDelayAdded = request.impairment.delayMs === 0 && (outcome.added[0]?.impairment.delayMs ?? 0) > 0;
    if (isDelayAdded) {
      context.printer.say("a small delay was added: tc netem reorders by letting packets overtake delayed ones");
    }
    if (request.bridges.length > 0) {
      context.printer.say(`node ${request.bridges.join(",")} is in no group and still reaches all nodes`);
    }
    if (request.kind === "unplug") {
      context.printer.say("until it is plugged in again, lab controls the node by commands inside its container");
      context.next(NEXT.plug(request.pairs.map((pair) => pair.to)));
    }
  });
}

function printSet(context: CommandContext, lab: LabHandle, outcome: FaultOutcome): void {
  const { id, added, replaced, list, reports, kernel } = outcome;
  const byNode = new Map(reports.map((report) => [report.node, report]));
  const backends = [...new Set(added.flatMap((fault) => chooseBackends(fault, kernel)))];
  const effects = describeEffects(added, list);
  const receivers = new Set(added.map((fault) => fault.to));
  // A receiver for which nothing changed was verified when that was set.
  const pending = [...receivers].filter((node) => byNode.get(node)?.pending === true);
  const verified = [...receivers].every((node) => byNode.get(node)?.verified !== false);
  const state = verified ? "verified" : `not yet on ${pending.map((node) => describePending(node)).join(", ")}`;
  const how = `backend ${backends.join(" + ")}, ${state}`;
  const lines = [...effects.map(describeEffect), ...describeOwn(added)].map((line) => `${line}; ${how}`);
  const untilMs = added[0]?.untilMs ?? null;
  context.printer.data(
    {
      fault: id,
      cause: added[0]?.cause ?? "",
      pairs: added.map(({ from, to }) => ({ from, to })),
      effects,
      backends,
      verified,
      reports,
      replaced: [...new Set(replaced.map((fault) => fault.id))],
      untilMs,
    },
    lines.join("\n"),
  );
  if (replaced.length > 0) {
    const old = groupById(replaced).map(([fault]) => `${fault.id} (${fault.cause})`);
    context.printer.say(`replaced on these pairs: ${old.join(", ")}`);
  }
  const end = renderHint(NEXT.heal(id), context.caller);
  context.printer.say(
    untilMs === null
      ? `fault ${id} stays until: ${end}`
      : `fault ${id} ends by itself in ${formatDuration(untilMs - lab.clock.wallMs())}, or with: ${end}`,
  );

  function describePending(node: number): string {
    return `${node} (${byNode.get(node)?.detail ?? "unknown"})`;
  }
}

function printHealed(context: CommandContext, outcome: HealOutcome): void {
  const { healed, plugged, list, reports } = outcome;
  const ids = [...new Set(healed.map((fault) => fault.id))];
  const pending = reports.filter((report) => report.pending);
  const verified = reports.every((report) => report.verified);
  const lines = [
    ...groupById(healed).map(([fault]) => `healed ${fault.id}: ${fault.cause}`),
    ...plugged.map((id) => `${id}: cable plugged in again`),
    ...pending.map((report) => `${report.node}: ${report.detail}`),
  ];
  const left = groupById(list.faults).map(([fault]) => fault.id);
  context.printer.data({ healed: ids, plugged, verified, reports, left }, lines.join("\n"));
  if (lines.length === 0) context.printer.say("there is no fault to heal");
  else if (left.length > 0) {
    context.printer.say(`faults that stay: ${left.join(", ")}`);
    context.next(NEXT.listFaults());
  } else if (verified) context.printer.say("verified: no fault is left");
}

function readFor(text: string | undefined): number | null {
  if (text === undefined) return null;
  const forMs = Math.round(parseDuration(text, "--for"));
  if (forMs >= FOR_MS_MIN && forMs <= FOR_MS_MAX) return forMs;
  throw new LabError("usage", `--for ${text} is out of range`, "from 100ms to 7d; without it, until healed");
}
