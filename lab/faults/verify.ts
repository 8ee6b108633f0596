/**
 * Reads back what a container's kernel has, as the applied script printed it, and compares it with what was asked for.
 *
 * Idea: "applied" is a claim until the kernel says the same. Every difference becomes a sentence; no difference means verified.
 */
import * as z from "zod";
import type { Impairment } from "../../node/wire/control.ts";
import type { KernelFaults } from "../engine/engine.ts";
import { type KernelState, minorOf, perMillion } from "./compile.ts";
import { IFB_DEVICE, ROOT_HANDLE, TABLE } from "./compile-library.ts";

export interface ReadBack {
  /** Interface with the node's address; empty: unplugged. */
  readonly device: string;
  /** Delayed packets of healed sources are still on their way. */
  readonly draining: boolean;
  /** The node's wall clock, corrected to the lab's. */
  readonly clockMs: number | null;
  readonly sections: ReadonlyMap<string, string>;
}

/** Null when the text isn't the script's report to the end. */
export function parseReadBack(stdout: string): ReadBack | null {
  const sections = new Map<string, string>();
  let name = "";
  for (const line of stdout.split("\n")) {
    const header = /^@([a-z-]+) ?(.*)$/.exec(line);
    if (header !== null) {
      name = header[1] ?? "";
      sections.set(name, header[2] ?? "");
    } else if (name !== "") {
      sections.set(name, `${sections.get(name)}${line}\n`);
    }
  }
  if (!sections.has("end")) return null;
  const clock = Number(sections.get("clock")?.trim());
  return {
    device: sections.get("device")?.trim() ?? "",
    draining: sections.get("draining")?.trim() === "1",
    clockMs: Number.isFinite(clock) ? clock : null,
    sections,
  };
}

/** Differences between what the kernel has and `state`; empty: verified. */
export function findDifferences(state: KernelState, readBack: ReadBack, kernel: KernelFaults): readonly string[] {
  const { sections, device } = readBack;
  return [
    ...(kernel.nft ? compareRules(state, sections.get("nft") ?? "") : []),
    ...(kernel.htb && kernel.ifb && device !== "" ? compareTree(state, sections, kernel) : []),
    ...(state.egress !== null && device !== "" && !sections.has("egress-qdisc")
      ? ["tc doesn't impair what it sends"]
      : []),
    ...(kernel.htb && sections.has("egress-qdisc") ? compareEgress(state, sections, kernel) : []),
  ];
}

const nftExpression = z.union([
  z.object({
    match: z.object({
      op: z.string(),
      left: z.unknown(),
      right: z.union([z.string(), z.number()]),
    }),
  }),
  z.looseObject({}),
]);
const nftSchema = z.object({
  nftables: z.array(
    z.looseObject({
      set: z.looseObject({ name: z.string(), table: z.string(), elem: z.array(z.string()).default([]) }).optional(),
      rule: z.looseObject({ table: z.string(), expr: z.array(nftExpression) }).optional(),
      chain: z.looseObject({ hook: z.string().optional() }).optional(),
    }),
  ),
});

function compareRules(state: KernelState, json: string): string[] {
  const text = json.trim();
  const isWanted = state.cut.length + state.loss.length > 0;
  if (text === "") return isWanted ? [`nftables has no table ${TABLE}`] : [];
  if (!isWanted) return [`nftables still has the table ${TABLE}`];
  const parsed = nftSchema.safeParse(parseJson(text));
  if (!parsed.success) return ["nft printed rules that can't be read"];
  const items = parsed.data.nftables;
  const found = new Set<string>();
  for (const { set } of items) for (const ip of set?.name === "cut" ? set.elem : []) found.add(`cut ${ip}`);
  for (const { rule } of items) {
    const expressions = rule?.expr ?? [];
    if (!expressions.some((expression) => "drop" in expression)) continue;
    const rights = expressions.flatMap((expression) =>
      "match" in expression ? [(expression.match as { right: string | number }).right] : [],
    );
    if (rights[0] === "@cut") found.add("drops cut");
    else found.add(`loss ${rights[0]} ${rights[1]}`);
  }
  const wanted = new Set([
    ...state.cut.map((ip) => `cut ${ip}`),
    ...(state.cut.length > 0 ? ["drops cut"] : []),
    ...state.loss.map(({ ip, chance }) => `loss ${ip} ${perMillion(chance)}`),
  ]);
  if (!items.some(({ chain }) => chain?.hook === "input")) return ["nftables has no chain at the input hook"];
  return compareSets("nftables", wanted, found);
}

const qdiscSchema = z.array(
  z.looseObject({
    kind: z.string(),
    handle: z.string(),
    parent: z.string().optional(),
    root: z.boolean().optional(),
    options: z.looseObject({}).default({}),
  }),
);
type Qdisc = z.infer<typeof qdiscSchema>[number];

