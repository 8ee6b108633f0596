/**
 * What all checkers share: the verdict follows from what was found and from what the journal lacks, in one place.
 */
import type { Journal } from "../journal/journal.ts";
import { readStory, type Story } from "./story.ts";
import type { Checker, CheckResult, Violation } from "./verdict.ts";

export interface Findings {
  readonly violations: readonly Violation[];
  /** What lines that aren't there could refute: a violation only where none is missing. */
  readonly unseen?: readonly Violation[];
  /** What was looked at: "1,204 deliveries at 5 nodes". */
  readonly counted: string;
  /** Why nothing was found may mean nothing; absent: the run had all that it takes. */
  readonly open?: string | undefined;
}

export interface CheckerOptions {
  readonly name: string;
  readonly promise: string;
  /** `details`: it needs a line for every delivery. */
  readonly needs: "events" | "details";
  readonly find: (story: Story) => Findings;
}

/** More of the same say nothing new. */
const VIOLATIONS_MAX = 20;

export function defineChecker({ name, promise, needs, find }: CheckerOptions): Checker {
  return {
    name,
    promise,
    check(journal: Journal): CheckResult {
      if (needs === "details" && !journal.facts.isDetailed) {
        const detail = "no line for each delivery: run it with DS_LOG_LEVEL=DEBUG";
        return { check: name, verdict: "inconclusive", violations: [], detail };
      }
      const story = readStory(journal);
      const { violations: proven, unseen = [], counted, open } = find(story);
      const gap = describeGaps(journal, story);
      const violations = gap === null ? [...proven, ...unseen] : proven;
      if (violations.length > 0) {
        const more = violations.length > VIOLATIONS_MAX ? `, the first ${VIOLATIONS_MAX} of ${violations.length}` : "";
        return {
          check: name,
          verdict: "invalid",
          violations: violations.slice(0, VIOLATIONS_MAX),
          detail: `${counted}${more}`,
        };
      }
      const missing = open ?? gap;
      if (missing === null) return { check: name, verdict: "valid", violations: [], detail: counted };
      return { check: name, verdict: "inconclusive", violations: [], detail: `${missing} (${counted})` };
    },
  };
}

/** Null: no line is missing, as far as one can know. */
function describeGaps({ entries, gaps, facts }: Journal, { lives, livesOf }: Story): string | null {
  if (entries.length === 0) return "the journal is empty";
  if (gaps.some(({ node }) => node === 0))
    return "the journal's file is damaged: lines of it are gone or can't be read";
  const silent = facts.nodes.find((id) => !livesOf.has(id));
  if (silent !== undefined) return `there is no line of node ${silent}`;
  if (gaps.length > 0) {
    const nodes = [...new Set(gaps.map(({ node }) => node))].sort((a, b) => a - b);
    return `lines of node ${nodes.join(", ")} are missing`;
  }
  const headless = lives.find((life) => !life.isWhole);
  return headless === undefined ? null : `the first lines of node ${headless.node} are missing`;
}

/** `1,204`, whatever the machine's language. */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
