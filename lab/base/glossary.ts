/**
 * The project's own words, each explained in a sentence or two. `lab help words` prints them, the page shows them under "?", and each links
 * into node/protocol/words.md, which says the same at length.
 */
export interface Word {
  readonly term: string;
  readonly definition: string;
}

/** In alphabetical order. */
export const GLOSSARY: readonly Word[] = [
  {
    term: "agree",
    definition:
      "All running nodes report the same coordinator and term, and the coordinator reports itself. In a partition each side is judged alone.",
  },
  {
    term: "converged",
    definition:
      "The nodes agree, all ledgers are equal, and no payment is pending or held back. `lab wait converged` waits for it.",
  },
  {
    term: "coordinator",
    definition:
      "The leader. It is elected when a majority of the voters voted for it in the current term, otherwise provisional.",
  },
  {
    term: "fence",
    definition:
      "A ledger record that closes an account's old log after its node lost the disk. Debits of the old log that nobody had received by then can no longer be added.",
  },
  {
    term: "held back",
    definition:
      "A payment that arrived before a payment it depends on. The node applies it as soon as the earlier one is there (causal delivery).",
  },
  {
    term: "incarnation",
    definition:
      "The number of a node's process: 1 for its first start, one more for each restart. Messages of earlier incarnations are dropped.",
  },
  {
    term: "provisional",
    definition:
      "A coordinator without a majority of the voters, as on the smaller side of a partition. It steps down when it meets an elected one.",
  },
  {
    term: "shim",
    definition:
      "The part of a node that delays, drops or copies received datagrams on the lab's behalf, where the kernel can't (no netem, no root, no container).",
  },
  {
    term: "term",
    definition: "The number of an election. Each term has at most one elected coordinator.",
  },
  {
    term: "voter",
    definition:
      "A node whose vote counts in elections. Voters are fixed when the lab is made (`--voters`), so that two halves of a partition can't both elect a coordinator.",
  },
  {
    term: "wire",
    definition:
      "The journal level that records every message sent and received (`lab up --journal wire`). Diagrams need it; the default level, events, leaves messages out.",
  },
];

/** From the project's folder. */
export const WORDS_FILE = "node/protocol/words.md";

/** Where the protocol explains the word: `node/protocol/words.md#held-back`. */
export function linkWord(term: string): string {
  return `${WORDS_FILE}#${term.replaceAll(" ", "-")}`;
}
