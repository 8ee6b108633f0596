/**
 * From the lines that a program writes to lines of the journal. Pure.
 *
 * A line is an event; one that tells a fact carries it: `fact`, `value`, and in `fields` what the pattern's groups caught.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import type { Program } from "./program-spec.ts";
import type { Decoded, TapEvent } from "./tap.ts";

/** A line of output, and when it was written (wall clock). */
export interface OutputLine {
  readonly node: NodeId;
  readonly text: string;
  readonly stream: "stdout" | "stderr";
  readonly atMs?: number;
}

/** Of one node: each fact's last value. */
export type Facts = Readonly<Record<string, string>>;

const CHARS_MAX = 4_000;
/** biome-ignore lint/suspicious/noControlCharactersInRegex: programs write binary */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

export class ProgramLines {
  readonly #facts: readonly {
    readonly match: RegExp;
    readonly kind: string;
    readonly fields: Readonly<Record<string, string>>;
  }[];
  readonly #run: string | null;
  /** By node: when its processes ended, ascending. */
  readonly #ends = new Map<NodeId, number[]>();
  readonly #seqs = new Map<string, number>();
  readonly #begins = new Map<string, number>();

  /** @param own lines of the lab itself: they tell when a node's processes ended */
  constructor(program: Program, run: string | null, own: readonly Entry[]) {
    this.#run = run;
    this.#facts = (program.facts ?? []).map(({ match, kind, ...fields }) => ({
      match: new RegExp(match, "u"),
      kind,
      fields,
    }));
    for (const entry of own) {
      const action = readLabAction(entry);
      if (action?.action !== "kill" && action?.action !== "stop" && action?.action !== "died") continue;
      const atMs = action.action === "died" ? (action.atMs ?? entry.time) : entry.time;
      for (const id of action.nodes) this.#ends.set(id, [...(this.#ends.get(id) ?? []), atMs]);
    }
  }

  /** Which of its processes wrote at this time: 1, 2, … */
  lifeAt(node: NodeId, atMs: number): number {
    return 1 + (this.#ends.get(node) ?? []).filter((end) => end < atMs).length;
  }

  read({ node, text, stream, atMs = 0 }: OutputLine): Entry {
    const { seq, mono, run } = this.#number(node, atMs);
    const inc = this.lifeAt(node, atMs);
    const said = text.replaceAll(CONTROL, "\uFFFD").slice(0, CHARS_MAX);
    const base = {
      ...run,
      node,
      inc,
      seq,
      time: atMs,
      mono,
      level: stream === "stderr" ? "warn" : "info",
      msg: said,
    } as const;
    const fact = this.#factOf(said);
    return fact === null ? { ...base, kind: "local" } : { ...base, kind: "state", ...fact };
  }

  /** A message that the tap saw, as a line of the node at whose end it was. */
  message({ node, atMs, kind, from, to, send, datagram }: TapEvent, { type, summary }: Decoded, inc: number): Entry {
    const { seq, mono, run } = this.#number(node, atMs);
    const id = `${from}-${inc}.${send}`;
    const ends = `${datagram.source}:${datagram.sourcePort} -> ${datagram.target}:${datagram.targetPort}`;
    const verb = { send: "->", recv: "<-", drop: "x-", duplicate: "<- again" }[kind];
    const reason = kind === "drop" ? { reason: "impaired_cut" } : {};
    const peers = { from, ...(to !== undefined && { to }) };
    const common = { ...run, node, inc: this.lifeAt(node, atMs), seq, time: atMs, mono, level: "info" } as const;
    return {
      ...common,
      kind,
      msg: `${verb} ${ends}  ${summary}`,
      type,
      id,
      ...peers,
      ...reason,
      bytes: datagram.bytes,
    };
  }

  #number(
    node: NodeId,
    atMs: number,
  ): { readonly seq: number; readonly mono: number; readonly run: { readonly run?: string } } {
    const key = `${node}.${this.lifeAt(node, atMs)}`;
    const seq = (this.#seqs.get(key) ?? 0) + 1;
    this.#seqs.set(key, seq);
    const beganMs = this.#begins.get(key) ?? atMs;
    this.#begins.set(key, beganMs);
    return { seq, mono: Math.max(0, atMs - beganMs), run: this.#run === null ? {} : { run: this.#run } };
  }

  #factOf(
    said: string,
  ): { readonly fact: string; readonly value: string; readonly fields: Readonly<Record<string, string>> } | null {
    for (const { match, kind, fields } of this.#facts) {
      const found = match.exec(said);
      if (found === null) continue;
      const all = { ...fields, ...found.groups };
      return { fact: kind, fields: all, value: all.value ?? (Object.values(all).join(" ") || "yes") };
    }
    return null;
  }
}

/** The last value of each fact, by node, of each node's present life. */
export function foldFacts(entries: readonly Entry[], lifeOf: (node: NodeId) => number): ReadonlyMap<NodeId, Facts> {
  const facts = new Map<NodeId, Record<string, string>>();
  for (const { node, inc, fact, value } of entries) {
    if (typeof fact !== "string" || typeof value !== "string" || inc !== lifeOf(node)) continue;
    const own = facts.get(node) ?? {};
    facts.set(node, own);
    own[fact] = value;
  }
  return facts;
}

const NO = new Set(["no", "false", "0", ""]);

/** `yes`, `true` or its own number mean: I am; another number means that it follows that one. */
export function isHolder(id: NodeId, value: string | undefined): boolean {
  if (value === undefined || NO.has(value)) return false;
  return /^\d+$/.test(value) ? Number(value) === id : true;
}
