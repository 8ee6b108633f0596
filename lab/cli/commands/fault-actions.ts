/**
 * What the fault verbs do: read their values, expand them to pairs, have them applied, and say what holds now.
 */
import type { NodeId } from "../../../node/wire/ids.ts";
import { formatDuration, parseDuration } from "../../base/duration.ts";
import { LabError } from "../../base/lab-error.ts";
import type { Chosen, LabHandle } from "../../cluster/lab-handle.ts";
import { drawFraction } from "../../control/world.ts";
import { isUp } from "../../engine/node-status.ts";
import { chooseBackends } from "../../faults/compile.ts";
import { describeEffect, describeEffects, describeOwn, formatRemaining } from "../../faults/describe-fault.ts";
import { expandIsolate, expandNetem, expandPartition, type Pair } from "../../faults/expand.ts";
import { NO_IMPAIRMENT } from "../../faults/fault.ts";
import { groupById, type HealTarget } from "../../faults/list.ts";
import { parseChance, parseDelayMs, parseRateBps } from "../../faults/parse-fault.ts";
import { type FaultOutcome, type HealOutcome, heal, listFaults, setFault, unplug } from "../../faults/service.ts";
import { expandBridge, expandRing } from "../../faults/shapes.ts";
import type { CommandContext } from "./context.ts";

/** Longer than any demonstration; what should last longer lasts until healed. */
const FOR_MS_MIN = 100;
const FOR_MS_MAX = 7 * 24 * 3_600_000;

export interface NetemOptions {
  readonly delay?: string;
  readonly jitter?: string;
  readonly loss?: string;
  readonly dup?: string;
  readonly reorder?: string;
  readonly rate?: string;
  readonly from?: string;
  readonly to?: string;
  readonly both?: boolean;
  readonly egress?: boolean;
  readonly for?: string;
}

export async function runNetem(context: CommandContext, nodes: string, options: NetemOptions): Promise<void> {
  const impairment = {
    cut: false,
    delayMs: options.delay === undefined ? 0 : parseDelayMs(options.delay, "--delay"),
    jitterMs: options.jitter === undefined ? 0 : parseDelayMs(options.jitter, "--jitter"),
    loss: options.loss === undefined ? 0 : parseChance(options.loss, "--loss"),
    duplicate: options.dup === undefined ? 0 : parseChance(options.dup, "--dup"),
    reorder: options.reorder === undefined ? 0 : parseChance(options.reorder, "--reorder"),
    rateBps: options.rate === undefined ? 0 : parseRateBps(options.rate, "--rate"),
  };
  if (Object.values(impairment).every((value) => value === 0 || value === false)) {
    throw new LabError(
      "usage",
      "netem without anything to impair",
      `say what: lab netem ${nodes} --delay 100ms --loss 10%; to end it: lab heal ${nodes}`,
    );
  }
  const forMs = readFor(options.for);
  await context.withLab(async (lab) => {
    const pick = async (selector: string | undefined) =>
      selector === undefined ? null : (await lab.resolve(selector)).map((node) => node.id);
    const chosen = await lab.resolve(nodes);
    const pairs = expandNetem(
      {
        nodes: chosen.map((node) => node.id),
        from: await pick(options.from),
        to: await pick(options.to),
        both: options.both === true,
        egress: options.egress === true,
      },
      lab.ids,
    );
    const egress = options.egress === true;
    const cause = describeCause(`netem ${nodes}`, options, chosen);
    const outcome = await setFault(lab, { cause, kind: "netem", pairs, impairment, forMs, egress });
    printSet(context, lab, outcome);
    if (impairment.delayMs === 0 && (outcome.added[0]?.impairment.delayMs ?? 0) > 0) {
      context.printer.say("tc netem reorders by letting packets overtake delayed ones: a small delay was added");
    }
  });
}

export async function runPartition(
  context: CommandContext,
  groups: readonly string[],
  options: PartitionOptions,
): Promise<void> {
  const forMs = readFor(options.for);
  const [shape, ...rest] = groups;
  const isShape = shape === "ring" || shape === "bridge";
  if (isShape && (options.oneWay === true || rest.length > (shape === "bridge" ? 1 : 0))) {
    throw new LabError(
      "usage",
      `"${["partition", ...groups].join(" ")}" can't be read`,
      "write `lab partition 1,2 3-5 [--one-way]`, `lab partition ring` or `lab partition bridge [node]`",
    );
  }
  await context.withLab(async (lab) => {
    const { cause, pairs, bridges } = isShape
      ? await cutShape(lab, shape, rest[0] ?? "random", options)
      : await cutGroups(lab, groups, options);
    const impairment = { ...NO_IMPAIRMENT, cut: true };
    printSet(context, lab, await setFault(lab, { cause, kind: "partition", pairs, impairment, forMs, egress: false }));
    if (bridges.length > 0) {
      context.printer.say(`${bridges.join(",")} in no group: still in contact with everyone`);
    }
  });
}

