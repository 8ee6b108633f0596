/**
 * `npm run soak`: a group under constant load and steady trouble for half an hour, and what it looked like afterwards.
 *
 *   npm run soak                                  30 minutes, 8 nodes, on Docker where an engine answers
 *   npm run soak -- --minutes 5 --seed 7 --runtime local --nodes 8
 *
 * All links lose 5 % and take 20 ms with as much jitter. Every 20 s one thing happens, drawn from the seed: a node is killed, the
 * coordinator is killed, the group is cut in two, a node is paused; and is undone some seconds later. Meanwhile sells run between random pairs.
 * At the end everything is healed, and the books of all nodes must agree with each other and with every answer that was given:
 * exit 0, or 5 with what contradicts. Same seed, same schedule; what the machine makes of it differs.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Lab } from "../../lab/lab.ts";
import { Draw } from "../../lab/sim/draw.ts";
import { readHistory } from "../../lab/trade.ts";
import { waitForAgreement, waitUntil } from "../../lab/wait-for.ts";
import { type HistoryData, StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { probeDocker } from "../support/docker-available.ts";
import { lab as cli } from "./command.ts";
import { summarise } from "./stats.ts";

const NAME = "soak";
const EVENT_EVERY_MS = 20_000;
const CREDITS = 1_000_000;
const LOADERS = 8;
const LOOK_EVERY_MS = 5_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    nodes: { type: "string", default: "8" },
    seed: { type: "string", default: "1" },
    runtime: { type: "string" },
  },
});
const runtime =
  values.runtime === "local" || values.runtime === "docker"
    ? values.runtime
    : (await probeDocker()).available
      ? "docker"
      : "local";
const size = Number(values.nodes);
const draw = new Draw(Number(values.seed), "soak");
const endsAtMs = Date.now() + Number(values.minutes) * 60_000;
const violations: string[] = [];

interface Answered {
  readonly from: NodeId;
  readonly requestId: string;
  readonly outcome: "settled" | "refused" | "open";
}

const answered: Answered[] = [];
const latencies: number[] = [];
const memoryMb: { readonly atMs: number; readonly max: number }[] = [];
let holdbackMax = 0;
let pendingMax = 0;
const events: Record<string, number> = {};

console.log(`soak: ${size} nodes (${runtime}), ${values.minutes} min, seed ${values.seed}`);
await cli(
  "up",
  "--name",
  NAME,
  "--nodes",
  String(size),
  "--profile",
  "fast",
  "--runtime",
  runtime,
  "-f",
  await labFile(),
);
try {
  await cli("netem", "all", "--delay", "20ms", "--jitter", "20ms", "--loss", "5%", "--name", NAME);
  await using lab = await Lab.open(NAME, { runtime });
  await Promise.all([trouble(), look(lab), ...Array.from({ length: LOADERS }, () => trade(lab))]);
  await settle(lab);
  await audit(lab);
} finally {
  await cli("down", "--name", NAME);
}
print();
process.exitCode = violations.length === 0 ? 0 : 5;

async function labFile(): Promise<string> {
  const { mkdtemp, writeFile } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const file = join(await mkdtemp(join(tmpdir(), "soak-")), "lab.yaml");
  await writeFile(file, `credits: ${CREDITS}\n`);
  return file;
}

// What happens -----------------------------------------------------------------------------------------------------------------

async function trouble(): Promise<void> {
  while (Date.now() + EVENT_EVERY_MS < endsAtMs) {
    const startedAtMs = Date.now();
    const victim = String(draw.integer(1, size));
    const kind = draw.pick(["kill", "kill-leader", "partition", "pause"] as const);
    events[kind] = (events[kind] ?? 0) + 1;
    const lastsMs = draw.integer(2_000, 10_000);
    try {
      if (kind === "partition") await cut(lastsMs);
      else if (kind === "pause") await cli("pause", victim, "--for", `${lastsMs}ms`, "--name", NAME);
      else {
        await cli("kill", kind === "kill" ? victim : "leader", "--name", NAME).catch(() =>
          cli("kill", victim, "--name", NAME),
        );
        await pause(lastsMs);
        await cli("start", "all", "--name", NAME);
      }
    } catch (error) {
      violations.push(`a lab command failed: ${(error as Error).message.slice(0, 300)}`);
    }
    await pause(Math.max(0, EVENT_EVERY_MS - (Date.now() - startedAtMs)));
  }
}

async function cut(lastsMs: number): Promise<void> {
  const ids = Array.from({ length: size }, (_, i) => i + 1);
  const side = ids.filter(() => draw.chance(0.5));
  if (side.length === 0 || side.length === size) side.splice(0, side.length, 1, 2);
  const rest = ids.filter((id) => !side.includes(id));
  await cli("partition", side.join(","), rest.join(","), "--for", `${lastsMs}ms`, "--name", NAME);
}

/** One trade after the other between random pairs; whatever the answer is, it is kept for the audit. */
async function trade(lab: Lab): Promise<void> {
  while (Date.now() < endsAtMs) {
    const from = draw.integer(1, size);
    const peer = draw.pick(lab.ids.filter((id) => id !== from));
    const requestId = `soak-${answered.length}-${draw.hex64()}`.slice(0, 24);
    const startMs = performance.now();
    try {
      const ping = await lab.pingOne(from, { timeoutMs: 500 });
      if (ping === null) continue;
      await lab.call(
        from,
        { op: "sell", peer, amount: draw.integer(1, 20), inc: ping.inc, until: "settled" },
        { requestId, timeoutMs: 15_000 },
      );
      latencies.push(performance.now() - startMs);
      answered.push({ from, requestId, outcome: "settled" });
    } catch (error) {
      const details = (error as { details?: { definite?: boolean } }).details;
      answered.push({ from, requestId, outcome: details?.definite === true ? "refused" : "open" });
    }
    await pause(20);
  }
}

