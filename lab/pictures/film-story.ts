/**
 * What a moving picture tells of a run, read from its journal: who led when, who suspected whom, what everybody owned, which command was
 * given, which lines the nodes wrote. Instants are the journal's.
 */
import type { Entry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import { type LabAction, readLabAction } from "../journal/lab-entry.ts";
import { findAbsences } from "./film-trips.ts";

/** A value that holds from `atMs` on, until the next one. */
export interface Since<T> {
  readonly atMs: number;
  readonly value: T;
}

export interface NodeStory {
  readonly id: number;
  /** Term that it leads; null: it doesn't. */
  readonly leads: readonly Since<number | null>[];
  readonly stands: readonly Since<boolean>[];
  readonly isDead: readonly Since<boolean>[];
  /** How many others suspect it, and how many hold it for failed. */
  readonly doubted: readonly Since<{ readonly suspected: number; readonly failed: number }>[];
  /** Null: no account yet. */
  readonly balance: readonly Since<number | null>[];
}

export interface Story {
  readonly nodes: readonly NodeStory[];
  /** The last command that was given, without `$ lab`. */
  readonly commands: readonly Since<string>[];
  readonly words: readonly Since<string>[];
  readonly lines: readonly Since<string>[];
}

export function tellStory(journal: Journal): Story {
  const { nodes } = journal.facts;
  const absences = findAbsences(journal);
  const stories = nodes.map((id) => tellNode(id, journal, absences.get(id) ?? []));
  const commands: Since<string>[] = [];
  const words: Since<string>[] = [];
  const lines: Since<string>[] = [];
  const told = new Set<string>();
  for (const entry of journal.entries) {
    const { time: atMs } = entry;
    const action = readLabAction(entry);
    const command = action === null ? null : commandOf(action);
    if (command !== null) commands.push({ atMs, value: command });
    const said = action === null ? wordsOfNode(entry, journal) : wordsOfAction(action);
    if (said !== null && !told.has(said)) words.push({ atMs, value: said });
    if (said !== null) told.add(said);
    if (isTold(entry)) lines.push({ atMs, value: `${entry.node}: ${entry.msg.replace(/ \(trade_id=.*\)/, "")}` });
  }
  const byTime = (a: Since<string>, b: Since<string>) => a.atMs - b.atMs;
  words.sort(byTime);
  return { nodes: stories, commands, words, lines: lines.sort(byTime) };
}

function tellNode(id: number, journal: Journal, absences: readonly (readonly [number, number])[]): NodeStory {
  const leads: Since<number | null>[] = [{ atMs: 0, value: null }];
  const stands: Since<boolean>[] = [{ atMs: 0, value: false }];
  const balance: Since<number | null>[] = [{ atMs: 0, value: null }];
  const isDead = absences.flatMap(([from, until]) => [
    { atMs: from, value: true },
    ...(Number.isFinite(until) ? [{ atMs: until, value: false }] : []),
  ]);
  const doubted: Since<{ suspected: number; failed: number }>[] = [{ atMs: 0, value: { suspected: 0, failed: 0 } }];
  const views = new Map<number, string>();
  for (const entry of journal.entries) {
    const { time: atMs, node, peer, state } = entry;
    if (node === id && entry.role !== undefined) {
      leads.push({ atMs, value: entry.role === "COORDINATOR" ? (entry.term ?? 0) : null });
      stands.push({ atMs, value: entry.role === "CANDIDATE" });
    }
    if (node === id && entry.balance !== undefined) balance.push({ atMs, value: entry.balance });
    if (entry.kind === "member" && peer === id && state !== undefined) {
      views.set(node, state);
      const count = (wanted: string) => [...views.values()].filter((view) => view === wanted).length;
      doubted.push({ atMs, value: { suspected: count("SUSPECTED"), failed: count("FAILED") } });
    }
  }
  for (const [from] of absences) {
    insert(leads, { atMs: from, value: null });
    insert(stands, { atMs: from, value: false });
  }
  return { id, leads, stands, isDead: [{ atMs: 0, value: false }, ...isDead], doubted, balance };
}

function insert<T>(list: Since<T>[], item: Since<T>): void {
  const at = list.findIndex(({ atMs }) => atMs > item.atMs);
  list.splice(at < 0 ? list.length : at, 0, item);
}

function commandOf(action: LabAction): string | null {
  switch (action.action) {
    case "up":
      return `up --nodes ${action.nodes.length}`;
    case "kill":
    case "stop":
    case "start":
      return `${action.action} ${action.nodes.join(",")}`;
    case "order":
      return action.result === "begin" ? `${action.op} ${action.by} ${action.peer} ${action.amount}` : null;
    default:
      return null;
  }
}

function wordsOfAction(action: LabAction): string | null {
  switch (action.action) {
    case "up":
      return `${countInWords(action.nodes.length)} peers start and find each other. There is no server.`;
    case "kill":
      return `Node ${action.nodes.join(", ")} is killed. Nobody is told; its peers hear nothing any more.`;
    case "start":
      return `Node ${action.nodes.join(", ")} comes back with the ledger that it has on disk.`;
    case "order":
      if (action.result !== "begin") return null;
      return action.op === "sell"
        ? `Node ${action.by} pays ${action.amount} credits to node ${action.peer}: asked, agreed, on disk, told to all.`
        : `Node ${action.by} asks node ${action.peer} to pay it ${action.amount} credits.`;
    default:
      return null;
  }
}

function wordsOfNode(entry: Entry, journal: Journal): string | null {
  const { node, msg, peer, state } = entry;
  if (entry.kind === "member" && state === "SUSPECTED")
    return `Probes stay unanswered: node ${peer} is SUSPECTED, not yet given up.`;
  if (entry.kind === "member" && state === "FAILED")
    return `The suspicion lasted: node ${peer} has FAILED. The highest number left stands for election.`;
  if (entry.role === "COORDINATOR")
    return entry.elected === true
      ? `Node ${node} leads term ${entry.term}: a majority of the ${journal.facts.voters.length} voters is for it.`
      : `Node ${node} leads term ${entry.term} provisionally.`;
  if (msg.startsWith("No higher-priority nodes") && entry.inc === 1 && entry.term === 0)
    return `Node ${node} has the highest number. It stands, and asks everybody for a vote.`;
  if (msg.startsWith("No higher-priority nodes") && entry.inc > 1)
    return `Node ${node} has what it missed, and the highest number: it stands again.`;
  return null;
}

/** The original project's log lines, as far as they carry the story. */
function isTold({ kind, msg, role, state, peer, node, balance, inc }: Entry): boolean {
  if (node === 0) return false;
  if (kind === "election") return !/=====|broadcast|No coordinator known/.test(msg) || role === undefined;
  if (kind === "member") return state !== "ALIVE" || (peer !== undefined && msg.includes("is back"));
  if (kind === "trade" || kind === "deliver") return balance !== undefined;
  return kind === "state" && inc > 1 && / is READY|State synchronized/.test(msg);
}

function countInWords(count: number): string {
  return ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"][count] ?? String(count);
}
