/**
 * The protocol's rules as switches, so that each can be taken away and what it is for be seen to break.
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
  /** What others may know of a write leaves when the write is on disk. */
  durableBeforeSent: true,
  /** A request names the incarnation of its receiver as it was when the trade was made, also when it is repeated. */
  pinnedIncarnation: true,
  /** What a payer refused it never executes. */
  refusalsStay: true,

  // Causal order and repair ---------------------------------------------------------------------------------------------------
  /** A record is delivered after its causes (off: after its payer's earlier records only). */
  causalDelivery: true,
  /** A record that was delivered before isn't delivered again. */
  duplicateDetection: true,
  /** What is named and missing is asked for. */
  nak: true,
  /** Heartbeats name what their senders have, so that the loss of a last record is noticed too. */
  digest: true,

  // Election ------------------------------------------------------------------------------------------------------------------
  /** A vote is on disk before it is told. */
  persistedVotes: true,
});

export type Rule = keyof typeof RULES;
export type Rules = Readonly<Record<Rule, boolean>>;
