/**
 * The journal: one JSON line per event, on a node's stdout (pino) and in the lab's own file for faults.
 *
 * Checkers and exporters are pure functions of these lines, whatever runtime they came from. `msg` is the sentence that a person
 * reads (the original project's log lines, verbatim, where it had one). Lines stay under 16 KiB: Docker splits longer ones.
 */
import * as z from "zod";
import { NodeId } from "./ids.ts";

/** The kind of event. `send` and `recv` are written at journal level `wire` only. */
export const JournalKind = z.enum([
  "send",
  "recv",
  "deliver",
  "hold",
  "drop",
  "duplicate",
  "state",
  "member",
  "election",
  "trade",
  "reply",
  "local",
  "fault",
]);
export type JournalKind = z.infer<typeof JournalKind>;

export const JournalLevel = z.enum(["debug", "info", "warn", "error"]);
export type JournalLevel = z.infer<typeof JournalLevel>;

/** An event as the core knows it; the shell adds run, node, incarnation, seq and the two clocks. */
export interface JournalEvent {
  readonly kind: JournalKind;
  readonly level: JournalLevel;
  readonly msg: string;
  readonly type?: string;
  readonly id?: string;
  readonly from?: number;
  readonly to?: number;
  /** `{"1":5,"2":3}`, as the original prints it. */
  readonly vc?: Readonly<Record<string, number>>;
  readonly role?: string;
  readonly term?: number;
  readonly elected?: boolean;
  readonly coordinator?: number | null;
  readonly balance?: number;
  readonly [field: string]: unknown;
}

/** One line as written. */
export const JournalLine = z.looseObject({
  run: z.string().optional(),
  node: NodeId.or(z.literal(0)),
  inc: z.int().min(0),
  /** 1, 2, 3, … within (node, inc): gaps mean lost lines. */
  seq: z.int().min(1),
  /** Wall clock, milliseconds since 1970. */
  time: z.number(),
  /** Monotonic clock of the node, milliseconds since its start. */
  mono: z.number(),
  kind: JournalKind,
  level: z.union([JournalLevel, z.int()]),
  msg: z.string(),
});
export type JournalLine = z.infer<typeof JournalLine>;
