/**
 * The messages between `lab dash` and its page: types only, so that server, page and tests share them and a browser loads nothing.
 *
 * Idea: three requests, each a POST with the token in a header, so that no cookie or address carries it and no other site's page can
 * send one by accident (lab/dash/gate.ts):
 *
 *   /api/stream    StreamRequest  -> one StreamMessage in JSON a line (NDJSON), until either side ends it
 *   /api/command   DashCommand    -> CommandReply
 *   /api/catalogue CatalogueRequest -> Catalogue (scenarios and stored runs)
 *
 * The client for all three is lab/dash/client.ts; the `lab` line that a command equals is made by lab/dash/page-command.ts. Both run in
 * browsers too.
 */

import type { PingData, StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { CheckResult } from "../check/verdict.ts";
import type { Agreement } from "../cluster/judge-agreement.ts";
import type { NodeStatus } from "../engine/engine.ts";
import type { Entry } from "../journal/entry.ts";
import type { Gap, RunFacts } from "../journal/journal.ts";
import type { Lesson } from "../scenario/lesson.ts";

/** Raised when an older page can't read what this server says. */
export const DASH_PROTOCOL = 1;

export interface StreamRequest {
  /** A stored run to replay, by its name in the catalogue; null: what the server was started for. */
  readonly run: string | null;
  /** The number at which an earlier stream of the same `server` broke off (`entries.next`); null: from the beginning. */
  readonly resume: { readonly server: string; readonly next: number } | null;
}

/** First `hello`, then whatever there is. Readers ignore an unknown type. */
export type StreamMessage =
  | Hello
  | Entries
  | Snapshot
  | Verdicts
  | ScenarioProgress
  | Skipped
  | Notice
  /** The connection lives; sent when nothing else was for some seconds. */
  | { readonly type: "beat"; readonly atMs: number }
  /** Nothing more comes, also after connecting again. */
  | { readonly type: "end"; readonly why: "replayed" | "lab-gone" | "server-ends"; readonly text: string };

/** The run of a StreamRequest that is the lab of the experiment which is played, or was played last. */
export const LESSON_RUN = "lesson:";

export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  /** Names this server process: what it numbered means nothing to the next one. */
  readonly server: string;
  readonly mode: "live" | "replay";
  readonly facts: RunFacts;
  /** The time on the nodes' clocks now; in a replay the last entry's time. */
  readonly nowMs: number;
  /** Lines that are missing from a replayed journal; of a live one nobody knows yet. */
  readonly gaps: readonly Gap[];
  /** Entries that `Entries` messages with `isPast` will bring before anything else. */
  readonly past: number;
  /** False in a replay: commands would be refused. */
  readonly mayCommand: boolean;
}

/**
 * Lines of the journal, nodes' and lab's. Each batch is in causal order; between batches a cause may follow its effect when the engine
 * was late with the log of one node.
 */
export interface Entries {
  readonly type: "entries";
  readonly entries: readonly Entry[];
  /** From before this stream began, or from a stored run. */
  readonly isPast: boolean;
  /** To go on from here on a new connection. */
  readonly next: number;
}

/** The state of engine and nodes at one moment; about once a second, less often with many nodes. */
export interface Snapshot {
  readonly type: "snapshot";
  /** Wall clock of the nodes. */
  readonly atMs: number;
  readonly nodes: readonly NodeView[];
  readonly faults: readonly FaultView[];
  readonly agreement: Agreement;
}

export interface NodeView {
  readonly id: NodeId;
  /** The engine's word. */
  readonly status: NodeStatus;
  readonly exitCode: number | null;
  readonly unplugged: boolean;
  readonly startedAtMs: number | null;
  readonly address: string | null;
  /** Of a swarm, by name; absent: there is but one. */
  readonly host?: string;
  /** The node's own words; null: it can't or doesn't answer. */
  readonly says: NodeWords | null;
}

export interface NodeWords extends PingData {
  /** How it sees the others: a row of the N x N matrix. */
  readonly members: readonly Pick<
    StateData["members"][number],
    "id" | "state" | "inc" | "phase" | "silent_ms" | "srtt_ms"
  >[];
  readonly clock: StateData["clock"];
  readonly balances: StateData["balances"];
  /** Of `balances`: equal at all nodes, and never other than what the accounts began with. */
  readonly sum: number;
  /** Promised to trades that aren't decided. */
  readonly reserved: number;
  readonly pending_trades: StateData["pending_trades"];
  readonly counters: StateData["counters"];
  readonly uptime_ms: number;
  readonly rss_bytes: number;
}

