/**
 * The rows of a benchmark: what was measured, beside the goal or the floor of the same run. Text for people, JSON lines with -o json.
 */
import { type Summary, summarise } from "./stats.ts";

export interface Row {
  readonly what: string;
  readonly unit: "us" | "ms" | "ratio" | "MB" | "%" | "1/s" | "1/h" | "kB/s" | "credits" | "count";
  readonly samples: readonly number[];
  /** What the project aims at; null: a floor or a neighbour, for comparison only. */
  readonly goal: Goal | readonly Goal[] | null;
}

export type Goal = { readonly of: keyof Summary } & ({ readonly atMost: number } | { readonly atLeast: number });

/** More of them would make a line of many megabytes; their order statistics are there. */
const SAMPLES_KEPT = 10_000;

export class Report {
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  heading(text: string): void {
    if (!this.#json) process.stdout.write(`\n${text}\n`);
  }

  note(text: string): void {
    process.stderr.write(`  ${text}\n`);
  }

  row(row: Row): void {
    const summary = summarise(row.samples);
    if (this.#json) {
      const { samples, ...rest } = row;
      const kept = samples.length > SAMPLES_KEPT ? {} : { samples };
      process.stdout.write(`${JSON.stringify({ ...rest, ...kept, ...summary })}\n`);
      return;
    }
    const isWhole = row.unit === "count" || ((row.unit === "1/s" || row.unit === "ms") && summary.median >= 10);
    const digits = row.unit === "ratio" ? 2 : isWhole ? 0 : 1;
    const show = (value: number): string => (value === Number.POSITIVE_INFINITY ? "never" : value.toFixed(digits));
    const goal = [row.goal ?? []]
      .flat()
      .map((one) => `   ${judge(one, summary)}`)
      .join("");
    process.stdout.write(
      `  ${row.what.padEnd(58)} median ${show(summary.median)} ${row.unit}  p95 ${show(summary.p95)}  p99 ${show(summary.p99)}  min ${show(summary.min)}  max ${show(summary.max)}  n=${summary.n}${goal}\n`,
    );
  }
}

function judge(goal: Goal, summary: Summary): string {
  const value = summary[goal.of];
  const [sign, bound, isMet] =
    "atMost" in goal ? ["<=", goal.atMost, value <= goal.atMost] : [">=", goal.atLeast, value >= goal.atLeast];
  return `goal: ${goal.of} ${sign} ${bound} ${isMet ? "(met)" : "(MISSED)"}`;
}
