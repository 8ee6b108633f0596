/**
 * *agree* and *converged*, as node/protocol/words.md defines them, computed from what the nodes say of themselves.
 *
 * agree: every node that runs and isn't paused reports the same (coordinator, term, elected), the coordinator reports itself, and
 * with preemption it is the highest READY id. In a partition each side is judged for itself.
 * converged: agree, and equal ledgers, nothing held back, no trade pending.
 *
 * Pure: the caller asks the nodes and hands in the answers; `reason` tells a person what is still missing.
 */
import type { PingData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";

/** One node's answer; null: there was none. */
export type Answers = ReadonlyMap<NodeId, PingData | null>;

export interface Agreement {
  readonly agreed: boolean;
  /** Of the first (largest) side. */
  readonly coordinator: NodeId | null;
  readonly term: number;
  readonly elected: boolean;
  /** The condition that is missing; empty when agreed. */
  readonly reason: string;
  /** Where faults cut the group and each side agrees: `nodes 1,2,3 on 3; nodes 4,5 on 5 provisionally`. */
  readonly apart?: string;
}

export interface JudgeOptions {
  /** Which nodes can hear each other, when the network is cut; default: all. */
  readonly sides?: readonly (readonly NodeId[])[];
  /**
   * Where a majority of these is present, a provisional coordinator doesn't count: a vote is about to replace it. A command that starts a
   * cluster waits for that; the definition of *agree* doesn't ask for it.
   */
  readonly voters?: readonly NodeId[];
}

/** @param answers of all nodes that should agree */
export function judgeAgreement(answers: Answers, options: JudgeOptions = {}): Agreement {
  const groups = (options.sides ?? [[...answers.keys()]])
    .map((side) => side.filter((id) => answers.has(id)))
    .filter((side) => side.length > 0)
    .sort((a, b) => b.length - a.length);
  const verdicts = groups.map((side) => judgeSide(answers, side, options.voters ?? []));
  const [first = disagree("no node is running"), ...others] = verdicts;
  const missing = verdicts.find((verdict) => !verdict.agreed);
  if (missing !== undefined || others.length === 0) return missing ?? first;
  return { ...first, apart: groups.map((side, at) => describeSide(side, verdicts[at] as Agreement)).join("; ") };
}

/** `all agree on 5`; where faults cut the group, whom each side follows. */
export function describeAgreed({ coordinator, apart }: Pick<Agreement, "coordinator" | "apart">): string {
  return apart === undefined ? `all agree on ${coordinator}` : `each side agrees: ${apart}`;
}

function describeSide(side: readonly NodeId[], { coordinator, elected }: Agreement): string {
  return `${list(side)} on ${coordinator}${elected ? "" : " provisionally"}`;
}

/** Like judgeAgreement, and the ledgers are equal and at rest. */
export function judgeConvergence(answers: Answers): Agreement {
  const agreement = judgeAgreement(answers);
  if (!agreement.agreed) return agreement;
  const states = [...answers.values()].filter((ping) => ping !== null);
  const busy = states.find((ping) => ping.holdback > 0 || ping.pending > 0);
  if (busy !== undefined) {
    const what = busy.holdback > 0 ? `${busy.holdback} messages held back` : `${busy.pending} trades pending`;
    return { ...agreement, agreed: false, reason: `node ${busy.id} has ${what}` };
  }
  const hashes = groupIds(states, (ping) => ping.ledger_hash);
  if (hashes.length > 1) {
    return {
      ...agreement,
      agreed: false,
      reason: `ledgers differ: ${hashes.map((group) => group.ids.join(",")).join(" / ")}`,
    };
  }
  return agreement;
}

/** The coordinator, as far as the answers tell: the one that says so itself, of the highest claim. Null: nobody. */
export function findCoordinator(answers: Answers): NodeId | null {
  const claims = [...answers.values()].filter(
    (ping) => ping !== null && ping.role === "COORDINATOR" && ping.coordinator === ping.id,
  );
  claims.sort((a, b) => compareClaims(b as PingData, a as PingData));
  return claims[0]?.id ?? null;
}

function compareClaims(a: PingData, b: PingData): number {
  return Number(a.elected) - Number(b.elected) || a.term - b.term || a.id - b.id;
}

function judgeSide(answers: Answers, side: readonly NodeId[], voters: readonly NodeId[]): Agreement {
  const silent = side.filter((id) => answers.get(id) === null);
  if (silent.length > 0) return disagree(`no answer from ${list(silent)}`);
  const pings = side.map((id) => answers.get(id)).filter((ping) => ping !== null && ping !== undefined);
  const unready = pings.filter((ping) => ping.phase !== "READY");
  if (unready.length > 0) return disagree(unready.map(describeUnready).join(", "));
  const claims = groupIds(pings, (ping) => `${ping.coordinator}/${ping.term}/${ping.elected}`);
  const first = pings[0];
  if (first === undefined) return disagree("no node is running");
  if (claims.length > 1) return disagree(claims.map(describeClaim).join("; "));
  const { coordinator, term, elected } = first;
  if (coordinator === null) return disagree("no coordinator yet");
  const leader = pings.find((ping) => ping.id === coordinator);
  if (leader?.role !== "COORDINATOR") return disagree(`coordinator ${coordinator} doesn't say so itself`);
  const highest = Math.max(...side);
  if (leader.preempt && coordinator !== highest)
    return disagree(`coordinator is ${coordinator}, ${highest} is to take over`);
  const present = voters.filter((id) => side.includes(id)).length;
  if (!elected && present > voters.length / 2) return disagree(`coordinator ${coordinator} isn't elected yet`);
  return { agreed: true, coordinator, term, elected, reason: "" };
}

function describeClaim({ ids, sample }: { ids: readonly NodeId[]; sample: PingData }): string {
  const kind = sample.elected ? "" : ", provisional";
  const follows = sample.coordinator === null ? "nobody" : `${sample.coordinator} (term ${sample.term}${kind})`;
  return `${list(ids)} ${ids.length === 1 ? "follows" : "follow"} ${follows}`;
}

function groupIds(pings: readonly PingData[], key: (ping: PingData) => string): { ids: NodeId[]; sample: PingData }[] {
  const groups = new Map<string, { ids: NodeId[]; sample: PingData }>();
  for (const ping of pings) {
    const group = groups.get(key(ping));
    if (group === undefined) groups.set(key(ping), { ids: [ping.id], sample: ping });
    else group.ids.push(ping.id);
  }
  return [...groups.values()];
}

function list(ids: readonly NodeId[]): string {
  return ids.length === 1 ? `node ${ids[0]}` : `nodes ${ids.join(",")}`;
}

function disagree(reason: string): Agreement {
  return { agreed: false, coordinator: null, term: 0, elected: false, reason };
}

/** `node 1 is SYNCING: it waits for Node 3 (a voter that has not been heard; start it)` */
function describeUnready({ id, phase, waits }: PingData): string {
  return `node ${id} is ${phase}${waits === undefined ? "" : `: it ${waits}`}`;
}
