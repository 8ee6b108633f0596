/** Our own peers, as a kind of node. */
import { CHECKERS, runChecks } from "../check/checkers.ts";
import { missingQuietMs } from "../check/quiet.ts";
import { readDetail } from "../journal/detail.ts";
import { parseEntry } from "../journal/entry.ts";
import { findCoordinator } from "./judge-agreement.ts";
import type { Kind } from "./kind.ts";
import { lookAtPeers } from "./lab-conditions.ts";
import { askEveryMs, waitForAgreement } from "./wait-for.ts";

export const ENERGY: Kind = {
  hasControl: true,
  isTapped: false,
  helpers: () => null,
  prepare: (engine, progress, signal) => engine.prepare(progress, signal),
  waitUntilUp: waitForAgreement,
  answers: async (ids, ask) => new Map(await Promise.all(ids.map(async (id) => [id, await ask(id)] as const))),
  coordinator: async (lab) => findCoordinator(await lab.ping()),
  look: lookAtPeers,
  lookEveryMs: askEveryMs,
  columns: () => Promise.resolve(new Map()),
  lineReader: () => Promise.resolve(({ text }) => parseEntry(text)),
  readTap: () => Promise.resolve(null),
  facts: readDetail,
  judge: (journal, checks) => {
    const names = checks === "none" ? [] : CHECKERS.map(({ name }) => name);
    return Promise.resolve(runChecks(journal, typeof checks === "string" ? names : checks.map(String)));
  },
  missingMs: (journal, _checks, results) =>
    results.some(({ verdict }) => verdict === "inconclusive") ? missingQuietMs(journal) : null,
};
