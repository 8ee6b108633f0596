/**
 * The purpose of each rule of the protocol: a schedule that breaks a promise without it, and the check that names the breach.
 *
 * With all rules in place every one of these schedules keeps every promise. test/sim/rules.test.ts plays both.
 */

import type { Property } from "../../../lab/sim/checks/judge.ts";
import type { SimOptions } from "../../../lab/sim/cluster/sim-options.ts";
import type { Rule } from "../../../node/core/kernel/rules.ts";
import * as group from "./group-schedules.ts";
import * as money from "./money-schedules.ts";

export interface RuleCase {
  readonly rule: Rule;
  /** The consequence of leaving it out. */
  readonly breaks: string;
  readonly check: Property;
  readonly play: (options: SimOptions) => void;
  readonly options?: Partial<SimOptions>;
  /** Checks that would name the cause before its consequence is there. */
  readonly blind?: readonly Property[];
  /** Rules that guard the same: left out in both runs. */
  readonly without?: readonly Rule[];
  /** Seeds, from 1 on, among which one must show it; default 1: the story leaves nothing to chance. */
  readonly tries?: number;
}

export const RULE_CASES: readonly RuleCase[] = [
  { rule: "reservation", breaks: "80 of 100 credits are sold twice", check: "S1", play: money.sellTwice },
  { rule: "durableBeforeSent", breaks: "a debit is confirmed that a crash would undo", check: "S5", play: money.trade },
  {
    rule: "pinnedIncarnation",
    breaks: "a trade that was refused as stale is executed by its repetition",
    check: "S3",
    play: money.requestAcrossRestart,
  },
  {
    rule: "staleRefused",
    breaks: "a refused request is executed by the payer's next process",
    check: "S3",
    play: money.lateRequest(true),
  },
  {
    rule: "refusalsStay",
    breaks: "a copy of a refused request is executed when the money is there",
    check: "S3",
    play: money.lateRequest(false),
  },
  {
    rule: "tradesOnce",
    breaks: "a copy of a request is executed again",
    check: "S2",
    play: money.requestTwice,
    without: ["requestsPaidOnce"],
  },
  {
    rule: "requestsPaidOnce",
    breaks: "nothing else stops a payer that forgets its trades from paying an order again",
    check: "S2",
    play: money.requestTwice,
    without: ["tradesOnce"],
  },
  {
    rule: "requestsOnce",
    breaks: "a client that repeats its order pays twice",
    check: "S2",
    play: money.repeatedCommand,
  },
  {
    rule: "ownLogFirst",
    breaks: "a payer without its log refuses what it had executed",
    check: "S3",
    play: money.askedTooEarly,
  },
  {
    rule: "persistedIntents",
    breaks: "an order is executed once more after a crash of its buyer",
    check: "S2",
    play: money.buyerForgets,
    blind: ["S5"],
    without: ["requestsPaidOnce"],
  },
  { rule: "doubtResolution", breaks: "a buy stays open for ever", check: "L2", play: money.buyAcrossPartition },
  {
    rule: "confirmRepetition",
    breaks: "one lost datagram delays a payment until the next digest",
    check: "L2",
    play: money.lostConfirmation,
    tries: 5,
  },
  { rule: "safeLeave", breaks: "credits in transit leave with their payer", check: "L2", play: money.payAndLeave },
  {
    rule: "causalDelivery",
    breaks: "money is seen spent before it is seen coming",
    check: "S4",
    play: money.slowFirstCause,
  },
  { rule: "duplicateDetection", breaks: "a copy of a debit moves its money again", check: "S4", play: money.trade },
  {
    rule: "debitsAloneTick",
    breaks: "debits get numbers with gaps, which nobody can fill",
    check: "S4",
    play: money.trade,
  },
  { rule: "entriesStay", breaks: "the leaver's credits vanish", check: "S1", play: money.oneLeaves },
  {
    rule: "holdbackBound",
    breaks: "early records pile up without limit",
    check: "S9",
    play: money.deafAndDumb,
    options: { nodes: 3 },
  },
  { rule: "nak", breaks: "a lost debit is never asked for", check: "L1", play: money.lastDebitLost },
  { rule: "digest", breaks: "a lost last debit is never noticed", check: "L1", play: money.lastDebitLost },
  {
    rule: "digestTurns",
    breaks: "a row whose change was lost is never told again",
    check: "L1",
    play: money.deafForAWhile,
    options: { nodes: 8, bodyBytesMax: 408 },
  },
  { rule: "stateTransfer", breaks: "a joiner never gets what was there before it", check: "L5", play: group.coldStart },
  {
    rule: "persistedVotes",
    breaks: "a voter that restarted votes again in the same term",
    check: "S6",
    play: group.voterReturns((sim) => sim.restart(2)),
    blind: ["S5"],
  },
  { rule: "oneVoteATerm", breaks: "two candidates win one term", check: "S6", play: group.twoCandidates, tries: 10 },
  {
    rule: "majority",
    breaks: "both sides of a partition elect in one term",
    check: "S6",
    play: group.splitWithoutLeader,
    tries: 5,
  },
  {
    rule: "voterAbstains",
    breaks: "a voter with a new disk votes again in the same term",
    check: "S6",
    play: group.voterReturns((sim) => {
      sim.loseDisk(2);
      sim.start(2);
    }),
  },
  {
    rule: "patience",
    breaks: "a candidate that can't be elected keeps others from standing",
    check: "L3",
    play: group.highAndSlow,
  },
  {
    rule: "checkQuorum",
    breaks: "a coordinator that nobody hears goes on calling itself elected",
    check: "L3",
    play: group.lonelyLeader,
  },
  {
    rule: "deadDontLead",
    breaks: "a node steps down in favour of one that it holds FAILED",
    check: "L3",
    play: group.split,
    tries: 10,
  },
  { rule: "lesserGivesWay", breaks: "two coordinators stay after a heal", check: "L3", play: group.split },
  {
    rule: "incarnationGate",
    breaks: "a datagram of a former process brings it back",
    check: "S10",
    play: group.lateHeartbeat,
  },
  {
    rule: "duplicateIdRefused",
    breaks: "two processes take part as one node",
    check: "S10",
    play: group.secondProcess,
    blind: ["S5"],
  },
  { rule: "refutation", breaks: "a node that was once declared FAILED stays FAILED", check: "L3", play: group.sleeper },
  {
    rule: "failedAreTold",
    breaks: "two halves that hold each other FAILED never meet again",
    check: "L3",
    play: group.halves,
  },
  {
    rule: "suspicion",
    breaks: "a few lost datagrams kill a healthy node",
    check: "L4",
    play: group.lossyHealth,
    tries: 3,
  },
  {
    rule: "indirectProbes",
    breaks: "one broken link kills a healthy node",
    check: "L4",
    play: group.brokenPair,
    tries: 5,
  },
  {
    rule: "evidenceOfLife",
    breaks: "a node that hears nobody makes others drop healthy ones",
    check: "L4",
    play: group.deafAccuser,
  },
  {
    rule: "localHealth",
    breaks: "a node that hears badly declares others dead",
    check: "L4",
    play: group.hardOfHearing,
    tries: 5,
  },
  {
    rule: "freezeNoticed",
    breaks: "a node that slept declares everybody else dead",
    check: "L4",
    play: group.sleeperAccuses,
  },
  { rule: "majorityMint", breaks: "a lost account is issued again", check: "S1", play: group.mintAmongStrangers },
  {
    rule: "confirmedAccount",
    breaks: "a node pays from an account that others know differently",
    check: "S1",
    play: group.payUnconfirmed,
  },
  {
    rule: "lostDisk",
    breaks: "a node with a new disk uses the numbers of debits that it forgot",
    check: "S10",
    play: group.payAfterLostDisk,
  },
  {
    rule: "unreachableGivenUp",
    breaks: "a node waits for ever for a debit that only its lost disk had",
    check: "L3",
    play: group.recoverBehindGap,
  },
];
