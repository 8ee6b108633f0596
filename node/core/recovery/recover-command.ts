/** The command `recover`, with which a person looks at a node that waits, and ends the wait. */

import { abstentionText, endAbstention } from "../election/abstention.ts";
import { majority } from "../election/roles.ts";
import { journal, reply } from "../kernel/outbox.ts";
import { isNewcomer } from "../kernel/phase.ts";
import { setTimer } from "../kernel/timers.ts";
import type { Command, CommandResult } from "../kernel/types.ts";
import { isHere } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import { awaited, describeRecovery, waitingText } from "./awaited.ts";
import { awaitedWitnesses } from "./witnesses.ts";

type RecoverCommand = Extract<Command, { op: "recover" }>;

/**
 * `recover` tells what is waited for and what would be lost; with `--accept-loss` it goes on without those who are away: it mints without
 * their word, fences without their promise, or votes again without their terms.
 */
export function onRecoverCommand(state: NodeState, command: RecoverCommand): void {
  const { recovery, join, self } = state;
  const refusal = refusalOf(state, command);
  if (refusal !== null) {
    reply(state, command.requestId, true, refusal);
    return;
  }
  if (!command.acceptLoss) {
    const data = { ...describeRecovery(state) };
    reply(state, command.requestId, true, { ok: true, data, text: recoveryText(state) });
    return;
  }
  journal(state, { kind: "state", level: "warn", msg: `Asked to go on with the loss of what absent nodes may hold` });
  if (state.phase === "RECOVERING") {
    recovery.acceptLoss = { requestId: command.requestId };
    recovery.answers.clear();
    setTimer(state.timers, "recovery-patience", "", state.nowMs + state.config.timing.offerTimeoutMs);
    return;
  }
  const data = { ...describeRecovery(state), state: "recovered" };
  const isMinting = isNewcomer(state);
  if (isMinting) join.lossAccepted = true;
  else endAbstention(state);
  const text = isMinting
    ? `Node ${self.id} opens its account without the voters that are away`
    : `Node ${self.id} votes again`;
  reply(state, command.requestId, true, { ok: true, data, text });
}

function refusalOf(state: NodeState, { acceptLoss }: RecoverCommand): CommandResult | null {
  const { self, phase, config, recovery, election } = state;
  const isMinting = awaitedWitnesses(state).length > 0;
  if (phase !== "RECOVERING" && !isMinting && !(phase === "READY" && election.abstaining))
    return refuse("NOT_RECOVERING", `Node ${self.id} is ${phase}, not RECOVERING: there is nothing to recover`);
  if (!acceptLoss || isMinting) return null;
  if (recovery.fenceWriteId !== null || recovery.acceptLoss !== null)
    return refuse("BUSY", `Node ${self.id} is about to recover already`);
  if (config.voters.length === 0)
    return refuse(
      "NO_QUORUM",
      "No voters are declared (DS_VOTERS), so nobody can accept a loss: start the nodes that are away",
    );
  const here = config.voters.filter((id) => id === self.id || isHere(state, id));
  if (here.length >= majority(state)) return null;
  const needed = majority(state);
  return refuse(
    "NO_QUORUM",
    `A majority of the voters is needed (${needed} of ${config.voters.length}), here are ${here.length}: start more of them`,
  );
}

/** Some live members have not promised: nothing was given up, and nothing will be. */
export function onRecoveryPatienceOver(state: NodeState): void {
  const { recovery } = state;
  if (recovery.acceptLoss === null || recovery.fenceWriteId !== null) return;
  const { requestId } = recovery.acceptLoss;
  const open = awaited(state, "promise").map(({ id, why }) => (id === null ? why : `Node ${id} ${why}`));
  recovery.acceptLoss = null;
  recovery.answers.clear();
  reply(state, requestId, true, refuse("UNANSWERED", `Nothing was given up: ${open.join(", ")}`));
}

function recoveryText(state: NodeState): string {
  const { id } = state.self;
  if (isNewcomer(state))
    return `The account of Node ${id} isn't confirmed.\nIt ${waitingText(state)}.\nWith --accept-loss it opens its account without them: if it had one before that only they know, it is issued a second time.`;
  if (state.phase === "READY")
    return `Node ${id} had another disk before, or may have had one. It ${abstentionText(state)}.\nWith --accept-loss it votes again: a term in which it voted before may then have two elected coordinators.`;
  const { at, balance, at_risk } = describeRecovery(state);
  const risk =
    at_risk.length === 0
      ? "Nobody is away: it recovers by itself."
      : `With --accept-loss, debits after number ${at} that only ${at_risk.map((id) => `Node ${id}`).join(", ")} may hold would be lost.`;
  return `Node ${state.self.id} lost its disk; its log is known up to debit ${at} (balance ${balance}).\nIt ${waitingText(state)}.\n${risk}`;
}

function refuse(code: "NOT_RECOVERING" | "NO_QUORUM" | "UNANSWERED" | "BUSY", message: string): CommandResult {
  return { ok: false, code, definite: true, message };
}
