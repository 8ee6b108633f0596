/**
 * The checkers' verdicts on the run: the violation first, with the lines that prove it, each a step to its place in the pictures.
 */
import { type CheckResult, type CheckVerdict, worstOf } from "../../check/verdict.ts";
import type { Entry } from "../../journal/entry.ts";
import { PROOF_MAX } from "../app/page-store.ts";
import { formatClock } from "../model/format-time.ts";
import { findEntry } from "../model/violations.ts";
import type { Shared } from "./app.tsx";
import { CommandRow } from "./command-row.tsx";
import { Won } from "./find-it.tsx";

const SIGNS: Readonly<Record<CheckVerdict, string>> = {
  valid: "✓",
  invalid: "✕",
  inconclusive: "?",
  "nothing to judge": "–",
};
const ORDER: readonly CheckVerdict[] = ["invalid", "inconclusive", "valid", "nothing to judge"];

export function Verdicts(shared: Shared) {
  const { store } = shared;
  const { about, checks } = store;
  const verdict = about?.verdict ?? worstOf(checks);
  const sorted = [...checks].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  return (
    <>
      <Won store={shared.store} />
      <h2 class={`verdict-title ${verdict}`}>
        <span aria-hidden="true">{SIGNS[verdict]}</span> {verdict}
      </h2>
      {about !== null && !isToldBelow(about.reason, checks) && <p>{about.reason}</p>}
      {about?.replay != null && <CommandRow store={store} line={about.replay} />}
      {about?.link != null && (
        <>
          <p class="hint">In the playground, where you can hold its time and go on otherwise:</p>
          <CommandRow store={store} line={`lab play ${about.link}`} />
        </>
      )}
      {store.gaps.length > 0 && (
        <p class="hint">Lines are missing in {store.gaps.length} places: what they told isn't in the pictures.</p>
      )}
      {sorted.map((check) => (
        <section key={check.check} class="check">
          <h3>
            <span class={`sign ${check.verdict}`} aria-hidden="true">
              {SIGNS[check.verdict]}
            </span>
            {check.check}
            <span class="unseen">: {check.verdict}</span>
          </h3>
          <p class="hint">{check.detail}</p>
          {check.violations.map((violation) => (
            <div key={violation.what} class="violation">
              <p>{violation.what}</p>
              <ol>
                {violation.proof.slice(-PROOF_MAX).map((entry) => (
                  <Proof key={`${entry.node}.${entry.inc}/${entry.seq}`} entry={entry} {...shared} />
                ))}
              </ol>
            </div>
          ))}
        </section>
      ))}
    </>
  );
}

/** The reason for a verdict is often the violation that stands below. */
function isToldBelow(reason: string, checks: readonly CheckResult[]): boolean {
  return checks.some(({ violations }) => violations.some(({ what }) => reason.endsWith(what)));
}

function Proof({ entry, store }: Shared & { readonly entry: Entry }) {
  return (
    <li>
      <button
        type="button"
        class="line"
        onClick={() => {
          const index = findEntry(store.history, entry);
          if (index === null) return;
          store.seek(store.history.atMs(index));
          const tab = store.tab;
          store.selectEvent(index);
          // The proof stays in sight.
          store.tab = tab;
          store.changed();
        }}
      >
        <span class="when">{formatClock(entry.time - store.bounds.beginMs)}</span>
        <span class="who">{entry.node === 0 ? "lab" : entry.node}</span>
        {entry.msg}
      </button>
    </li>
  );
}
