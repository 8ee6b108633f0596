/**
 * Detection, election, healing and joining of real nodes. What nodes see is read from their own journals, whose clock is this machine's;
 * only the instants at which the lab acts are the lab's: a death is the engine's `die` event where it has one, else the kill's return.
 */
import { setTimeout as pause } from "node:timers/promises";
import { judgeAgreement } from "../../../lab/cluster/judge-agreement.ts";
import type { LabHandle } from "../../../lab/cluster/lab-handle.ts";
import { openHandle } from "../../../lab/cluster/open-handle.ts";
import type { NodeId } from "../../../node/wire/ids.ts";
import { JournalLine } from "../../../node/wire/journal.ts";
import { lab as cli } from "../command.ts";
import { firstDeath } from "../failover.ts";
import type { Report } from "../report.ts";

const PATIENCE_MS = 30_000;
const NODES = 5;

export interface RealOptions {
  readonly runtime: "docker" | "local";
  readonly profile: "fast" | "default";
  readonly rounds: number;
}

interface Figures {
  readonly suspected: number[];
  readonly failed: number[];
  readonly agreed: number[];
  readonly joined: number[];
  readonly healed: number[];
}

export async function benchRealDetection(report: Report, options: RealOptions): Promise<void> {
  const { runtime, profile, rounds } = options;
  const name = `bench-detection-${profile}`;
  report.heading(`real: ${NODES} nodes, profile ${profile} (${runtime}), ${rounds} rounds`);
  await cli("up", "--name", name, "--nodes", String(NODES), "--profile", profile, "--runtime", runtime);
  const figures: Figures = { suspected: [], failed: [], agreed: [], joined: [], healed: [] };
  try {
    for (let round = 0; round < rounds; round++) {
      await using lab = await openHandle(name, { runtime });
      await crashAndReturn(lab, figures);
      await cutAndHeal(lab, name, figures);
    }
  } finally {
    await cli("down", "--name", name);
  }
  const rows = [
    ["crash of the coordinator to SUSPECTED by one", figures.suspected],
    ["crash of the coordinator to FAILED by all", figures.failed],
    ["crash to new coordinator agreed, by the journals", figures.agreed],
    ["start of the process to its first trade", figures.joined],
    ["heal command to one leader, by the journals", figures.healed],
  ] as const;
  for (const [what, samples] of rows) report.row({ what: `${profile}: ${what}`, unit: "ms", samples, goal: null });
}

/** The coordinator dies, the others replace it; it comes back and sells. */
async function crashAndReturn(lab: LabHandle, figures: Figures): Promise<void> {
  const leader = await agreedCoordinator(lab, lab.ids);
  const survivors = lab.ids.filter((id) => id !== leader);
  const sinceMs = Date.now();
  const abort = new AbortController();
  const died = firstDeath(lab, leader, abort.signal);
  await lab.engine.kill(lab.name, leader, "SIGKILL");
  const returnedAtMs = Date.now();
  const diedAtMs = (await Promise.race([died, pause(200, null)])) ?? returnedAtMs;
  abort.abort();
  await lab.refresh();
  await agreedCoordinator(lab, survivors);
  const lines = await journalsSince(lab, survivors, sinceMs);
  const about = (state: string) => lines.filter((line) => line.peer === leader && line.state === state);
  figures.suspected.push(Math.min(...about("SUSPECTED").map(({ time }) => time)) - diedAtMs);
  figures.failed.push(Math.max(...about("FAILED").map(({ time }) => time)) - diedAtMs);
  figures.agreed.push(lastAcceptance(lines) - diedAtMs);
  const startMs = Date.now();
  await lab.engine.start(lab.name, leader);
  await lab.refresh();
  figures.joined.push((await firstSale(lab, leader, survivors[0] as NodeId)) - startMs);
  await agreedCoordinator(lab, lab.ids);
}

/** The coordinator is cut off with the second highest; then the network is whole again. */
async function cutAndHeal(lab: LabHandle, name: string, figures: Figures): Promise<void> {
  const small = lab.ids.slice(-2);
  const large = lab.ids.slice(0, -2);
  await cli("partition", large.join(","), small.join(","), "--name", name);
  await agreedCoordinator(lab, large);
  await agreedCoordinator(lab, small);
  const sinceMs = Date.now();
  await cli("heal", "--name", name);
  const deadlineMs = Date.now() + PATIENCE_MS;
  let acceptedAtMs = Number.NEGATIVE_INFINITY;
  while (acceptedAtMs === Number.NEGATIVE_INFINITY) {
    if (Date.now() > deadlineMs) throw new Error("the halves found no common leader within 30 s");
    const lines = await journalsSince(lab, small, sinceMs);
    const merged = small.every((id) => lines.some((line) => line.node === id && isAcceptance(line)));
    if (merged) acceptedAtMs = Math.max(...small.map((id) => firstAcceptance(lines, id)));
    else await pause(20);
  }
  figures.healed.push(acceptedAtMs - sinceMs);
  await agreedCoordinator(lab, lab.ids);
}

function isAcceptance({ kind, msg }: JournalLine): boolean {
  return kind === "election" && /^(Accepted Node|I am now the COORDINATOR)/.test(msg);
}

function lastAcceptance(lines: readonly JournalLine[]): number {
  return Math.max(...lines.filter(isAcceptance).map(({ time }) => time));
}

function firstAcceptance(lines: readonly JournalLine[], id: NodeId): number {
  return Math.min(...lines.filter((line) => line.node === id && isAcceptance(line)).map(({ time }) => time));
}

async function journalsSince(lab: LabHandle, ids: readonly NodeId[], sinceMs: number): Promise<JournalLine[]> {
  const lines: JournalLine[] = [];
  const options = { follow: false, tail: null, sinceMs, signal: AbortSignal.timeout(PATIENCE_MS) };
  for await (const { text } of lab.engine.logs(lab.name, ids, options)) {
    if (!text.startsWith("{")) continue;
    const line = JournalLine.parse(JSON.parse(text));
    if (line.time >= sinceMs) lines.push(line);
  }
  return lines;
}

async function agreedCoordinator(lab: LabHandle, ids: readonly NodeId[]): Promise<NodeId> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (Date.now() < deadlineMs) {
    const verdict = judgeAgreement(await lab.ping(ids));
    if (verdict.agreed && verdict.coordinator !== null) return verdict.coordinator;
    await pause(20);
  }
  throw new Error(`nodes ${ids.join(",")} didn't agree within 30 s`);
}

async function firstSale(lab: LabHandle, from: NodeId, to: NodeId): Promise<number> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (Date.now() < deadlineMs) {
    try {
      await lab.call(from, { op: "sell", peer: to, amount: 1, until: "settled" }, { timeoutMs: 1_000 });
      return Date.now();
    } catch {
      // Not there, or not ready yet.
      await pause(10);
    }
  }
  throw new Error(`node ${from} sold nothing within 30 s of its start`);
}