function compareTree(state: KernelState, sections: ReadonlyMap<string, string>, kernel: KernelFaults): string[] {
  const redirect = sections.get("redirect") ?? "";
  const isRedirected = redirect.includes(`to device ${IFB_DEVICE})`);
  const text = sections.get("qdisc");
  if (state.leaves.length === 0) return isRedirected ? ["tc still redirects arriving packets"] : [];
  if (text === undefined) return [`there is no device ${IFB_DEVICE}`];
  if (!isRedirected) return ["tc doesn't redirect arriving packets"];
  const qdiscs = readQdiscs(text);
  if (qdiscs === null) return ["tc printed qdiscs that can't be read"];
  const filters = sections.get("filter") ?? "";
  const classes = sections.get("class") ?? "";
  const wanted = new Map(state.leaves.map((leaf) => [`${ROOT_HANDLE}:${minorOf(leaf.ip).toString(16)}`, leaf]));
  const differences: string[] = [];
  for (const [classId, { ip, impairment }] of wanted) {
    if (!hasFilter(filters, classId, ip)) differences.push(`tc has no filter for ${ip}`);
    differences.push(...compareLeaf(ip, classId, impairment, qdiscs, classes, kernel));
  }
  for (const qdisc of qdiscs) {
    if (qdisc.parent === undefined || wanted.has(qdisc.parent)) continue;
    if (qdisc.kind === "netem" && !isNeutral(qdisc)) differences.push(`tc still impairs class ${qdisc.parent}`);
  }
  return differences;
}

function compareEgress(state: KernelState, sections: ReadonlyMap<string, string>, kernel: KernelFaults): string[] {
  const qdiscs = readQdiscs(sections.get("egress-qdisc") ?? "[]");
  if (qdiscs === null) return ["tc printed qdiscs that can't be read"];
  const classId = `${ROOT_HANDLE}:1`;
  const leaf = qdiscs.find((qdisc) => qdisc.parent === classId);
  if (state.egress === null) {
    return leaf?.kind === "netem" && !isNeutral(leaf) ? ["tc still impairs what this node sends"] : [];
  }
  return compareLeaf("what it sends", classId, state.egress, qdiscs, sections.get("egress-class") ?? "", kernel);
}

function compareLeaf(
  what: string,
  classId: string,
  wanted: Impairment,
  qdiscs: readonly Qdisc[],
  classes: string,
  kernel: KernelFaults,
): string[] {
  const leaf = qdiscs.find((qdisc) => qdisc.parent === classId);
  if (leaf === undefined) return [`tc has no queue for ${what}`];
  if (!kernel.netem) {
    const rate = new RegExp(`class htb ${classId} .*? rate (\\S+)bit `).exec(classes)?.[1];
    const rateBps = rate === undefined ? Number.NaN : parseTcRate(rate);
    return isNear(rateBps, wanted.rateBps) ? [] : [`tc has rate ${rate ?? "unknown"} for ${what}`];
  }
  if (leaf.kind !== "netem") return [`tc has ${leaf.kind} instead of netem for ${what}`];
  const found = readNetem(leaf);
  return (Object.keys(found) as (keyof typeof found)[])
    .filter((name) => !isNear(found[name], wanted[name]))
    .map((name) => `netem has ${name} ${found[name]} instead of ${wanted[name]} for ${what}`);
}

/** `tc -j` speaks of seconds, fractions and bytes a second. */
function readNetem(qdisc: Qdisc): Omit<Impairment, "cut"> {
  const read = (name: string, field: string): number => {
    const part = (qdisc.options as Record<string, unknown>)[name];
    const value = typeof part === "object" && part !== null ? (part as Record<string, unknown>)[field] : undefined;
    return typeof value === "number" ? value : 0;
  };
  return {
    delayMs: read("delay", "delay") * 1_000,
    jitterMs: read("delay", "jitter") * 1_000,
    loss: read("loss-random", "loss"),
    duplicate: read("duplicate", "duplicate"),
    reorder: read("reorder", "reorder"),
    rateBps: read("rate", "rate") * 8,
  };
}

function isNeutral(qdisc: Qdisc): boolean {
  return Object.values(readNetem(qdisc)).every((value) => value === 0);
}

function hasFilter(filters: string, classId: string, ip: string): boolean {
  const hex = ip
    .split(".")
    .map((byte) => Number(byte).toString(16).padStart(2, "0"))
    .join("");
  return new RegExp(`flowid ${classId} [^\\n]*\\n\\s*match ${hex}/ffffffff at 12`).test(filters);
}

function readQdiscs(text: string): readonly Qdisc[] | null {
  const parsed = qdiscSchema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : null;
}

/** `64K`, `1M`, `1500`: tc prints rates in decimal units. */
function parseTcRate(text: string): number {
  const match = /^([\d.]+)([KMG]?)$/.exec(text);
  const factors: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9 };
  return match === null ? Number.NaN : Number(match[1]) * (factors[match[2] ?? ""] ?? Number.NaN);
}

/** The kernel stores chances in 32 bits and prints few digits. */
function isNear(found: number, wanted: number): boolean {
  return Math.abs(found - wanted) <= Math.max(1e-4, Math.abs(wanted) * 0.01);
}

function compareSets(where: string, wanted: ReadonlySet<string>, found: ReadonlySet<string>): string[] {
  return [
    ...[...wanted].filter((item) => !found.has(item)).map((item) => `${where} lacks "${item}"`),
    ...[...found].filter((item) => !wanted.has(item)).map((item) => `${where} has "${item}" too`),
  ];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
