/**
 * RECOVERING: the way back of a node whose disk was lost, from its old balance to its next debit.
 *
 * It has its account and log back as far as the others know them. Any of its debits may still be known to one payee alone, so it asks
 * every member for the highest number that was seen there, fetches what is missing, lets all of them promise to deliver nothing
 * behind that, and writes a fence as its next record. What members hold back behind a debit that nobody has is given up with the disk.
 * `recover --accept-loss` does the same without the members that are away, given a majority of the voters and the promises of all that
 * are here.
 */
import type { RecoveryData } from "../../wire/control.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, TradeRecord } from "../../wire/message.ts";
import { confirmPayload, fieldsOf } from "../causal/broadcast.ts";
import { causesOfNext, forgetCauses } from "../causal/causes.ts";
import { noteGap } from "../causal/gaps.ts";
import { removeHeld } from "../causal/holdback.ts";
import { majority } from "../election/claims.ts";
import { journal, multicast, reply, unicast } from "../kernel/outbox.ts";
import { cancelTimer, hasTimer, setTimer } from "../kernel/timers.ts";
import type { Command, CommandResult, Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { lastSeq } from "../ledger/account.ts";
import { accountOf, applyRecord, assert, balanceOf, durableClock, persistLedger } from "../ledger/ledger.ts";
import { detailsOf } from "../ledger/testimony.ts";
import { parseTradeId } from "../ledger/trade-id.ts";
import { sendJoinTo } from "../membership/introduction.ts";
import { aliveIds, isLive } from "../membership/membership.ts";
import { outgrow } from "../membership/stale-incarnation.ts";
import type { NodeState } from "../state.ts";
import { closePromise, isCovered, isHeld, noteLost } from "./fence.ts";
import type { FenceAnswer } from "./recovery-state.ts";

const ASK_FIRST_MS = 50;
const ASK_CAP_MS = 2_000;
/** A group that is whole answers sooner: nobody needs to read whom it waited for. */
const ASKS_BEFORE_TOLD = 2;

type RecoverCommand = Extract<Command, { op: "recover" }>;

/** Whom a RECOVERING node waits for, and why; `id` null: for enough voters. */
export interface Awaited {
  readonly id: NodeId | null;
  readonly why: string;
}

/** Level trigger, after every input: asks, and writes the fence once nothing is left to wait for. */
export function reviewRecovery(state: NodeState): void {
  const { recovery } = state;
  if (state.phase !== "RECOVERING" || recovery.fenceWriteId !== null) return;
  if (hasUnasked(state)) {
    recovery.attempts = 0;
    ask(state);
  } else if (!hasTimer(state.timers, "recovery-ask", "")) ask(state);
  const last = lastKnown(state);
  if (last !== entry(state.ledger.clock, state.self.id)) return;
  if (awaited(state, "ask").length > 0) return;
  // When the others have restarted too, trade ids are what is left of our earlier incarnations: none may be given out again.
  if (awaited(state, "promise").length === 0 && !outgrow(state, usedIncarnation(state))) writeFence(state, last);
}

/** The own log as far as it is known, on disk. */
function lastKnown(state: NodeState): number {
  return entry(durableClock(state), state.self.id);
}

// Asking --------------------------------------------------------------------------------------------------------------------------

export function askAgain(state: NodeState): void {
  if (state.phase !== "RECOVERING" || state.recovery.fenceWriteId !== null) return;
  ask(state);
  if (state.recovery.attempts > ASKS_BEFORE_TOLD) tellOnce(state);
}

/** The promise is asked for last: it keeps the members from delivering, so it should not stand for long. */
function ask(state: NodeState): void {
  const { recovery } = state;
  const stage = stageOf(state);
  const at = lastKnown(state);
  for (const id of aliveIds(state)) {
    if (isAnswered(state, id, stage)) continue;
    recovery.asked.set(id, questionTo(state, id, stage));
    unicast(state, id, "FENCE_REQUEST", { stage, at, accept_loss: recovery.acceptLoss !== null });
    if (recovery.attempts >= ASKS_BEFORE_TOLD && answerOf(state, id) === undefined) introduce(state, id);
  }
  const waitMs = Math.min(ASK_FIRST_MS << Math.min(recovery.attempts, 6), ASK_CAP_MS);
  recovery.attempts += 1;
  setTimer(state.timers, "recovery-ask", "", state.nowMs + waitMs);
}

function stageOf(state: NodeState): "ask" | "promise" {
  return awaited(state, "ask").length === 0 ? "promise" : "ask";
}

/** Somebody is there at last, or is another process; or this node has another incarnation, or more of its log: no repetition, which may wait. */
function hasUnasked(state: NodeState): boolean {
  const stage = stageOf(state);
  const isUnasked = (id: NodeId) => state.recovery.asked.get(id) !== questionTo(state, id, stage);
  return aliveIds(state).some((id) => !isAnswered(state, id, stage) && isUnasked(id));
}

/** What makes two questions to a member differ. */
function questionTo(state: NodeState, id: NodeId, stage: "ask" | "promise"): string {
  const { self, members, recovery } = state;
  const { requestId = "" } = recovery.acceptLoss ?? {};
  return [self.incarnation, members.get(id)?.incarnation, stage, lastKnown(state), requestId].join(" ");
}

/** Who remembers a later process of ours, or its LEAVE, hears nothing of us but a JOIN, and answers with the incarnation to exceed. */
function introduce(state: NodeState, id: NodeId): void {
  const address = state.members.get(id)?.address ?? null;
  if (address !== null) sendJoinTo(state, id, address);
}

export function onFenceResponse(state: NodeState, message: MessageOf<"FENCE_RESPONSE">, from: Origin): void {
  const { recovery } = state;
  if (state.phase !== "RECOVERING" || recovery.fenceWriteId !== null) return;
  const { at, accept_loss, have, next = true, promised, phase, absent } = message.payload;
  // An answer to a question that was withdrawn meanwhile: what counts differs.
  if (accept_loss !== (recovery.acceptLoss !== null)) return;
  recovery.answers.set(from.sender, {
    incarnation: from.incarnation,
    have,
    endsAt: next ? -1 : at,
    promisedAt: promised ? at : -1,
    phase,
    absent,
  });
  noteGap(state, state.self.id, have, from.sender);
}

/** The answer of a member that still runs as the process that gave it. */
function answerOf(state: NodeState, id: NodeId): FenceAnswer | undefined {
  const answer = state.recovery.answers.get(id);
  return answer !== undefined && answer.incarnation === state.members.get(id)?.incarnation ? answer : undefined;
}

function isAnswered(state: NodeState, id: NodeId, stage: "ask" | "promise"): boolean {
  return whyOpen(state, id, stage) === null;
}

// Whom it waits for ---------------------------------------------------------------------------------------------------------------

/** Everybody that has to answer and has not, at that stage. */
export function awaited(state: NodeState, stage: "ask" | "promise"): Awaited[] {
  const open: Awaited[] = [];
  for (const id of requiredIds(state)) {
    const why = whyOpen(state, id, stage);
    if (why !== null) open.push({ id, why });
  }
  const { config, self, recovery } = state;
  const { voters } = config;
  const next = lastKnown(state) + 1;
  if (recovery.acceptLoss === null && isHeld(state, self.id, next))
    open.push({ id: null, why: `its own debit ${next}, whose causes are missing` });
  if (voters.length === 0) return open;
  const heard = voters.filter((id) => id === self.id || answersAsVoter(state, id, stage)).length;
  if (heard < majority(state)) open.push({ id: null, why: `${heard} of the ${majority(state)} voters needed answer` });
  return open;
}

function answersAsVoter(state: NodeState, id: NodeId, stage: "ask" | "promise"): boolean {
  const answer = answerOf(state, id);
  return answer !== undefined && (stage === "ask" || answer.promisedAt === lastKnown(state));
}

/** With the loss accepted: who is here. Else: everybody that ever was, but those who left and left nothing behind. */
function requiredIds(state: NodeState): NodeId[] {
  const { members, recovery, ledger, self } = state;
  if (recovery.acceptLoss !== null) return aliveIds(state);
  const ids = new Set([...ledger.accounts.keys(), ...recovery.answers.keys()]);
  for (const member of members.values()) if (member.state !== "UNKNOWN") ids.add(member.id);
  const covered = new Set<NodeId>();
  for (const answer of recovery.answers.values())
    for (const [id, isLeftCovered] of answer.absent) {
      ids.add(id);
      if (isLeftCovered === 1) covered.add(id);
    }
  ids.delete(self.id);
  return [...ids].filter((id) => isHere(state, id) || !(covered.has(id) || isCovered(state, id))).sort((a, b) => a - b);
}

function isHere(state: NodeState, id: NodeId): boolean {
  const member = state.members.get(id);
  return member !== undefined && isLive(member);
}

/** Why that member is waited for; null: it isn't. */
function whyOpen(state: NodeState, id: NodeId, stage: "ask" | "promise"): string | null {
  const member = state.members.get(id);
  if (member === undefined || member.state === "UNKNOWN") return "has not been heard; start it";
  if (!isLive(member))
    return member.state === "LEFT"
      ? "left with debits that nobody else is known to have; start it"
      : "FAILED; start it";
  const answer = answerOf(state, id);
  if (answer === undefined)
    return `has not answered yet${member.phase === "READY" ? "" : ` (${member.phase ?? "starting"})`}`;
  const last = lastKnown(state);
  const isOutOfReach = answer.endsAt === last && state.rules.unreachableGivenUp;
  if (answer.have > last && !isOutOfReach) return `has debit ${answer.have} of this node, which is being fetched`;
  if (answer.phase === "RECOVERING" && state.recovery.acceptLoss === null) return "lost its disk too";
  if (stage === "promise" && answer.promisedAt !== last) return "has not promised yet";
  return null;
}

/** `waits for Node 4 (FAILED; start it)`, for status, nodes, journal and refusals; empty: for nothing. */
export function waitingText(state: NodeState): string {
  if (!isRecovering(state)) return "";
  if (state.phase !== "RECOVERING") return "waits for somebody who knows its account";
  const open = awaited(state, "ask");
  const parts = open.map(({ id, why }) => (id === null ? why : `Node ${id} (${why})`));
  return parts.length === 0 ? "waits for the last promises" : `waits for ${parts.join(", ")}`;
}

/** The disk was lost, and the way back isn't done. */
export function isRecovering(state: NodeState): boolean {
  return state.join.lostDisk && state.config.durable;
}

function tellOnce(state: NodeState): void {
  const text = waitingText(state);
  if (text === state.recovery.told) return;
  state.recovery.told = text;
  journal(state, { kind: "state", level: "warn", msg: `RECOVERING: ${text}` });
}

/** The highest incarnation in which this node is known to have asked for a trade; 0: none. */
function usedIncarnation({ ledger, self }: NodeState): number {
  let used = 0;
  for (const { base } of ledger.accounts.values()) used = Math.max(used, base.named.get(self.id) ?? 0);
  for (const tradeId of ledger.byTrade.keys()) {
    const name = parseTradeId(tradeId);
    if (name?.from === self.id) used = Math.max(used, name.incarnation);
  }
  return used;
}

// The fence -----------------------------------------------------------------------------------------------------------------------

function writeFence(state: NodeState, last: number): void {
  const { self, recovery, ledger } = state;
  const account = accountOf(state, self.id);
  assert(account !== undefined && lastSeq(account) === last, "the fence would not be the next record");
  const seq = last + 1;
  const record: TradeRecord = {
    trade_id: `${self.id}-${self.id}-${self.incarnation}.0`,
    buyer_id: self.id,
    seller_id: self.id,
    amount: 0,
    seq,
    deps: causesOfNext(state, seq) ?? new Map([[self.id, seq]]),
    prev_hash: account.lastHash,
  };
  applyRecord(ledger, record);
  forgetCauses(state);
  const rows = [{ table: "fence", account: self.id, at: null } as const];
  const writeId = persistLedger(state, { accounts: [], records: [record] }, rows);
  recovery.fenceWriteId = writeId;
  multicast(state, "TRADE_CONFIRM", confirmPayload(record), { clock: record.deps, afterWrite: writeId });
  const msg = `RECOVERED: ${describeBasis(state, last)}; the log goes on after debit ${last}`;
  closePromise(state, record);
  journal(
    state,
    {
      kind: "state",
      level: "warn",
      msg,
      ...fieldsOf(record),
      balance: balanceOf(state, self.id),
      ...detailsOf(state, record),
    },
    writeId,
  );
}

/** What makes it right to go on after debit `last`. */
function describeBasis({ recovery }: NodeState, last: number): string {
  if (recovery.acceptLoss !== null) return "the loss of what absent nodes may hold is accepted";
  let highest = 0;
  for (const { have } of recovery.answers.values()) highest = Math.max(highest, have);
  const told = "every member has told what it knows";
  if (highest <= last) return told;
  return `${told}; debit ${last + 1} was on the lost disk only, so what is held up to debit ${highest} can't follow`;
}

/** True once: the fence is on disk, the node may pay again. */
export function takeFenced(state: NodeState, writeId: number): boolean {
  const { recovery, self, join } = state;
  if (recovery.fenceWriteId !== writeId || state.phase !== "RECOVERING") return false;
  recovery.fenceWriteId = null;
  for (const held of [...(state.causal.holdback.get(self.id)?.values() ?? [])]) {
    removeHeld(state, self.id, held.seq);
    noteLost(state, held);
  }
  recovery.answers.clear();
  recovery.asked.clear();
  join.lostDisk = false;
  cancelTimer(state.timers, "recovery-ask", "");
  cancelTimer(state.timers, "recovery-patience", "");
  if (recovery.acceptLoss !== null) {
    const { requestId } = recovery.acceptLoss;
    recovery.acceptLoss = null;
    const { fencedAt = 0 } = accountOf(state, self.id) ?? {};
    const text = `Node ${self.id} goes on after debit ${fencedAt - 1} with ${balanceOf(state, self.id)} credits; debits that turn up later are shown as lost`;
    reply(state, requestId, true, { ok: true, data: { ...describeRecovery(state), state: "recovered" }, text });
  }
  return true;
}

// The command -----------------------------------------------------------------------------------------------------------------------

/** `recover` tells what is waited for and what would be lost; with `--accept-loss` it goes on without those who are away. */
export function onRecoverCommand(state: NodeState, command: RecoverCommand): void {
  const { recovery } = state;
  const refusal = refusalOf(state, command);
  if (refusal !== null) {
    reply(state, command.requestId, true, refusal);
    return;
  }
  if (!command.acceptLoss) {
    reply(state, command.requestId, true, {
      ok: true,
      data: { ...describeRecovery(state) },
      text: recoveryText(state),
    });
    return;
  }
  recovery.acceptLoss = { requestId: command.requestId };
  recovery.answers.clear();
  journal(state, { kind: "state", level: "warn", msg: `Asked to recover with the loss of what absent nodes may hold` });
  setTimer(state.timers, "recovery-patience", "", state.nowMs + state.config.timing.offerTimeoutMs);
}

function refusalOf(state: NodeState, { acceptLoss }: RecoverCommand): CommandResult | null {
  const { self, phase, config, recovery } = state;
  if (phase !== "RECOVERING")
    return refuse("NOT_RECOVERING", `Node ${self.id} is ${phase}, not RECOVERING: there is nothing to recover`);
  if (!acceptLoss) return null;
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

/** Not everybody who is here has promised: nothing was given up, and nothing will be. */
export function onRecoveryPatienceOver(state: NodeState): void {
  const { recovery } = state;
  if (recovery.acceptLoss === null || recovery.fenceWriteId !== null) return;
  const { requestId } = recovery.acceptLoss;
  const open = awaited(state, "promise").map(({ id, why }) => (id === null ? why : `Node ${id} ${why}`));
  recovery.acceptLoss = null;
  recovery.answers.clear();
  reply(state, requestId, true, refuse("UNANSWERED", `Nothing was given up: ${open.join(", ")}`));
}

export function describeRecovery(state: NodeState): RecoveryData {
  const open = isRecovering(state) ? awaited(state, "ask") : [];
  return {
    state: state.phase,
    at: lastKnown(state),
    balance: balanceOf(state, state.self.id),
    waiting_for: open,
    at_risk: open.flatMap(({ id }) => (id === null || isHere(state, id) ? [] : [id])),
  };
}

function recoveryText(state: NodeState): string {
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
