/**
 * Answers to questions about a node: pure functions of the state, in the shapes of the control channel and in the words of the
 * original's prompt. The shell adds what only it knows (authentication, profile, uptime, impairments, memory).
 */
import type { PingData, StateData } from "../../wire/control.ts";
import { clockObject } from "../kernel/vector-clock.ts";
import { accountOf, balanceOf, durableClock, ledgerHash } from "../ledger/ledger.ts";
import { aliveIds, type Member } from "../membership/members.ts";
import { restartText } from "../membership/stale-incarnation.ts";
import { describeRecovery, waitingText } from "../recovery/awaited.ts";
import { promiseTexts } from "../recovery/promises.ts";
import type { NodeState } from "../state.ts";
import { countOpenTrades, pendingTrades } from "../trading/outcomes.ts";

/** The fields that only the shell knows. */
export type ShellFields = "auth" | "keys" | "profile" | "uptime_ms" | "impairments" | "impair_generation" | "rss_bytes";
export type CoreStateData = Omit<StateData, ShellFields>;
type MemberRowData = StateData["members"][number];

/** Small and cheap: what agreement is computed from. */
export function describePing(state: NodeState): PingData {
  const { self, phase, election, config, causal } = state;
  return {
    id: self.id,
    inc: self.incarnation,
    phase,
    role: election.role,
    coordinator: election.coordinator,
    term: election.claimTerm,
    elected: election.elected,
    preempt: config.preempt,
    balance: balanceOf(state, self.id),
    ledger_hash: ledgerHash(state),
    holdback: causal.held,
    pending: countOpenTrades(state),
    ...(waitingText(state) === "" ? {} : { waits: waitingText(state) }),
  };
}

export function describeState(state: NodeState): CoreStateData {
  const { config, ledger, self } = state;
  const balances: Record<string, number> = {};
  for (const id of [...ledger.accounts.keys()].sort((a, b) => a - b)) balances[id] = accountOf(state, id)?.balance ?? 0;
  return {
    ...describePing(state),
    boot_id: self.bootId,
    durable: config.durable,
    members: membersById(state).map((member) => describeMember(state, member)),
    clock: clockObject(durableClock(state)),
    balances,
    reserved: state.trading.reserved,
    pending_trades: pendingTrades(state),
    equivocations: describeEquivocations(state),
    voters: [...config.voters],
    ...(waitingText(state) === "" ? {} : { recovery: describeRecovery(state) }),
    lost_records: [...state.recovery.lost.values()].map(({ seller_id, buyer_id, amount, seq, trade_id }) => ({
      trade_id,
      from: seller_id,
      to: buyer_id,
      amount,
      seq,
    })),
    counters: Object.fromEntries([...state.counters].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** The other nodes, by id. */
export function describeMembers(state: NodeState): MemberRowData[] {
  return membersById(state).map((member) => describeMember(state, member));
}

/** The original's `status` block, with what it didn't have: state, term, pending trades. */
export function statusText(state: NodeState): string {
  const { self, phase, election, config, causal } = state;
  const active = [...aliveIds(state), self.id].sort((a, b) => a - b);
  const clock = [...durableClock(state)].filter(([, seq]) => seq > 0).sort(([a], [b]) => a - b);
  const waiting = waitingText(state);
  const restart = restartText(state);
  const rule = "=".repeat(40);
  return [
    rule,
    `  NODE STATUS - Node ${self.id}`,
    rule,
    `  State: ${phase}${config.durable ? "" : " (memory only)"}${waiting === "" ? "" : ` - ${waiting}`}`,
    ...(restart === "" ? [] : [`  RESTART NEEDED: ${restart}`]),
    `  Role: ${election.role}`,
    `  Coordinator: ${describeCoordinator(state)}`,
    `  Balance: ${balanceText(state)}`,
    `  Active Nodes: [${active.join(", ")}]`,
    `  Vector Clock: [${clock.map(([id, seq]) => `${id}:${seq}`).join(", ")}]`,
    `  Buffered Messages: ${causal.held}`,
    `  Pending Trades: ${pendingTrades(state).length}`,
    ...[...state.recovery.lost.values()].map(
      ({ seller_id, buyer_id, amount, seq }) =>
        `  Lost: debit ${seq} of Node ${seller_id}, ${amount} credits to Node ${buyer_id}`,
    ),
    ...equivocationLines(state),
    ...promiseTexts(state).map(
      (text) => `  Held back: the log of ${text}, until its fence comes (its owner lost its disk)`,
    ),
    rule,
  ].join("\n");
}

function describeEquivocations(state: NodeState): StateData["equivocations"] {
  return [...state.causal.equivocations]
    .map(([account, count]) => ({ account, count }))
    .sort((a, b) => a.account - b.account);
}

/** Nothing when all logs are what they should be. */
function equivocationLines(state: NodeState): string[] {
  const seen = describeEquivocations(state).map(({ account, count }) => `Node ${account} (${count})`);
  const diverged = [...state.causal.diverged].map(
    ([id, seq]) => `  DIVERGED: the log of Node ${id} is another one elsewhere, at debit ${seq} at the latest`,
  );
  return [
    ...(seen.length === 0 ? [] : [`  EQUIVOCATION: contradictions in the log of ${seen.join(", ")}, ignored`]),
    ...diverged,
  ];
}

/** The original's `nodes`: known nodes and their states, this one included. */
export function nodesText(state: NodeState): string {
  const { self, election } = state;
  const lines = membersById(state).map((member) => ({ id: member.id, text: nodeLine(state, member) }));
  const note = election.coordinator === self.id ? ", coordinator" : "";
  const waiting = waitingText(state);
  const why = waiting === "" ? "" : `, ${state.phase}: ${waiting}`;
  lines.push({ id: self.id, text: `  Node ${self.id} (self${note})${why}` });
  lines.sort((a, b) => a.id - b.id);
  return ["Known Nodes:", ...lines.map((line) => line.text)].join("\n");
}

export function balanceText(state: NodeState): string {
  const { reserved } = state.trading;
  const balance = balanceOf(state, state.self.id);
  return `${balance} credits${reserved > 0 ? ` (${reserved} reserved)` : ""}`;
}

function describeCoordinator(state: NodeState): string {
  const { coordinator, claimTerm, elected } = state.election;
  if (coordinator === null) return "none";
  return `Node ${coordinator} (term ${claimTerm}${elected ? "" : ", provisional: no quorum"})`;
}

/** The original's words: its "active" is our ALIVE. */
function nodeLine(state: NodeState, member: Member): string {
  const silentMs = member.lastHeardAtMs === null ? null : state.nowMs - member.lastHeardAtMs;
  const heard = silentMs === null ? "never heard" : `heard ${(silentMs / 1000).toFixed(1)} s ago`;
  const role = state.election.coordinator === member.id ? "coordinator, " : "";
  const standing = member.state === "ALIVE" ? "active" : member.state.toLowerCase();
  return `  Node ${member.id} (${role}${standing}) at ${member.address ?? "no address"}, ${heard}`;
}

function describeMember(state: NodeState, member: Member): MemberRowData {
  return {
    id: member.id,
    state: member.state,
    inc: member.incarnation,
    rinc: member.rinc,
    address: member.address,
    address_proven: member.isProven,
    phase: member.phase,
    silent_ms: member.lastHeardAtMs === null ? null : Math.max(0, state.nowMs - member.lastHeardAtMs),
    srtt_ms: member.srttMs,
  };
}

function membersById(state: NodeState): Member[] {
  return [...state.members.values()].sort((a, b) => a.id - b.id);
}