/** One fault as a command made it. */
export interface FaultView {
  /** `f1`: what `heal` takes. */
  readonly id: string;
  /** As typed: "partition 1,2 3-5". */
  readonly cause: string;
  readonly kind: "partition" | "isolate" | "netem" | "unplug";
  /** Directed; the same node twice: a cable, or the sender's own interface. */
  readonly pairs: readonly { readonly from: NodeId; readonly to: NodeId }[];
  /** "+100 ms ±20 ms, 10% lost", "cut". */
  readonly effect: string;
  /** Wall clock of the nodes; null: until healed. */
  readonly untilMs: number | null;
}

/** The checkers' results for a stored run. */
export interface Verdicts {
  readonly type: "verdicts";
  readonly checks: readonly CheckResult[];
}

/** A scenario that is played from the page. */
export interface ScenarioProgress {
  readonly type: "scenario";
  readonly file: string;
  /** `waiting`: for the command `next`. */
  readonly state: "waiting" | "running" | "passed" | "failed" | "stopped";
  /** Number of the step that is being done or waited for, from 0. */
  readonly step: number;
  readonly steps: number;
  /** The step in words: "kill leader". */
  readonly text: string;
  /** Of a lesson about a bug: it is played without it. */
  readonly isCured?: boolean;
  /** The expected and the seen value, when it failed; what is still open when it passed. */
  readonly detail: string;
}

/** The reader was slower than the cluster: so many entries were left out before what comes next. Snapshots go on. */
export interface Skipped {
  readonly type: "skipped";
  readonly entries: number;
}

export interface Notice {
  readonly type: "notice";
  readonly level: "info" | "warn";
  readonly code: "engine-silent" | "engine-back" | "log-cut" | "other";
  readonly text: string;
}

/** Nodes as the command line takes them: `3`, `1,2`, `1-3`, `leader`, `followers`, `random`, `all`. */
export type Selector = string;

/** Each is one line of `lab` (command-line.ts) and is done by the same code. Spans in ms, chances 0 to 1. */
export type DashCommand =
  | { readonly verb: "kill" | "stop" | "start" | "restart" | "resume" | "leave"; readonly nodes: Selector }
  | { readonly verb: "unplug" | "plug"; readonly nodes: Selector }
  | { readonly verb: "pause" | "isolate"; readonly nodes: Selector; readonly forMs?: number }
  | {
      readonly verb: "partition";
      readonly groups: readonly Selector[];
      readonly oneWay?: boolean;
      readonly forMs?: number;
    }
  | {
      readonly verb: "netem";
      readonly nodes: Selector;
      readonly delayMs?: number;
      readonly jitterMs?: number;
      readonly loss?: number;
      readonly duplicate?: number;
      readonly reorder?: number;
      readonly rateBps?: number;
      readonly from?: Selector;
      readonly to?: Selector;
      readonly both?: boolean;
      readonly forMs?: number;
    }
  /** Nothing named: everything. */
  | { readonly verb: "heal"; readonly what?: readonly string[] }
  | { readonly verb: "sell" | "buy"; readonly from: Selector; readonly peer: Selector; readonly amount: number }
  | { readonly verb: "scale"; readonly count: number }
  | { readonly verb: "election"; readonly node?: Selector }
  /** Plays compose/scenarios/<file>: step by step (each waits for `next`), or as a whole. */
  | {
      readonly verb: "scenario";
      readonly file: string;
      readonly pace: "step" | "whole" /** Of a lesson about a bug: without it. */;
      readonly isCured?: true;
    }
  | { readonly verb: "next" | "end-scenario" };

export type CommandReply =
  | {
      readonly ok: true;
      /** The command line that does the same. */
      readonly line: string;
      /** What `-o json` prints; null: nothing. */
      readonly data: unknown;
      /** What was said to the person beside it. */
      readonly said: readonly string[];
    }
  | {
      readonly ok: false;
      readonly line: string;
      /** Name of the exit code: failed, usage, notFound, … (lab/base/lab-error.ts). */
      readonly exit: string;
      readonly message: string;
      readonly hint: string;
    };

export interface CatalogueRequest {
  /** Room for filters; none yet. */
  readonly all?: true;
}

export interface Catalogue {
  /** With the course first, in its order. */
  readonly scenarios: readonly Lesson[];
  readonly runs: readonly RunInfo[];
}

export interface RunInfo {
  /** The fields of a StreamRequest. */
  readonly name: string;
  readonly lab: string;
  readonly runtime: RunFacts["runtime"];
  readonly nodes: number;
  /** Of its folder. */
  readonly writtenAtMs: number;
}

/** The answer to every refused request, beside its status 400, 401, 403, 404, 413 or 503. */
export interface DashError {
  readonly error: { readonly code: string; readonly message: string };
}
