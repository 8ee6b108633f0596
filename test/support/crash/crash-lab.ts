// Nodes that end themselves at chosen points, and a client that goes on asking whatever dies.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ControlResult } from "../../../node/wire/control.ts";
import { until } from "../eventually.ts";
import type { StartOptions, TestLab, TestNode } from "../node-process.ts";
import { buildCrashBundle } from "./bundle.ts";
import { auditLedgers } from "./ledger-audit.ts";

const main = await buildCrashBundle();

export interface CrashPlan {
  /** Which point, from 1; 0: none. */
  readonly at: number;
  readonly only: RegExp;
  readonly from: "start" | "signal";
}

export function startCrashing(lab: TestLab, id: number, plan: CrashPlan, options: StartOptions = {}): TestNode {
  const env = {
    ...options.env,
    CRASH_AT: String(plan.at),
    CRASH_ONLY: plan.only.source,
    CRASH_FROM: plan.from,
    CRASH_LOG: logOf(lab, id),
  };
  return lab.start(id, { ...options, main, env });
}

/** From now on the node's points count. */
export async function arm(lab: TestLab, node: TestNode): Promise<void> {
  const before = readLog(lab, node.id, "armed").length;
  node.child.kill("SIGUSR2");
  await until(`node ${node.id} counts`, () => readLog(lab, node.id, "armed").length > before);
}

/** What the runs of node `id` noted under this word, oldest first. */
export function readLog(lab: TestLab, id: number, word: "point" | "promise" | "armed"): string[] {
  const path = logOf(lab, id);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length + 1));
}

function logOf(lab: TestLab, id: number): string {
  return join(lab.folder, `crash-${id}.log`);
}

export function hasCrashed(node: TestNode): boolean {
  return node.child.signalCode === "SIGKILL";
}

/** The replies that clients got, to be compared with the disks when all nodes are down. */
export class Promises {
  readonly done = new Set<string>();
  /** Trade ids and request ids. */
  readonly never = new Set<string>();
  open = 0;

  note(requestId: string, result: ControlResult | null): void {
    if (result === null) throw new Error(`no answer to ${requestId}, whatever was restarted`);
    if (result.ok) {
      this.done.add((result.data as { trade_id: string }).trade_id);
      return;
    }
    if (!result.definite) {
      this.open += 1;
      return;
    }
    this.never.add(requestId);
    if (result.trade_id !== undefined) this.never.add(result.trade_id);
  }
}

/** Everybody has everything, nothing is under way, and no credit came or went; then all are killed and their disks compared. */
export async function settleAndAudit(
  lab: TestLab,
  nodes: readonly TestNode[],
  promises: Promises,
  others: readonly number[] = [],
): Promise<void> {
  await until(
    "all ledgers are equal and nothing is pending",
    async () => {
      const pings = await Promise.all(nodes.map((node) => node.ping()));
      const isIdle = pings.every((ping) => ping?.pending === 0 && ping.holdback === 0);
      return isIdle && new Set(pings.map((ping) => ping?.ledger_hash)).size === 1;
    },
    30_000,
  );
  const states = await Promise.all(nodes.map((node) => node.state()));
  for (const { id, balance, balances } of states) {
    const sum = Object.values(balances).reduce((total, each) => total + each, 0);
    if (sum !== 100 * Object.keys(balances).length) throw new Error(`node ${id} counts ${sum} credits in all`);
    if (states.some((state) => state.balances[id] !== balance)) throw new Error(`balances of ${id} differ`);
  }
  await Promise.all(nodes.map((node) => node.kill()));
  const ids = [...new Set([...nodes.map((node) => node.id), ...others])];
  const paths = new Map(ids.map((id) => [id, join(lab.dataDir(id), "ledger.db")]));
  auditLedgers(paths, { initialCredits: 100, ...promises });
}
