/**
 * The protocol's rules as switches: taking one away shows which promise rests on it.
 *
 * One frozen record. All rules hold in every real node: the bundle that runs in production (build.mjs) has `true` in the place of each
 * `state.rules.<name>`, so no switch is left in it. Only the simulator gives `create` another record.
 *
 * Write `state.rules.<name>` wherever a rule is asked for, nothing shorter: the build looks for exactly that.
 */
export const RULES = Object.freeze({
  // Money ---------------------------------------------------------------------------------------------------------------------
  /** An open offer reserves its amount, so that what is accepted can be paid. */
  reservation: true,
  /** A message that reveals a write leaves when the write is on disk. */
  durableBeforeSent: true,
  /** A request names the incarnation of its receiver as it was when the trade was made, also when it is repeated. */
  pinnedIncarnation: true,
  /** A request is refused by any other incarnation of its receiver. */
  staleRefused: true,
  /** A payer never executes a trade that it refused. */
  refusalsStay: true,
  /** A payer executes a trade id once, however often the request comes. */
  tradesOnce: true,
  /** A payer pays once for a request of a buyer's client, whatever the trade is called. */
  requestsPaidOnce: true,
  /** A control request is executed once, however often the client repeats it. */
  requestsOnce: true,
  /** A node denies a trade only when it holds all of its own log. */
  ownLogFirst: true,
  /** A buyer writes down what it is about to ask for. */
  persistedIntents: true,
  /** A buyer without an answer asks the payer to refuse what it hasn't executed. */
  doubtResolution: true,
  /** A debit is confirmed to its payee again until it is acknowledged. */
  confirmRepetition: true,
  /** A leaver waits until its records are on every live disk. */
  safeLeave: true,

  // Causal order and repair ---------------------------------------------------------------------------------------------------
  /** A record is delivered after its causes (off: after its payer's earlier records only). */
  causalDelivery: true,
  /** A record that was delivered before isn't delivered again. */
  duplicateDetection: true,
  /** Only debits move the vector clock (off: heartbeats do too). */
  debitsAloneTick: true,
  /** A node that left keeps its account and its entries. */
  entriesStay: true,
  /** The hold-back queue is bounded. */
  holdbackBound: true,
  /** A node asks for records that others name and it lacks. */
  nak: true,
  /** Heartbeats name what their senders have, so that the loss of a last record is noticed too. */
  digest: true,
  /** A digest too short for all rows sends all of them in turn (off: those that changed). */
  digestTurns: true,
  /** Joiners, and nodes that lack many records, get members, accounts and records from any member. */
  stateTransfer: true,

  // Election ------------------------------------------------------------------------------------------------------------------
  /** A vote is on disk before the voter sends it. */
  persistedVotes: true,
  /** A voter votes for one candidate a term. */
  oneVoteATerm: true,
  /** A majority of the voters elects a coordinator (off: one of them). */
  majority: true,
  /** A voter that lost its disk abstains until it knows the terms in which it may have voted. */
  voterAbstains: true,
  /** After waiting in vain for the higher ones twice, a candidate goes on without them, and they vote for it. */
  patience: true,
  /** A coordinator without a majority of voters in sight calls itself provisional. */
  checkQuorum: true,
  /** A node never follows a coordinator that it holds for FAILED or LEFT, even if others still do. */
  deadDontLead: true,
  /** Of two coordinators the lesser claim gives way. */
  lesserGivesWay: true,

  // Membership and detection --------------------------------------------------------------------------------------------------
  /** Datagrams of former processes change nothing. */
  incarnationGate: true,
  /** A second process with an id in use is refused. */
  duplicateIdRefused: true,
  /** A node that hears that it is suspected or failed refutes it. */
  refutation: true,
  /** A node tells a FAILED peer so: when it hears the peer, and now and then. */
  failedAreTold: true,
  /** A peer that doesn't answer is suspected before it is FAILED. */
  suspicion: true,
  /** Others are asked to probe a peer that doesn't answer. */
  indirectProbes: true,
  /** Hearsay of a death yields to what was heard of the peer itself. */
  evidenceOfLife: true,
  /** A node that gets no answers at all, or runs late, gives others more time. */
  localHealth: true,
  /** A process that was frozen doesn't take the silence meanwhile for evidence. */
  freezeNoticed: true,

  // Accounts ------------------------------------------------------------------------------------------------------------------
  /** A new account needs a majority of voters that know none. */
  majorityMint: true,
  /** Without voters, an account may trade once another node knows it. */
  confirmedAccount: true,
  /** A node that lost its disk doesn't pay. */
  lostDisk: true,
  /** Debits that are held behind one that was on a lost disk only are given up with it. */
  unreachableGivenUp: true,
});

export type Rule = keyof typeof RULES;
export type Rules = Readonly<Record<Rule, boolean>>;
