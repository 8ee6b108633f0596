/**
 * Carries out the requests of the control channel and the words of the prompt. Queries are answered from the core's state at once;
 * commands go into the core, whose reply comes back as an effect.
 *
 * Pure: the simulator's nodes have the same.
 */

import type { Command, CommandResult } from "../core/kernel/types.ts";
import type { Archive } from "../core/ledger/recall.ts";
import { HISTORY_LINES, historyData, historyPage, historyText, newestOfOwn } from "../core/query/history.ts";
import {
  balanceText,
  describeMembers,
  describePing,
  describeState,
  nodesText,
  statusText,
} from "../core/query/query.ts";
import type { NodeState } from "../core/state.ts";
import { tradeOutcome } from "../core/trading/outcomes.ts";
import type { ControlResult, ImpairmentRule, StateData } from "../wire/control.ts";
import { HELP_TEXT } from "./command-line.ts";
import type { NodeRequest } from "./control-server.ts";
import { messageOf } from "./errors.ts";

/** Facts that the host of a node knows; the host is a process or the simulator. */
export interface HostFacts {
  readonly auth: "open" | "keyed";
  readonly keys: readonly number[];
  readonly profile: string;
  readonly rssBytes: number;
  /** Counters of the host's own. */
  readonly hostCounters: ReadonlyMap<string, number>;
}

/** Facts that the shell knows and the core doesn't. */
export interface ShellFacts extends HostFacts {
  readonly uptimeMs: number;
  readonly counters: ReadonlyMap<string, number>;
  readonly impairments: readonly ImpairmentRule[];
  readonly impairGeneration: number;
}

export interface OperationsOptions {
  readonly state: NodeState;
  /** Null: memory only. */
  readonly archive: Archive | null;
  readonly command: (command: Command) => void;
  readonly impair: (request: Extract<NodeRequest, { op: "impair" }>) => ControlResult;
  /** Leaves a moment later: the last thing that a client hears should not be silence. */
  readonly leave: () => void;
  readonly facts: () => ShellFacts;
}

/** One more than is shown tells whether there are more. */
const NEWEST = HISTORY_LINES + 1;

/** The result, or null when the core will reply. */
export type Operations = (request: NodeRequest) => ControlResult | null;

export function createOperations(options: OperationsOptions): Operations {
  const { state } = options;
  return (request) => {
    switch (request.op) {
      case "ping":
        return succeed(describePing(state));
      case "state":
        return succeed(describeWhole(state, options.facts()));
      case "status":
        return succeed(describePing(state), statusText(state));
      case "balance": {
        const { balance } = describePing(state);
        return succeed({ balance }, `Balance: ${balanceText(state)}`);
      }
      case "nodes":
        return succeed({ members: describeMembers(state) }, nodesText(state));
      case "help":
        return succeed({}, HELP_TEXT);
      case "history":
        return history(options, request.offset, request.limit);
      case "trade":
        return read(() =>
          succeed(tradeOutcome(state, request.trade_id, options.archive?.trade(request.trade_id) ?? null)),
        );
      case "sell":
      case "buy":
        options.command({
          op: request.op,
          requestId: request.request_id,
          peer: request.peer,
          amount: request.amount,
          inc: request.inc ?? null,
          until: request.until,
        });
        return null;
      case "election":
        options.command({ op: "election", requestId: request.request_id });
        return null;
      case "recover":
        options.command({ op: "recover", requestId: request.request_id, acceptLoss: request.accept_loss });
        return null;
      case "leave":
        options.leave();
        return succeed({ leaving: true }, "Shutting down...");
      case "impair":
        return options.impair(request);
    }
  };
}

/** All trades that are on disk; without one those in memory. */
function history({ state, archive }: OperationsOptions, offset: number, limit: number): ControlResult {
  const own = state.self.id;
  if (archive === null) {
    const text = historyText(own, newestOfOwn(state, NEWEST), state.ledger.dropped > 0);
    return succeed(historyPage(state, offset, limit), text);
  }
  return read(() => {
    const { records, total } = archive.page(offset, limit);
    return succeed(historyData(offset, records, total), historyText(own, archive.newestOfOwn(NEWEST), false));
  });
}

function read(answer: () => ControlResult): ControlResult {
  try {
    return answer();
  } catch (error) {
    const message = `the ledger can't be read: ${messageOf(error)}`;
    return { ok: false, code: "STORAGE", definite: true, message };
  }
}

function describeWhole(state: NodeState, facts: ShellFacts): StateData {
  const described = describeState(state);
  return {
    ...described,
    auth: facts.auth,
    keys: [...facts.keys],
    profile: facts.profile,
    uptime_ms: facts.uptimeMs,
    counters: { ...described.counters, ...Object.fromEntries([...facts.counters, ...facts.hostCounters]) },
    impairments: [...facts.impairments],
    impair_generation: facts.impairGeneration,
    rss_bytes: facts.rssBytes,
  };
}

function succeed(data: unknown, text?: string): ControlResult {
  return text === undefined ? { ok: true, data } : { ok: true, data, text };
}

/** The core's answer to a command in the control channel's words. */
export function toControlResult(result: CommandResult): ControlResult {
  if (result.ok) return result;
  const { tradeId, ...rest } = result;
  return tradeId === undefined ? rest : { ...rest, trade_id: tradeId };
}