async function look(lab: Lab): Promise<void> {
  while (Date.now() < endsAtMs) {
    await pause(LOOK_EVERY_MS);
    const states = (await Promise.all(lab.ids.map((id) => stateOf(lab, id)))).filter((state) => state !== null);
    for (const state of states) {
      holdbackMax = Math.max(holdbackMax, state.holdback);
      pendingMax = Math.max(pendingMax, state.pending);
      const sum = Object.values(state.balances).reduce((a, b) => a + b, 0);
      if (Object.keys(state.balances).length === size && sum !== size * CREDITS)
        violations.push(`node ${state.id} counts ${sum} credits`);
      for (const [id, balance] of Object.entries(state.balances))
        if (balance < 0) violations.push(`node ${state.id} sees ${id} with ${balance}`);
      if (state.equivocations.length > 0)
        violations.push(`node ${state.id} reports equivocation: ${JSON.stringify(state.equivocations)}`);
    }
    memoryMb.push({ atMs: Date.now(), max: Math.max(...states.map((state) => state.rss_bytes / 1e6)) });
  }
}

async function stateOf(lab: Lab, id: NodeId): Promise<StateData | null> {
  try {
    return StateData.parse((await lab.call(id, { op: "state" }, { timeoutMs: 2_000 })).data);
  } catch {
    return null;
  }
}

// Afterwards -------------------------------------------------------------------------------------------------------------------

async function settle(lab: Lab): Promise<void> {
  await cli("heal", "--name", NAME);
  await cli("start", "all", "--name", NAME);
  await lab.refresh();
  try {
    await waitForAgreement(lab, { timeoutMs: 30_000 });
    await waitUntil(lab, { timeoutMs: 30_000 }, (answers) => {
      const pings = [...answers.values()];
      const isDone = pings.every(
        (ping) =>
          ping !== null && ping.pending === 0 && ping.holdback === 0 && ping.ledger_hash === pings[0]?.ledger_hash,
      );
      return Promise.resolve({
        done: isDone,
        seen: pings
          .map((ping) => `${ping?.id} ${ping?.ledger_hash} pending ${ping?.pending} held ${ping?.holdback}`)
          .join("; "),
      });
    });
  } catch (error) {
    violations.push(`after the heal: ${(error as Error).message}`);
  }
}

/** Every answer against the books: settled is in them once, refused is not; all books are equal and the money is all there. */
async function audit(lab: Lab): Promise<void> {
  // One after the other: books are long, and the machine may have other work.
  const books: HistoryData["entries"][] = [];
  for (const id of lab.ids) books.push((await readHistory(lab, id, null)).entries);
  const [first = [], ...others] = books;
  const keysOf = (entries: HistoryData["entries"]) =>
    entries
      .map((entry) => `${entry.from}/${entry.seq} ${entry.trade_id} ${entry.amount}`)
      .sort()
      .join("\n");
  for (const [index, book] of others.entries())
    if (keysOf(book) !== keysOf(first)) violations.push(`the books of ${lab.ids[0]} and ${lab.ids[index + 1]} differ`);
  const times = new Map<string, number>();
  for (const entry of first)
    if (entry.request_id !== null) times.set(entry.request_id, (times.get(entry.request_id) ?? 0) + 1);
  for (const { from, requestId, outcome } of answered) {
    const found = times.get(requestId) ?? 0;
    if (found > 1) violations.push(`request ${requestId} of node ${from} was executed ${found} times`);
    if (outcome === "settled" && found === 0)
      violations.push(`request ${requestId} of node ${from} was answered as settled and is in nobody's book`);
    if (outcome === "refused" && found > 0)
      violations.push(`request ${requestId} of node ${from} was refused and executed`);
  }
  let sum = 0;
  for (const ping of (await lab.ping()).values()) sum += ping?.balance ?? Number.NaN;
  if (sum !== size * CREDITS) violations.push(`the nodes own ${sum} credits, ${size * CREDITS} were issued`);
}

function print(): void {
  const count = (outcome: Answered["outcome"]) => answered.filter((one) => one.outcome === outcome).length;
  const tenth = Math.max(1, Math.floor(memoryMb.length / 10));
  const early = summarise(memoryMb.slice(tenth, 2 * tenth + 1).map(({ max }) => max)).median;
  const late = summarise(memoryMb.slice(-tenth).map(({ max }) => max)).median;
  const { median, p95, max } = summarise(latencies);
  console.log(
    `events: ${Object.entries(events)
      .map(([kind, times]) => `${kind} ${times}`)
      .join(", ")}`,
  );
  console.log(
    `trades: ${count("settled")} settled, ${count("refused")} refused, ${count("open")} without an answer in time`,
  );
  console.log(`latency: median ${median.toFixed(0)} ms, p95 ${p95.toFixed(0)}, max ${max.toFixed(0)}`);
  console.log(`largest node: ${early.toFixed(0)} MB at the beginning, ${late.toFixed(0)} MB at the end`);
  console.log(`hold-back at most ${holdbackMax}, pending trades at most ${pendingMax}`);
  for (const violation of violations.slice(0, 20)) console.log(`VIOLATION ${violation}`);
  console.log(violations.length === 0 ? "no violation" : `${violations.length} violations`);
}