interface PartitionOptions {
  readonly oneWay?: boolean;
  readonly for?: string;
}

interface Cut {
  readonly cause: string;
  readonly pairs: readonly Pair[];
  /** In no group, so still in contact with everyone. */
  readonly bridges: readonly NodeId[];
}

async function cutGroups(lab: LabHandle, groups: readonly string[], options: PartitionOptions): Promise<Cut> {
  const chosen = await lab.resolveGroups(groups);
  const ids = chosen.map((group) => group.map((node) => node.id));
  const cause = describeCause(`partition ${groups.join(" ")}`, options, chosen.flat());
  return { cause, ...expandPartition(ids, lab.ids, { oneWay: options.oneWay === true }) };
}

async function cutShape(
  lab: LabHandle,
  shape: "ring" | "bridge",
  who: string,
  options: PartitionOptions,
): Promise<Cut> {
  if (shape === "ring")
    return { cause: describeCause("partition ring", options, []), pairs: expandRing(lab.running), bridges: [] };
  const chosen = await lab.resolve(who, isUp);
  const [bridge] = chosen;
  if (bridge === undefined || chosen.length > 1)
    throw new LabError("usage", `"${who}" means ${chosen.length} nodes, and one is the bridge`, "name one node");
  const { pairs } = expandBridge(lab.ids, bridge.id, () => drawFraction(lab.engine.world));
  return { cause: describeCause(`partition bridge ${who}`, options, chosen), pairs, bridges: [] };
}

export async function runIsolate(context: CommandContext, nodes: string, options: { for?: string }): Promise<void> {
  const forMs = readFor(options.for);
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(nodes);
    const pairs = expandIsolate(
      chosen.map((node) => node.id),
      lab.ids,
    );
    const cause = describeCause(`isolate ${nodes}`, options, chosen);
    const impairment = { ...NO_IMPAIRMENT, cut: true };
    printSet(context, lab, await setFault(lab, { cause, kind: "isolate", pairs, impairment, forMs, egress: false }));
  });
}

export async function runUnplug(context: CommandContext, nodes: string): Promise<void> {
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(nodes);
    const ids = chosen.map((node) => node.id);
    printSet(context, lab, await unplug(lab, ids, describeCause(`unplug ${nodes}`, {}, chosen)));
    context.printer.say(
      `control goes by exec inside the container meanwhile; put it back: lab plug ${ids.join(",")}${context.hintFlags(lab.name)}`,
    );
  });
}

export async function runPlug(context: CommandContext, nodes: string): Promise<void> {
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(nodes);
    printHealed(context, await heal(lab, { cables: chosen.map((node) => node.id) }, `plug ${nodes}`));
  });
}

export async function runHeal(context: CommandContext, what: readonly string[]): Promise<void> {
  await context.withLab(async (lab) => {
    if (what.length === 0) {
      printHealed(context, await heal(lab, { all: true }, "heal"));
      return;
    }
    for (const item of what) {
      printHealed(context, await heal(lab, await readHealTarget(lab, item), `heal ${item}`));
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
    if (groups.length === 0) context.printer.say("no faults; try: lab netem 1 --delay 100ms, lab partition 1,2 3,4,5");
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
    context.printer.say(`replaces on these pairs: ${old.join(", ")}`);
  }
  const left = untilMs === null ? "until healed" : `ends by itself in ${formatDuration(untilMs - lab.clock.wallMs())}`;
  context.printer.say(`${id}: ${left}; to end it: lab heal ${id}${context.hintFlags(lab.name)}`);

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
  if (lines.length === 0) context.printer.say("there was nothing to heal");
  else if (left.length > 0) context.printer.say(`still there: ${left.join(", ")} (lab faults)`);
  else if (verified) context.printer.say("verified: the network is clean");
}

/** What was typed, and whom a word meant. */
function describeCause(verb: string, options: object, chosen: readonly Chosen[]): string {
  const flags = Object.entries(options).map(([name, value]) => {
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? flag : `${flag} ${value}`;
  });
  const words = chosen.length > 0 && /[a-z]/.test(verb.slice(verb.indexOf(" ")));
  const meant = words ? ` (${chosen.map((node) => (node.role === null ? node.id : `${node.id}: ${node.role}`))})` : "";
  return `${[verb, ...flags].join(" ")}${meant}`;
}

function readFor(text: string | undefined): number | null {
  if (text === undefined) return null;
  const forMs = Math.round(parseDuration(text, "--for"));
  if (forMs >= FOR_MS_MIN && forMs <= FOR_MS_MAX) return forMs;
  throw new LabError("usage", `--for ${text} is out of range`, "from 100ms to 7d; without it, until healed");
}
