/**
 * An invented journal: as many nodes, seconds and lines a second as a test wants, the same each time. It looks like a real one
 * where the page looks: names of messages, books, roles, a leader that is killed and comes back, a cut.
 */
import type { Entry } from "../../lab/journal/entry.ts";
import type { Journal } from "../../lab/journal/journal.ts";

export interface MadeOptions {
  readonly nodes: number;
  readonly seconds: number;
  /** Lines that nodes write in a second, about. */
  readonly linesPerSecond: number;
}

const BEGIN_MS = 1_767_225_600_000;

export function makeJournal({ nodes, seconds, linesPerSecond }: MadeOptions): Journal {
  const maker = new EntryMaker();
  const ids = Array.from({ length: nodes }, (_, n) => n + 1);
  const balances = new Map(ids.map((id) => [id, 100]));
  maker.lab(0, { action: "up", nodes: ids, voters: ids.slice(0, 5), profile: "fast" }, "up");
  for (const id of ids) maker.boot(id, ids, 5);
  for (const id of ids) maker.elect(10, id, nodes, 1);
  const killAtMs = seconds * 300;
  const backAtMs = seconds * 500;
  let packet = 0;
  let trades = 0;
  // A message and its receipt are two lines.
  const gapMs = 2_000 / linesPerSecond;
  let state: "whole" | "killed" | "back" = "whole";
  for (let atMs = 20; atMs < seconds * 1_000; atMs += gapMs) {
    packet += 1;
    if (state === "whole" && atMs > killAtMs) {
      maker.lab(atMs, { action: "kill", nodes: [nodes], signal: "SIGKILL" }, `kill ${nodes} SIGKILL`);
      for (const id of ids.slice(0, -1)) maker.member(atMs + 150, id, nodes, "SUSPECTED");
      for (const id of ids.slice(0, -1)) maker.member(atMs + 300, id, nodes, "FAILED");
      for (const id of ids.slice(0, -1)) maker.elect(atMs + 350, id, nodes - 1, 2);
      state = "killed";
    } else if (state === "killed" && atMs > backAtMs) {
      maker.boot(nodes, ids, atMs, 2);
      maker.lab(atMs, { action: "start", nodes: [nodes] }, `start ${nodes}`);
      for (const id of ids) maker.elect(atMs + 20, id, nodes, 3);
      state = "back";
    }
    const alive = state === "killed" ? ids.slice(0, -1) : ids;
    const from = alive[(packet * 7) % alive.length] as number;
    const to = alive[(packet * 13 + 1) % alive.length] as number;
    if (from === to) continue;
    if (packet % 40 === 0 && (balances.get(from) ?? 0) > 3) {
      trades += 1;
      maker.trade(atMs, { from, to, amount: 1 + (trades % 3), seq: trades }, balances, alive);
      continue;
    }
    const type = ["HEARTBEAT", "PING", "PONG", "PING", "PONG", "ACK", "TRADE_REQUEST", "NAK"][packet % 8] as string;
    // Each fiftieth is lost.
    maker.message(atMs, type, from, to, packet, packet % 50 === 0 ? null : 2 + (packet % 9));
  }
  const entries = maker.entries.sort((a, b) => a.time - b.time);
  return {
    facts: {
      lab: "made",
      run: "made-1",
      runtime: "sim",
      profile: "fast",
      nodes: ids,
      voters: ids.slice(0, 5),
      seed: 1,
      isDetailed: true,
      hasWire: true,
    },
    entries,
    gaps: [],
  };
}

/** Writes lines with the numbers that a node would give them. */
export class EntryMaker {
  readonly entries: Entry[] = [];
  readonly #seqs = new Map<string, number>();
  readonly #incarnations = new Map<number, number>();

  write(atMs: number, node: number, fields: Pick<Entry, "kind" | "msg"> & Partial<Entry>): Entry {
    const inc = node === 0 ? 0 : (this.#incarnations.get(node) ?? 1);
    const seq = (this.#seqs.get(`${node}.${inc}`) ?? 0) + 1;
    this.#seqs.set(`${node}.${inc}`, seq);
    const entry = { level: "info", node, inc, seq, time: BEGIN_MS + atMs, mono: atMs, ...fields } as Entry;
    this.entries.push(entry);
    return entry;
  }

  lab(atMs: number, action: Readonly<Record<string, unknown>>, msg: string): Entry {
    return this.write(atMs, 0, { kind: "fault", msg, ...action });
  }

  boot(id: number, ids: readonly number[], atMs: number, inc = 1): void {
    this.#incarnations.set(id, inc);
    this.write(atMs, id, { kind: "state", msg: "JOIN announced (reliable)" });
    if (inc === 1) {
      this.write(atMs, id, { kind: "state", msg: "New account with 100 credits", balance: 100 });
      const balances = Object.fromEntries(ids.map((other) => [other, 100]));
      const books = { books: "ready", balances, issued: ids.length * 100, vc: {} };
      for (const account of ids)
        this.write(atMs, id, {
          kind: "state",
          level: "debug",
          msg: `Account of Node ${account}`,
          account,
          initial: 100,
        });
      this.write(atMs, id, { kind: "state", level: "debug", msg: "Books (ready)", ...books });
    }
    this.write(atMs, id, { kind: "state", msg: `Node ${id} is READY`, phase: "READY" });
    for (const peer of ids) if (peer !== id) this.member(atMs, id, peer, "ALIVE");
  }

  elect(atMs: number, id: number, coordinator: number, term: number, elected = true): Entry {
    const role = id === coordinator ? "COORDINATOR" : "FOLLOWER";
    const msg = id === coordinator ? "I am now the COORDINATOR" : `Accepted Node ${coordinator} as coordinator`;
    return this.write(atMs, id, { kind: "election", msg, role, term, elected, coordinator });
  }

  member(atMs: number, id: number, peer: number, state: string): Entry {
    return this.write(atMs, id, { kind: "member", msg: `Node ${peer} ${state}`, peer, state, peer_inc: 1 });
  }

  /** @param tookMs null: it is lost */
  message(atMs: number, type: string, from: number, to: number, packet: number, tookMs: number | null): void {
    const id = `${from}-${this.#incarnations.get(from) ?? 1}.${packet}`;
    this.write(atMs, from, { kind: "send", msg: `send ${type} to Node ${to}`, type, id, from, to });
    if (tookMs === null) return;
    this.write(atMs + tookMs, to, { kind: "recv", msg: `recv ${type} from Node ${from}`, type, id, from, to });
  }

  trade(
    atMs: number,
    { from, to, amount, seq }: { from: number; to: number; amount: number; seq: number },
    balances: Map<number, number>,
    nodes: readonly number[],
  ): void {
    const paid = (balances.get(from) ?? 0) - amount;
    const got = (balances.get(to) ?? 0) + amount;
    balances.set(from, paid).set(to, got);
    const record = { type: "TRADE_CONFIRM", id: `${from}-${to}-1.${seq}`, from, to, amount, record_seq: seq };
    const fields = { ...record, vc: { [from]: seq }, from_balance: paid, to_balance: got };
    const msg = `SELL ${amount} credits to Node ${to}`;
    this.write(atMs, from, { kind: "trade", msg, outcome: "committed", balance: paid, ...fields });
    nodes.forEach((id, n) => {
      if (id === from) return;
      const own = id === to ? { balance: got } : {};
      this.write(atMs + 3 + n / 10, id, {
        kind: "deliver",
        level: "debug",
        msg: `Delivered trade of ${amount} credits`,
        ...own,
        ...fields,
      });
    });
  }
}
